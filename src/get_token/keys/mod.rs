//! Whose keys sign: the page from settings to keys.
//!
//! ```text
//! at hand (environment, profile) ─┬───────────────────────────────▶ sign
//! cache file ─▶ SDK's providers ──┴─▶ roles of the profile ─▶ --role ─▶ sign
//!                  kept keys ────────────────────────────────────────▲
//! ```
//!
//! Keys at hand cost nothing. Everything else needs the SDK: a current-thread runtime, and the HTTP client at the first
//! request.

mod assume;
mod caller;
mod credential_cache;
mod kept_keys;
mod logins;
mod mfa;
mod origin;
mod outlook;
mod place;
mod profile;
mod provider_faults;
mod providers;
mod role_chain;
mod session_name;
mod sts;

use std::path::PathBuf;

use aws_credential_types::Credentials;

pub use caller::{Caller, caller};
pub use logins::{Login, LoginState, ProfileReport, profile_report};
pub use origin::Origin;
pub use outlook::{Outlook, outlook};
pub use profile::ProfileError;

use crate::aws::SdkHttp;
use crate::clock::Clock;
use crate::get_token::words::{SKEW, clock_remedy};
use crate::get_token::{CredentialCacheSettings, EndpointForm, GetTokenError, KeySettings, StsEndpoint};
use assume::{Call, Held};
use kept_keys::{Descent, KeptKeys};
use mfa::Person;
use place::{DEFAULT_REGION, Place};
use profile::Profiles;
use providers::{Base, Providers};
use role_chain::{Chain, First};
use sts::Sts;

/// The note of [`Keys`] that sign for the region of last resort because none is set.
pub const REGION_IS_GUESSED: &str = "no region is set, signing for us-east-1; give --region or set AWS_REGION";

/// Seconds a clock may be ahead of AWS's: STS refuses signatures from the future.
const MOST_AHEAD: i64 = 5 * 60;

/// Seconds a clock may be behind: a token ends 15 minutes after the time it names.
const MOST_BEHIND: i64 = -14 * 60;

/// Keys to sign with, and where.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Key id, secret, session token, end. Debug shows no secret.
    pub credentials: Credentials,
    /// Where the base of them came from.
    pub source: KeySource,
    /// The same with the profile that led there.
    pub origin: Origin,
    /// The STS they sign for.
    pub endpoint: StsEndpoint,
    /// Region, as settings and profile have it.
    pub region: Option<String>,
    /// FIPS and dual-stack hosts are wanted.
    pub form: EndpointForm,
    /// The HTTP client that found them.
    pub http: SdkHttp,
    /// Files of a login (`~/.aws/sso/cache`, `~/.aws/login/cache`) they came by: a log-out or a new login changes these.
    pub login_files: Vec<PathBuf>,
    /// The login is that of an account's root user: nothing made with these keys is kept.
    pub is_root_login: bool,
    /// What the person should know.
    pub notes: Vec<String>,
}

/// Where keys came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeySource {
    /// The reference's cache file, or ours.
    Cache,
    /// ECS or EKS Pod Identity.
    Container,
    /// `credential_process` of a profile.
    CredentialProcess,
    /// `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
    /// The instance metadata service.
    Imds,
    /// `aws login`.
    Login,
    /// Keys that stand in a profile.
    Profile,
    /// IAM Identity Center.
    Sso,
    /// A web identity token file.
    WebIdentity,
}

/// Finds keys. Blocks until AWS has answered, if it must be asked; `before_asking` is called before a person is.
///
/// # Errors
/// [`GetTokenError`].
pub fn load(settings: &KeySettings, before_asking: &dyn Fn(), clock: &Clock) -> Result<Keys, GetTokenError> {
    let mut notes = Vec::new();
    let kept = KeptKeys::of(settings);
    let profiles = profiles(settings, &mut notes)?;
    let place = Place::of(settings, &profiles);
    let http = SdkHttp::new(settings.ca_bundle.clone().or_else(|| profiles.get("ca_bundle").map(PathBuf::from)));
    let search = Search {
        settings,
        kept,
        profiles: &profiles,
        place: &place,
        http: &http,
        person: Person { asking: settings.asking, before_asking },
        clock,
    };
    let found = search.run(&mut notes)?;
    if place.region.is_none() && found.endpoint.signing_region() == DEFAULT_REGION && !found.endpoint.is_configured() {
        notes.push(REGION_IS_GUESSED.to_owned());
    }
    Ok(Keys {
        credentials: found.credentials,
        source: found.origin.source,
        origin: found.origin,
        endpoint: found.endpoint,
        region: place.region,
        form: place.form,
        http,
        login_files: found.login_files,
        is_root_login: found.is_root_login,
        notes,
    })
}

