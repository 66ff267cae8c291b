//! One role, assumed: of a profile's chain, or of `--role`.

use std::time::Duration;

use aws_credential_types::Credentials;

use super::mfa::{Device, Person};
use super::role_chain::ProfileRole;
use super::session_name;
use super::sts::Sts;
use crate::clock::Clock;
use crate::get_token::error::RoleRefused;
use crate::get_token::words::{Refusal, shell_word};
use crate::get_token::{GetTokenError, KeySettings, Origin, Role, SessionName};
use crate::iam::forward_session_name;

/// How long the keys of `--role` live, seconds: the least AWS gives, and all that one token needs.
const SHORT_LIFE: i32 = 900;

/// The same when they are kept between runs: the most that every role and every chain of roles allows.
const LONG_LIFE: i32 = 3600;

/// How long STS may take to say whose name a session is to bear.
const NAMING_LIMIT: Duration = Duration::from_secs(3);

/// The same where the name was asked for.
const FORWARDING_LIMIT: Duration = Duration::from_secs(5);

/// A role, with all that its trust policy may ask for.
#[derive(Debug)]
pub(super) struct Call<'r> {
    arn: &'r str,
    external_id: Option<&'r str>,
    device: Option<Device>,
    session_name: Naming<'r>,
    /// `None` leaves it to AWS: an hour.
    duration: Option<i32>,
}

#[derive(Clone, Copy, Debug)]
enum Naming<'r> {
    Forwarded,
    Given(&'r str),
    MadeUp,
    OfCaller,
}

/// Keys on their way through the roles.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) credentials: Credentials,
    /// Where the first of them came from.
    pub(super) origin: Origin,
    /// Whose they are, where STS has told by the way.
    pub(super) arn: Option<String>,
}

impl<'r> Call<'r> {
    /// A role of a profile. Its session's name is made up if the profile gives none: nobody is asked for one.
    pub(super) fn of_profile(role: &ProfileRole<'r>, cluster_id: &str) -> Self {
        let (cluster_id, profile) = (shell_word(cluster_id), shell_word(role.profile));
        let device = role.mfa_serial.map(|serial| Device {
            serial: serial.to_owned(),
            whose: format!("profile `{}`", role.profile),
            command: format!("iam-bridge get-token --cache --cluster-id {cluster_id} --profile {profile}"),
        });
        Self {
            arn: role.arn,
            external_id: role.external_id,
            device,
            session_name: role.session_name.map_or(Naming::MadeUp, Naming::Given),
            duration: role.duration,
        }
    }

    /// `--role`.
    pub(super) fn of_flag(role: &'r Role, settings: &KeySettings, cluster_id: &str) -> Self {
        let cluster_id = shell_word(cluster_id);
        let profile = settings.profile.as_deref().map(|name| format!(" --profile {}", shell_word(name)));
        let device = role.mfa_serial.as_ref().map(|serial| Device {
            serial: serial.clone(),
            whose: format!("role `{}`", role.arn),
            command: format!(
                "iam-bridge get-token --cache-credentials --cluster-id {cluster_id} --role {} --mfa-serial {}{}",
                shell_word(&role.arn),
                shell_word(serial),
                profile.unwrap_or_default()
            ),
        });
        let session_name = match &role.session_name {
            SessionName::Forwarded => Naming::Forwarded,
            SessionName::Given(name) => Naming::Given(name),
            SessionName::OfCaller => Naming::OfCaller,
            SessionName::Random => Naming::MadeUp,
        };
        Self {
            arn: &role.arn,
            external_id: role.external_id.as_deref(),
            device,
            session_name,
            duration: Some(if settings.kept_keys.is_some() { LONG_LIFE } else { SHORT_LIFE }),
        }
    }

    /// The role's keys, lent to whoever `held` belongs to.
    pub(super) async fn assume(
        &self,
        held: Held,
        sts: &Sts,
        person: Person<'_>,
        clock: &Clock,
    ) -> Result<Held, GetTokenError> {
        let code = self.device.as_ref().map(|device| device.ask(person)).transpose()?;
        let (session_name, caller) = self.name(&held, sts, clock).await?;
        let refused = |refusal| {
            GetTokenError::AssumeRole(Box::new(RoleRefused {
                role: self.arn.to_owned(),
                caller: caller.clone(),
                origin: held.origin.clone(),
                mfa_serial: self.device.as_ref().map(|device| device.serial.clone()),
                has_external_id: self.external_id.is_some(),
                refusal,
            }))
        };
        let answer = sts
            .client
            .assume_role()
            .role_arn(self.arn)
            .role_session_name(session_name)
            .set_external_id(self.external_id.map(str::to_owned))
            .set_serial_number(self.device.as_ref().map(|device| device.serial.clone()))
            .set_token_code(code)
            .set_duration_seconds(self.duration)
            .send()
            .await
            .map_err(|error| refused(sts.refusal(&error)))?;
        let keys = answer.credentials.ok_or_else(|| refused(Refusal::silence(sts.endpoint(), "STS sent no keys")))?;
        let mut builder = Credentials::builder()
            .access_key_id(keys.access_key_id)
            .secret_access_key(keys.secret_access_key)
            .session_token(keys.session_token)
            .provider_name("AssumeRole");
        builder.set_expiry(keys.expiration.try_into().ok());
        let arn = answer.assumed_role_user.map(|user| user.arn);
        Ok(Held { credentials: builder.build(), origin: held.origin.clone(), arn })
    }

    /// The session's name, and whose keys ask if that is known.
    async fn name(&self, held: &Held, sts: &Sts, clock: &Clock) -> Result<(String, Option<String>), GetTokenError> {
        let made_up = || session_name::made_up(clock);
        match self.session_name {
            Naming::Given(name) => Ok((name.to_owned(), held.arn.clone())),
            Naming::MadeUp => Ok((made_up(), held.arn.clone())),
            Naming::OfCaller => {
                let arn = match &held.arn {
                    Some(arn) => Some(arn.clone()),
                    None => sts.caller(NAMING_LIMIT).await.ok().map(|caller| caller.arn),
                };
                Ok((arn.as_deref().and_then(session_name::of_arn).unwrap_or_else(made_up), arn))
            }
            Naming::Forwarded => {
                let caller = sts.caller(FORWARDING_LIMIT).await.map_err(|refusal| GetTokenError::CallerIdentity {
                    origin: Box::new(held.origin.clone()),
                    refusal: Box::new(refusal),
                })?;
                let name = forward_session_name(&caller.user_id).filter(|name| !name.is_empty());
                Ok((name.map_or_else(made_up, str::to_owned), Some(caller.arn)))
            }
        }
    }
}
