//! Made-up principals with keys that are random on every run.

use std::fmt;

use aws_credential_types::Credentials;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};

/// Who stands behind an access key, as STS would say it.
#[derive(Clone)]
pub struct Principal {
    /// 20 characters, random: `AKIA…` for users, `ASIA…` for sessions of roles.
    pub access_key_id: String,
    /// 40 characters, random.
    pub secret_access_key: SecretString,
    /// Sessions have one, users have none.
    pub session_token: Option<SecretString>,
    /// Twelve digits.
    pub account: String,
    /// What `GetCallerIdentity` answers: an assumed role with its session name, or a user.
    pub arn: String,
    /// `AROA…:SESSION` or `AIDA…`.
    pub user_id: String,
}

impl Principal {
    /// A session of a role: `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn role_session(account: &str, role: &str, session: &str) -> Result<Self, Unspecified> {
        Ok(Self {
            access_key_id: random_id("ASIA")?,
            secret_access_key: random_secret(40)?,
            session_token: Some(random_secret(356)?),
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
            user_id: format!("{}:{session}", random_id("AROA")?),
        })
    }

    /// A user: `arn:aws:iam::ACCOUNT:user/NAME`.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn user(account: &str, name: &str) -> Result<Self, Unspecified> {
        Ok(Self {
            access_key_id: random_id("AKIA")?,
            secret_access_key: random_secret(40)?,
            session_token: None,
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            user_id: random_id("AIDA")?,
        })
    }

    /// Its keys as the token code takes them; they do not end.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::new(
            self.access_key_id.as_str(),
            self.secret_access_key.expose_secret(),
            self.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
            None,
            "demo",
        )
    }

    /// Another key of the same principal, as after a rotation or a second login.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn with_new_key(&self) -> Result<Self, Unspecified> {
        let prefix = if self.session_token.is_some() { "ASIA" } else { "AKIA" };
        Ok(Self {
            access_key_id: random_id(prefix)?,
            secret_access_key: random_secret(40)?,
            session_token: self.session_token.as_ref().map(|_| random_secret(356)).transpose()?,
            ..self.clone()
        })
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// `prefix` and 16 random characters, as AWS shapes its ids.
pub(super) fn random_id(prefix: &str) -> Result<String, Unspecified> {
    Ok(format!("{prefix}{}", random_text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)?))
}

/// `length` random characters with `/` and `+` among them, as in real keys: they must survive every encoding.
fn random_secret(length: usize) -> Result<SecretString, Unspecified> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    random_text(alphabet, length).map(SecretString::from)
}

/// The alphabets' lengths divide 256, so no character is likelier than another.
fn random_text(alphabet: &[u8], length: usize) -> Result<String, Unspecified> {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes)?;
    let letters = bytes.iter().map(|byte| alphabet.iter().cycle().nth(usize::from(*byte)).copied().unwrap_or_default());
    Ok(letters.map(char::from).collect())
}