impl KeySource {
    /// In words, for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache file",
            Self::Container => "container",
            Self::CredentialProcess => "credential process",
            Self::Environment => "environment",
            Self::Imds => "instance metadata",
            Self::Login => "aws login",
            Self::Profile => "profile",
            Self::Sso => "IAM Identity Center",
            Self::WebIdentity => "web identity",
        }
    }

    /// Whether other keys may come from there at any time, without a trace on this machine's disk.
    #[must_use]
    pub const fn may_change_unseen(self) -> bool {
        matches!(self, Self::Container | Self::CredentialProcess | Self::Imds)
    }
}

/// Everything the search goes by.
struct Search<'s> {
    settings: &'s KeySettings,
    kept: Option<KeptKeys<'s>>,
    profiles: &'s Profiles,
    place: &'s Place,
    http: &'s SdkHttp,
    person: Person<'s>,
    clock: &'s Clock,
}

/// What it ends with.
struct Found {
    credentials: Credentials,
    origin: Origin,
    endpoint: StsEndpoint,
    login_files: Vec<PathBuf>,
    is_root_login: bool,
}

impl Search<'_> {
    fn run(&self, notes: &mut Vec<String>) -> Result<Found, GetTokenError> {
        let settings = self.settings;
        let environment = settings.environment_keys.as_ref().filter(|_| settings.profile.is_none());
        let chain = match environment {
            Some(_) => None,
            None => Some(self.chain()?),
        };
        let at_hand = match (environment, &chain) {
            (Some(keys), _) => Some((keys, Origin::of(KeySource::Environment))),
            (None, Some(chain @ Chain { first: First::Keys(keys), roles, .. })) if roles.is_empty() => {
                Some((keys, chain.origin()))
            }
            (None, _) => None,
        };
        let now = self.clock.now();
        let is_at_hand = at_hand.is_some();
        let mut cache = settings.credential_cache.as_ref().filter(|_| !is_at_hand);
        let mut base = at_hand.map(|(keys, origin)| Base { credentials: keys.clone(), origin });
        if let Some(place) = cache {
            let recalled = credential_cache::recall(place, now);
            notes.extend(recalled.note);
            cache = cache.filter(|_| recalled.keeps);
            base = recalled.keys.map(|credentials| Base { credentials, origin: Origin::of(KeySource::Cache) });
        }
        let login_files: Vec<PathBuf> = chain.iter().filter_map(|chain| chain.login_file(settings)).collect();
        let is_root_login = settings.role.is_none()
            && chain.as_ref().is_some_and(|chain| chain.roles.is_empty() && chain.is_root_login());
        if let (None, Some(Base { credentials, origin })) = (&settings.role, &base) {
            let (credentials, origin, endpoint) = (credentials.clone(), origin.clone(), self.place.endpoint(None)?);
            return Ok(Found { credentials, origin, endpoint, login_files, is_root_login });
        }
        if let Some(kept) = &self.kept {
            let recalled = kept.recall(now);
            notes.extend(recalled.note);
            if let Some(credentials) = recalled.keys {
                let (origin, endpoint) = (Origin::of(KeySource::Cache), self.place.endpoint(None)?);
                return Ok(Found { credentials, origin, endpoint, login_files: recalled.login_files, is_root_login });
            }
        }
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GetTokenError::Runtime)?;
        let asked = runtime.block_on(Box::pin(self.ask(chain.as_ref(), base, cache, notes)));
        // A resolver thread or an idle connection must not hold back an answer that is there.
        runtime.shutdown_background();
        let Asked { last, endpoint, is_of_role } = asked?;
        let source = last.origin.source;
        if let Some(kept) = &self.kept {
            let descent = Descent { source, is_of_role, login_files: &login_files };
            notes.extend(kept.keep(&last.credentials, descent, self.clock.now()));
        }
        Ok(Found { credentials: last.credentials, origin: last.origin, endpoint, login_files, is_root_login })
    }

    /// The selected profile's chain. Somebody who names a profile wants it, not the next best thing.
    fn chain(&self) -> Result<Chain<'_>, GetTokenError> {
        let is_named = self.settings.profile.is_some() || self.settings.environment_profile.is_some();
        if is_named && self.profiles.section(self.profiles.selected()).is_none() {
            return Err(self.profiles.not_found(self.settings).into());
        }
        Ok(Chain::of(self.profiles)?)
    }

    async fn ask(
        &self,
        chain: Option<&Chain<'_>>,
        base: Option<Base>,
        cache: Option<&CredentialCacheSettings>,
        notes: &mut Vec<String>,
    ) -> Result<Asked, GetTokenError> {
        let providers = Providers {
            settings: self.settings,
            profiles: self.profiles,
            region: self.place.region.as_deref().unwrap_or(DEFAULT_REGION),
            form: self.place.form,
            http: self.http.clone(),
            clock: self.clock,
        };
        let base = match (base, chain) {
            (Some(base), _) => base,
            (None, Some(chain)) => providers.load(chain).await?,
            (None, None) => providers.load(&Chain::of(self.profiles)?).await?,
        };
        let asks_region = self.place.region.is_none() && base.origin.source == KeySource::Imds;
        let imds_region = if asks_region { providers.imds_region().await } else { None };
        let endpoint = self.place.endpoint(imds_region.as_deref())?;

        let mut held = Held { credentials: base.credentials, origin: base.origin, arn: None };
        let mut skew: Option<i64> = None;
        // Keys of a cache, the environment or a metadata service are not those the profile's roles are assumed with.
        let roles = chain.filter(|_| held.origin.profile.is_some()).map_or(&[][..], |chain| &chain.roles);
        for role in roles {
            held = self.assume(&Call::of_profile(role, self.cluster_id()), held, &endpoint, &mut skew).await?;
        }
        // Before `--role`, which may be refused: nobody is to be asked for a code again because of that.
        if let Some(cache) = cache.filter(|_| held.origin.source != KeySource::Cache) {
            notes.extend(credential_cache::keep(cache, &held.credentials, self.clock.now()));
        }
        if let Some(role) = &self.settings.role {
            let call = Call::of_flag(role, self.settings, self.cluster_id());
            held = self.assume(&call, held, &endpoint, &mut skew).await?;
        }
        // The SDK has signed its own calls by AWS's clock. A token is signed by ours.
        match skew {
            Some(ahead) if !(MOST_BEHIND..=MOST_AHEAD).contains(&ahead) => return Err(GetTokenError::Clock { ahead }),
            Some(ahead) if ahead.abs() >= SKEW => {
                notes.push(format!("{}; until then its tokens end early or are refused", clock_remedy(ahead)));
            }
            Some(_) | None => {}
        }
        let is_of_role = self.settings.role.is_some() || !roles.is_empty();
        Ok(Asked { last: held, endpoint, is_of_role })
    }

    async fn assume(
        &self,
        call: &Call<'_>,
        held: Held,
        endpoint: &StsEndpoint,
        skew: &mut Option<i64>,
    ) -> Result<Held, GetTokenError> {
        let sts = Sts::new(held.credentials.clone(), endpoint, self.http.clone(), self.clock);
        let held = call.assume(held, &sts, self.person, self.clock).await?;
        *skew = sts.clock_ahead().or(*skew);
        Ok(held)
    }

    /// For commands in messages.
    fn cluster_id(&self) -> &str {
        if self.settings.cluster_id.is_empty() { "CLUSTER" } else { &self.settings.cluster_id }
    }
}

/// What was got by asking.
struct Asked {
    /// To sign with.
    last: Held,
    endpoint: StsEndpoint,
    is_of_role: bool,
}

/// The AWS config files. Whoever has keys in the environment can do without.
fn profiles(settings: &KeySettings, notes: &mut Vec<String>) -> Result<Profiles, GetTokenError> {
    match (Profiles::load(settings), &settings.environment_keys) {
        (Ok(profiles), _) => Ok(profiles),
        (Err(error), Some(_)) if settings.profile.is_none() => {
            notes.push(format!("{error}; going on with the keys of the environment"));
            Ok(Profiles::default())
        }
        (Err(error), _) => Err(error.into()),
    }
}
