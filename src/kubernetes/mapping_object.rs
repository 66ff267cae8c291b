//! An IAMIdentityMapping as it comes, whatever somebody has put into it.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{IAMIdentityMapping, IamIdentityMappingSpec, LeanObject, LeanParts};

/// One object.
pub type MappingObject = LeanObject<MappingParts>;

/// What is read of an IAMIdentityMapping.
#[derive(Clone, Copy, Debug, Default)]
pub struct MappingParts;

impl LeanParts for MappingParts {
    type Named = IAMIdentityMapping;
    type Spec = MappingSpec;
    type Status = MappingStatus;
}

/// The known members of `spec`; others are not looked at.
#[derive(Clone, Debug, Default)]
pub struct MappingSpec {
    /// What stands there instead of a map.
    odd: Option<&'static str>,
    members: [Option<Value>; SPEC_KEYS.len()],
}

/// The one member of `status` that is written.
#[derive(Clone, Debug, Default)]
pub struct MappingStatus {
    canonical_arn: Option<String>,
}

/// A member of `spec` that is not what belongs there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SpecFault {
    /// Path of the key: `spec.groups[1]`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// Whether something stands there, and not what belongs there; else nothing stands there.
    pub wrong: bool,
}

/// Keys of `spec`; case counts.
pub const SPEC_KEYS: [&str; 7] = ["arn", "username", "groups", "userid", "notBefore", "notAfter", "reason"];

impl MappingObject {
    /// `status.canonicalARN`, which is taken out.
    #[must_use]
    pub const fn take_canonical_arn(&mut self) -> Option<String> {
        self.status.canonical_arn.take()
    }

    /// `spec`, typed.
    ///
    /// # Errors
    /// Every member of a wrong type. A null is an absent member, but not for those that narrow a mapping: without them
    /// it would be wide open.
    pub fn into_spec(self) -> Result<IamIdentityMappingSpec, Vec<SpecFault>> {
        if let Some(odd) = self.spec.odd {
            let what = format!("{odd} stands where a map belongs");
            return Err(vec![SpecFault { key: "spec".to_owned(), what, wrong: true }]);
        }
        let mut faults = Vec::new();
        let [arn, username, groups, userid, not_before, not_after, reason] = self.spec.members;
        let spec = IamIdentityMappingSpec {
            arn: required("arn", arn, &mut faults),
            username: required("username", username, &mut faults),
            groups: texts(groups, &mut faults),
            userid: guard("userid", userid, &mut faults),
            not_before: guard("notBefore", not_before, &mut faults),
            not_after: guard("notAfter", not_after, &mut faults),
            reason: text("reason", reason, &mut faults),
        };
        if faults.is_empty() { Ok(spec) } else { Err(faults) }
    }
}

fn required(key: &str, value: Option<Value>, faults: &mut Vec<SpecFault>) -> String {
    let absent = matches!(value, None | Some(Value::Null));
    if absent {
        faults.push(SpecFault { key: format!("spec.{key}"), what: "the key is missing".to_owned(), wrong: false });
    }
    text(key, value, faults).unwrap_or_default()
}

fn guard(key: &str, value: Option<Value>, faults: &mut Vec<SpecFault>) -> Option<String> {
    if matches!(value, Some(Value::Null)) {
        let what = "the value is empty, which would leave the mapping open to everybody it names".to_owned();
        faults.push(SpecFault { key: format!("spec.{key}"), what, wrong: false });
    }
    text(key, value, faults)
}

fn text(key: &str, value: Option<Value>, faults: &mut Vec<SpecFault>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => {
            faults.push(wrong(format!("spec.{key}"), &other, "a text"));
            None
        }
    }
}

fn texts(value: Option<Value>, faults: &mut Vec<SpecFault>) -> Vec<String> {
    let items = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(other) => {
            faults.push(wrong("spec.groups".to_owned(), &other, "a list"));
            return Vec::new();
        }
    };
    let item = |(number, item)| match item {
        Value::String(text) => Some(text),
        other => {
            faults.push(wrong(format!("spec.groups[{number}]"), &other, "a text"));
            None
        }
    };
    items.into_iter().enumerate().filter_map(item).collect()
}

fn wrong(key: String, found: &Value, wanted: &str) -> SpecFault {
    SpecFault { key, what: format!("{} stands where {wanted} belongs", kind(found)), wrong: true }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "a boolean",
        Value::Null => "nothing",
        Value::Number(_) => "a number",
        Value::Object(_) => "a map",
        Value::String(_) => "a text",
    }
}

impl<'de> Deserialize<'de> for MappingSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Object(mut members) => Self { odd: None, members: SPEC_KEYS.map(|key| members.remove(key)) },
            Value::Null => Self::default(),
            other => Self { odd: Some(kind(&other)), ..Self::default() },
        })
    }
}

impl<'de> Deserialize<'de> for MappingStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut status = Value::deserialize(deserializer)?;
        let canonical_arn = match status.get_mut("canonicalARN").map(Value::take) {
            Some(Value::String(text)) => Some(text),
            Some(_) | None => None,
        };
        Ok(Self { canonical_arn })
    }
}

/// All mappings of a cluster, page by page; `None` where there is no such kind.
///
/// # Errors
/// What the API server says.
pub async fn list_mappings(client: &kube::Client) -> Result<Option<Vec<MappingObject>>, kube::Error> {
    let api = kube::Api::<MappingObject>::all(client.clone());
    let mut page = kube::api::ListParams::default().limit(500);
    let mut all = Vec::new();
    loop {
        let list = match api.list(&page).await {
            Ok(list) => list,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(error),
        };
        all.extend(list.items);
        match list.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(Some(all)),
        }
    }
}
