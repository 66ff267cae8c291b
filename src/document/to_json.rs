//! What a node says, as a value without places.

use serde_json::{Number, Value as Json};

use super::{Node, Plain, Value};

impl Node<'_> {
    /// The whole subtree. A number that JSON cannot hold is its text.
    #[must_use]
    pub fn to_json(self) -> Json {
        match self.value() {
            Value::List(items) => Json::Array(items.map(Node::to_json).collect()),
            Value::Map(members) => {
                Json::Object(members.map(|member| (member.key.to_owned(), member.value.to_json())).collect())
            }
            Value::Scalar(scalar) => match scalar.plain() {
                Plain::Null => Json::Null,
                Plain::Bool(value) => Json::Bool(value),
                Plain::Int(number) => Number::from_i128(number).map_or_else(|| scalar.text.into(), Json::Number),
                Plain::Float(number) => Number::from_f64(number).map_or_else(|| scalar.text.into(), Json::Number),
                Plain::Text(text) => text.into(),
            },
        }
    }
}
