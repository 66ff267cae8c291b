//! What a kubeconfig's text says: as values, and as entries.

use serde_json::{Map, Value};

use super::EditError;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Format, Node, Outline};

/// The lists of a kubeconfig whose items have names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `clusters[]`
    Cluster,
    /// `contexts[]`
    Context,
    /// `users[]`
    User,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Cluster, Self::Context, Self::User];

    /// Name of the list.
    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::Cluster => "clusters",
            Self::Context => "contexts",
            Self::User => "users",
        }
    }

    /// What one of them is called, and the member of an item that holds it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Context => "context",
            Self::User => "user",
        }
    }
}

/// A kubeconfig that was read.
#[derive(Clone, Debug, Default)]
pub struct Kubeconfig {
    pub(super) root: Map<String, Value>,
}

/// `contexts[].context`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ContextEntry {
    /// Its cluster.
    pub cluster: String,
    /// Its user.
    pub user: String,
}

/// `users[].user.exec`, as far as it says what is run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExecEntry {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its variables.
    pub env: Vec<(String, String)>,
}

impl Kubeconfig {
    /// Reads a text; an empty one is an empty kubeconfig. `file` names it in faults.
    ///
    /// # Errors
    /// [`EditError::Faults`]: it does not parse, is no map, holds a second document, an entry twice or one that is none.
    pub fn parse(file: &str, text: &str) -> Result<Self, EditError> {
        Ok(Self { root: parse(file, text)?.root })
    }

    /// Whether there is an entry of this name.
    #[must_use]
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.entry(kind, name).is_some()
    }

    /// Names of all entries.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<String> {
        self.entries(kind).map(|entry| text(entry.get("name"))).collect()
    }

    /// What a context names.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<ContextEntry> {
        let context = self.body(Kind::Context, name)?;
        Some(ContextEntry { cluster: text(context.get("cluster")), user: text(context.get("user")) })
    }

    /// URL of a cluster.
    #[must_use]
    pub fn server(&self, cluster: &str) -> Option<String> {
        Some(text(self.body(Kind::Cluster, cluster)?.get("server"))).filter(|server| !server.is_empty())
    }

    /// The plugin of a user.
    #[must_use]
    pub fn exec(&self, user: &str) -> Option<ExecEntry> {
        let exec = self.body(Kind::User, user)?.get("exec")?.as_object()?;
        let list = |key: &str| exec.get(key).and_then(Value::as_array).into_iter().flatten();
        let variable = |entry: &Value| (text(entry.get("name")), text(entry.get("value")));
        Some(ExecEntry {
            command: text(exec.get("command")),
            args: list("args").map(|arg| text(Some(arg))).collect(),
            env: list("env").map(variable).collect(),
        })
    }

    pub(super) fn body(&self, kind: Kind, name: &str) -> Option<&Map<String, Value>> {
        self.entry(kind, name)?.get(kind.word())?.as_object()
    }

    fn entry(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.entries(kind).find(|entry| text(entry.get("name")) == name)
    }

    fn entries(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.root.get(kind.list()).and_then(Value::as_array).into_iter().flatten()
    }
}

/// A scalar as client-go's reader would take it for a string.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

/// A text, read twice: what it says, and where.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Map<String, Value>,
    /// `None` when the text has no content.
    pub(super) outline: Option<Outline>,
}

pub(super) fn parse(file: &str, text: &str) -> Result<Tree, EditError> {
    let document = document::parse(file, text, Format::Yaml).map_err(EditError::Faults)?;
    if let Some(at) = document.second() {
        let what = "a second YAML document begins here, which kubectl does not read".to_owned();
        return Err(fault(
            file,
            at,
            "kubeconfig-documents",
            what,
            "keep one document a file; KUBECONFIG may name several",
        ));
    }
    let root = document.root();
    let document::Value::Map(_) = root.value() else {
        let what = format!("a kubeconfig is a map, and this is {}", root.kind());
        return Err(fault(file, root.at(), "kubeconfig-shape", what, "name the right file with --kubeconfig"));
    };
    for kind in Kind::ALL {
        check_list(file, kind, root.member(kind.list()))?;
    }
    let outline = document::outline(file, text).map_err(|fault| EditError::Faults(vec![fault]))?;
    match root.to_json() {
        Value::Object(root) => Ok(Tree { root, outline }),
        _ => Ok(Tree { root: Map::new(), outline }),
    }
}

/// The value of the member `key` of a text that need not be a kubeconfig.
pub(super) fn member_of(yaml: &str, key: &str) -> Option<Value> {
    let document = document::parse("", yaml, Format::Yaml).ok()?;
    Some(document.root().member(key)?.to_json())
}

/// The list is missing, empty, or has maps with names of their own.
fn check_list(file: &str, kind: Kind, list: Option<Node<'_>>) -> Result<(), EditError> {
    let Some(list) = list else { return Ok(()) };
    let items = match list.value() {
        document::Value::List(items) => items,
        document::Value::Map(members) if members.count_left() == 0 => return Ok(()),
        _ if list.is_null() => return Ok(()),
        _ => {
            let what = format!("`{}` is {} and should be a list", kind.list(), list.kind());
            return Err(fault(file, list.at(), "kubeconfig-shape", what, "write it as a list of named entries"));
        }
    };
    let mut seen: Vec<String> = Vec::new();
    for item in items {
        let document::Value::Map(_) = item.value() else {
            let what = format!("an item of `{}` is {} and should be a map", kind.list(), item.kind());
            return Err(fault(
                file,
                item.at(),
                "kubeconfig-shape",
                what,
                "give it a name and what it holds, or remove it",
            ));
        };
        if let Some(body) = item.member(kind.word())
            && !matches!(body.value(), document::Value::Map(_))
            && !body.is_null()
        {
            let what = format!("`{}` is {} and should be a map", kind.word(), body.kind());
            return Err(fault(file, body.at(), "kubeconfig-shape", what, "write it as a map"));
        }
        let name = item.member("name").and_then(Node::scalar).map(|name| name.text.to_owned()).unwrap_or_default();
        if seen.contains(&name) {
            let what = format!("{} `{name}` stands twice; kubectl refuses such a file", kind.word());
            return Err(fault(file, item.at(), "kubeconfig-twice", what, "remove one of them"));
        }
        seen.push(name);
    }
    Ok(())
}

pub(super) fn fault(file: &str, at: Position, code: &'static str, what: String, cure: &str) -> EditError {
    EditError::Faults(vec![Diagnostic::keyless(Severity::Error, code, Some(file.into()), Some(at), what, cure)])
}
