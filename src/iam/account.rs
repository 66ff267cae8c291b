//! AWS account numbers.

use std::fmt;
use std::str::FromStr;

/// A 12-digit AWS account number; leading zeros belong to it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(u64);

/// The text is no account number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("account id `{0}` is not twelve digits; in YAML write it in quotes, or leading zeros are lost")]
pub struct AccountIdError(pub String);

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        let twelve_digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if twelve_digits => Ok(Self(number)),
            _ => Err(AccountIdError(text.to_owned())),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}
