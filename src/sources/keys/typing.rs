//! How what stands in a document becomes the text of a member: each format has its own idea of types.

use crate::document::{Faults, Node, Place, Plain, Scalar, Value};

/// Whose idea of types holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Typing {
    /// YAML 1.1 with texts that must be texts: a number or boolean without quotes is a fault, and its member is lost.
    /// Dates are texts. Source: aws-iam-authenticator 0.7.18, by way of the YAML reader of Kubernetes.
    AwsAuth,
    /// Every scalar is made a text; what that changes is told. Source: the same, by way of its config reader.
    Config,
    /// JSON strings; null stands for an empty one.
    Json,
}

impl Typing {
    /// The text of a member that the reference has too. `None` is a fault, told; what is null is empty.
    pub(super) fn text(self, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<String> {
        let Some(scalar) = node.scalar() else {
            faults.error(node.at(), place, "bad-type", format!("{} stands where a text belongs", node.kind()), "");
            return None;
        };
        match self {
            Self::Config => {
                let text = scalar.to_mapping_text();
                if text != scalar.text && !scalar.is_null() {
                    let what = format!("`{}` without quotes is read as `{text}`", scalar.text);
                    faults.warning(node.at(), place, "unquoted-value", what, "put it in quotes");
                }
                Some(text)
            }
            Self::AwsAuth | Self::Json if scalar.is_null() => Some(String::new()),
            Self::AwsAuth | Self::Json => match self.type_of(scalar) {
                None => Some(scalar.text.to_owned()),
                Some(kind) => {
                    let what = format!("`{}` without quotes is {kind}, and a text belongs here", scalar.text);
                    faults.error(node.at(), place, "bad-type", what, "put it in quotes");
                    None
                }
            },
        }
    }

    /// The text of a member that is ours: as it stands, where the format lets any scalar be a text. `None` is null, or
    /// a fault that is told.
    pub(super) fn own_text(self, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<String> {
        match (self, node.scalar()) {
            (_, Some(scalar)) if scalar.is_null() => None,
            (Self::Config, Some(scalar)) => Some(scalar.text.to_owned()),
            (Self::AwsAuth | Self::Json, Some(_)) | (_, None) => self.text(node, place, faults),
        }
    }

    /// A list of texts, without the items that are faults. In a config one text is split at commas, as there.
    pub(super) fn texts(self, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Vec<String> {
        match node.value() {
            Value::List(items) => items
                .enumerate()
                .filter_map(|(number, item)| self.item(item, &Place::Item(place, number), faults))
                .collect(),
            Value::Map(members) if self == Self::Config && members.count_left() == 0 => Vec::new(),
            Value::Scalar(scalar) if scalar.is_null() => Vec::new(),
            Value::Scalar(scalar) if self == Self::Config => {
                if scalar.text.is_empty() {
                    return Vec::new();
                }
                let text = self.text(node, place, faults);
                text.map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
            }
            Value::Map(_) | Value::Scalar(_) => {
                let what = format!("{} stands where a list belongs", node.kind());
                let cure = if self == Self::Json { "write it as `[\"…\"]`" } else { "begin each item with `- `" };
                faults.error(node.at(), place, "bad-type", what, cure);
                Vec::new()
            }
        }
    }

    fn item(self, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<String> {
        if self == Self::AwsAuth && node.is_null() {
            let what = "an item without text is not read".to_owned();
            faults.warning(node.at(), place, "empty-item", what, "remove it");
            return None;
        }
        self.text(node, place, faults)
    }

    /// A boolean; `None` is none.
    pub(super) fn boolean(self, scalar: Scalar<'_>) -> Option<bool> {
        match (self, self.meaning(scalar)) {
            (Self::Config, _) => scalar.to_bool(),
            (Self::AwsAuth | Self::Json, Plain::Bool(value)) => Some(value),
            (Self::AwsAuth | Self::Json, _) => None,
        }
    }

    /// What a scalar is, if it is no text.
    fn type_of(self, scalar: Scalar<'_>) -> Option<&'static str> {
        match self.meaning(scalar) {
            Plain::Bool(_) => Some("a boolean"),
            Plain::Float(_) | Plain::Int(_) => Some("a number"),
            Plain::Null => Some("null"),
            Plain::Text(_) => None,
        }
    }

    fn meaning(self, scalar: Scalar<'_>) -> Plain<'_> {
        match self {
            Self::AwsAuth => scalar.yaml_1_1(),
            Self::Config | Self::Json => scalar.plain(),
        }
    }
}
