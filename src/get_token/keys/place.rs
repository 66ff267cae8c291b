//! Region and STS endpoint: flags and environment first, then the profile.

use super::profile::Profiles;
use crate::get_token::{EndpointError, EndpointForm, KeySettings, StsEndpoint};

/// Region of last resort, as in the reference.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// Region and endpoint, as flags, environment and profile have them.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) region: Option<String>,
    pub(super) form: EndpointForm,
    url: Option<String>,
}

impl Place {
    pub(super) fn of(settings: &KeySettings, profiles: &Profiles) -> Self {
        let says_true = |key: &str| profiles.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let ignored = settings.ignore_endpoint_urls.unwrap_or_else(|| says_true("ignore_configured_endpoint_urls"));
        Self {
            region: settings.region.clone().or_else(|| profiles.get("region").map(str::to_owned)),
            form: EndpointForm {
                fips: settings.fips.unwrap_or_else(|| says_true("use_fips_endpoint")),
                dual_stack: settings.dual_stack.unwrap_or_else(|| says_true("use_dualstack_endpoint")),
            },
            url: (!ignored).then(|| settings.endpoint_url.clone().or_else(|| profiles.endpoint_url("sts"))).flatten(),
        }
    }

    /// The endpoint; where no region is set, that of `fallback_region`.
    pub(super) fn endpoint(&self, fallback_region: Option<&str>) -> Result<StsEndpoint, EndpointError> {
        let region = self.region.as_deref().or(fallback_region).unwrap_or(DEFAULT_REGION);
        match &self.url {
            Some(url) => StsEndpoint::configured(url, region),
            None => StsEndpoint::of_region(region, self.form),
        }
    }
}
