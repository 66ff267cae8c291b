//! A token for one cluster, out of whatever AWS credentials this machine has.
//!
//! ```text
//! Settings ─token_cache::recall─▶ SignedToken ─render─▶ stdout
//!     └──── keys::load ─▶ Keys ─sign─▶ presigned URL ─token::encode─▶ SignedToken ─┘
//! keys::load: environment, profile, caches, SDK providers ─▶ roles of the profile's chain ─▶ --role
//! ```
//!
//! A cached token is one file read: no AWS config is parsed, nothing else is opened. Keys in the environment or in a profile
//! are signed with at once: no runtime, thread, socket or trust root. Everything else goes through aws-config on a
//! current-thread runtime.

mod endpoint;
mod error;
mod exec_credential;
mod keys;
mod presign;
mod settings;
pub mod token_cache;
mod words;

pub use endpoint::{EndpointError, EndpointForm, StsEndpoint};
pub use error::{GetTokenError, MfaFault, NoMetadata, RoleRefused};
pub use exec_credential::{ApiVersion, RenderError, Shape, is_interactive, render};
pub use keys::{
    Caller, KeySource, Keys, Login, LoginState, Origin, Outlook, ProfileError, ProfileReport, REGION_IS_GUESSED,
    caller, load as load_keys, outlook, profile_report,
};
pub use presign::{PresignError, SignedToken, presign, sign};
pub use settings::{
    Asking, CredentialCacheSettings, FingerprintInputs, KeySettings, Role, SessionName, Settings, TokenCacheSettings,
};
pub use words::Refusal;

use crate::clock::Clock;
use token_cache::TokenCache;

/// A token, and what the person should know about it.
#[derive(Debug)]
pub struct Outcome {
    /// The token.
    pub signed: SignedToken,
    /// What the person may want to know; for standard error.
    pub notes: Vec<String>,
    /// What is wrong with the token cache, which was then passed over; for standard error.
    pub warnings: Vec<String>,
}

/// The cached token, or a new one. Blocks until AWS has answered, if it must be asked.
///
/// Of many processes that need the same token at once, one signs; the others wait for it and take its token.
///
/// # Errors
/// [`GetTokenError`].
pub fn get_token(settings: &Settings, clock: &Clock) -> Result<Outcome, GetTokenError> {
    let Some(cache) = TokenCache::of(settings) else {
        return Ok(sign_anew(settings, &|| {}, clock)?.0);
    };
    if let Some(outcome) = cache.recall(clock.now()) {
        return Ok(outcome);
    }
    let turn = cache.wait_for_turn();
    if let Some(outcome) = turn.recall(clock.now()) {
        return Ok(outcome);
    }
    let (mut outcome, keys) = sign_anew(settings, &|| turn.tell_asking(), clock)?;
    outcome.warnings = turn.keep(&outcome.signed, &keys, clock.now());
    Ok(outcome)
}

/// Finds keys and signs. `before_asking` is called before a person is asked for something.
fn sign_anew(settings: &Settings, before_asking: &dyn Fn(), clock: &Clock) -> Result<(Outcome, Keys), GetTokenError> {
    let keys = keys::load(&settings.keys, before_asking, clock)?;
    let signed = sign(&keys.credentials, &keys.endpoint, &settings.cluster_id, clock.now())?;
    let mut notes = keys.notes.clone();
    if keys.endpoint.is_configured() {
        notes.push(format!(
            "the token is signed for `{}`, which a setting names; servers accept STS's own hosts only",
            keys.endpoint.origin()
        ));
    }
    Ok((Outcome { signed, notes, warnings: Vec::new() }, keys))
}
