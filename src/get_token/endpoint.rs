//! Where a token is good: the STS host it is signed for.
//!
//! Regional by default. `AWS_STS_REGIONAL_ENDPOINTS` has no effect, as in the reference; the pseudo-region `aws-global`
//! asks for the global host.

use http::Uri;

use crate::iam::Partition;
use crate::token::{HostForm, Region, StsHost};

/// Pseudo-region of the global host; its signatures name [`GLOBAL_SIGNING_REGION`].
const GLOBAL: &str = "aws-global";

/// What signatures for the global host name.
const GLOBAL_SIGNING_REGION: &str = "us-east-1";

/// An STS endpoint and the region its signatures name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StsEndpoint {
    origin: String,
    signing_region: String,
    configured: bool,
}

/// Which of a region's names is wanted: `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, or the profile's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EndpointForm {
    /// A host with FIPS-validated cryptography.
    pub fips: bool,
    /// A host with IPv6.
    pub dual_stack: bool,
}

/// Why no endpoint fits.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EndpointError {
    /// No region name.
    #[error("region `{0}` is not a region name; expected one like `eu-central-1`")]
    BadRegion(String),
    /// The partition has no such host that a server would accept.
    #[error("region `{region}` has no {wanted} endpoint of STS, which {variable} asks for")]
    NoSuchForm {
        /// The region asked for.
        region: String,
        /// `FIPS`, `dual-stack` or `FIPS dual-stack`.
        wanted: &'static str,
        /// What asked for it.
        variable: &'static str,
    },
    /// A configured endpoint that is no URL.
    #[error("endpoint `{}` is not an http or https URL of a host", without_secrets(.0))]
    BadUrl(String),
}

impl EndpointError {
    /// What to do, with the command; one line.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::BadRegion(_) => "give a region: `--region R`, AWS_REGION or the profile's region".to_owned(),
            Self::NoSuchForm { variable, .. } => {
                format!("choose another region with `--region R`, or unset {variable} (in a profile: use_fips_endpoint, use_dualstack_endpoint)")
            }
            Self::BadUrl(_) => {
                "mend AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL or the profile's endpoint_url: `env | grep AWS_ENDPOINT_URL`"
                    .to_owned()
            }
        }
    }
}

impl StsEndpoint {
    /// The endpoint of `region`.
    ///
    /// A region of no known form counts as commercial, as the SDKs do: new regions work before we know them.
    ///
    /// # Errors
    /// [`EndpointError::BadRegion`], [`EndpointError::NoSuchForm`].
    pub fn of_region(region: &str, form: EndpointForm) -> Result<Self, EndpointError> {
        let label = Region::parse(region).ok_or_else(|| EndpointError::BadRegion(region.to_owned()))?;
        let host = host(label, form).ok_or_else(|| no_such_form(region, form))?;
        let signing_region = if region == GLOBAL { GLOBAL_SIGNING_REGION } else { region };
        Ok(Self {
            origin: format!("https://{}", host.name()),
            signing_region: signing_region.to_owned(),
            configured: false,
        })
    }

    /// An endpoint that the environment or a profile names; its signatures name `region`.
    ///
    /// # Errors
    /// [`EndpointError::BadUrl`].
    pub fn configured(url: &str, region: &str) -> Result<Self, EndpointError> {
        let bad = || EndpointError::BadUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme)).ok_or_else(bad)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        if uri.query().is_some() {
            return Err(bad());
        }
        let path = uri.path().trim_end_matches('/');
        let signing_region = if region == GLOBAL { GLOBAL_SIGNING_REGION } else { region };
        Ok(Self {
            origin: format!("{scheme}://{authority}{path}"),
            signing_region: signing_region.to_owned(),
            configured: true,
        })
    }

    /// Scheme, host and port; no trailing slash.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Region in the credential scope.
    #[must_use]
    pub fn signing_region(&self) -> &str {
        &self.signing_region
    }

    /// Whether a setting named it: a server accepts STS's own hosts only, so such a token serves tests and proxies.
    #[must_use]
    pub const fn is_configured(&self) -> bool {
        self.configured
    }
}

fn host(region: Region, form: EndpointForm) -> Option<StsHost> {
    if region.as_str() == GLOBAL {
        return (form == EndpointForm::default()).then_some(StsHost::Global);
    }
    let partition = Partition::of_region(region.as_str()).unwrap_or(Partition::Aws);
    let form = match (form.fips, form.dual_stack) {
        (false, false) => HostForm::Regional,
        (true, false) if partition.has_regional_fips() => HostForm::Fips,
        // Its regional hosts are the FIPS ones.
        (true, false) => HostForm::Regional,
        (_, true) if partition.dual_stack_suffix().is_none() => return None,
        (false, true) => HostForm::DualStack,
        (true, true) => HostForm::FipsDualStack,
    };
    Some(StsHost::Regional { partition, region, form })
}

/// A URL without query, user and password.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

fn no_such_form(region: &str, form: EndpointForm) -> EndpointError {
    let (wanted, variable) = match (form.fips, form.dual_stack) {
        (true, false) => ("FIPS", "AWS_USE_FIPS_ENDPOINT"),
        (true, true) => ("FIPS dual-stack", "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT"),
        (false, _) => ("dual-stack", "AWS_USE_DUALSTACK_ENDPOINT"),
    };
    EndpointError::NoSuchForm { region: region.to_owned(), wanted, variable }
}
