//! An `AccessEntry` as it comes, whatever somebody has put into it.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::access_entry::AccessEntry;
use super::{AccessEntryStatus, LeanObject, LeanParts};

/// One object.
pub type AccessEntryObject = LeanObject<AccessEntryParts>;

/// What is read of an `AccessEntry`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessEntryParts;

impl LeanParts for AccessEntryParts {
    type Named = AccessEntry;
    type Spec = SpecText;
    type Status = ShownStatus;
}

/// `spec` as JSON text: it is read like that of a file.
#[derive(Clone, Debug)]
pub struct SpecText(String);

/// `status`, where it is one; nothing where something else stands.
#[derive(Clone, Debug, Default)]
pub struct ShownStatus(Option<Box<AccessEntryStatus>>);

impl AccessEntryObject {
    /// `status`, which is taken out. `None` where there is none, and where it cannot be one of ours.
    #[must_use]
    pub const fn take_status(&mut self) -> Option<Box<AccessEntryStatus>> {
        self.status.0.take()
    }

    /// `spec` as JSON text; `null` where there is none.
    #[must_use]
    pub fn into_spec_text(self) -> String {
        self.spec.0
    }
}

impl Default for SpecText {
    fn default() -> Self {
        Self("null".to_owned())
    }
}

impl<'de> Deserialize<'de> for SpecText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer)?.to_string()))
    }
}

impl<'de> Deserialize<'de> for ShownStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let status = Value::deserialize(deserializer)?;
        Ok(Self(serde_json::from_value(status).ok().map(Box::new)))
    }
}
