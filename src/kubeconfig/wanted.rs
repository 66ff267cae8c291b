//! A change, made on the tree: what the kubeconfig should say.

use serde_json::{Map, Value, json};

use super::tree::{Kind, text};
use super::{Change, EditError, ExecUser};

/// Name under which a converted user remembers its plugin, in `users[].user.extensions`.
pub(super) const REMEMBERED: &str = "iam-bridge.dev/before-convert";

/// Members of a user that would fight with a plugin.
const OTHER_WAYS_IN: [&str; 9] = [
    "auth-provider",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "password",
    "token",
    "tokenFile",
    "username",
];

/// Makes `change` in `root`.
///
/// # Errors
/// [`EditError::NotFound`], [`EditError::NothingToRevert`].
pub(super) fn make(root: &mut Map<String, Value>, change: &Change, memory: Option<Value>) -> Result<(), EditError> {
    match change {
        Change::Cluster { name, server, certificate_authority_data } => entry(root, Kind::Cluster, name, |cluster| {
            cluster.insert("server".to_owned(), server.as_str().into());
            if let Some(certificates) = certificate_authority_data {
                cluster.insert("certificate-authority-data".to_owned(), certificates.as_str().into());
                cluster.remove("certificate-authority");
                cluster.remove("insecure-skip-tls-verify");
            }
        }),
        Change::Context { name, cluster, user, namespace } => entry(root, Kind::Context, name, |context| {
            context.insert("cluster".to_owned(), cluster.as_str().into());
            context.insert("user".to_owned(), user.as_str().into());
            if let Some(namespace) = namespace {
                context.insert("namespace".to_owned(), namespace.as_str().into());
            }
        }),
        Change::User { name, exec } => entry(root, Kind::User, name, |user| {
            for other in OTHER_WAYS_IN {
                user.remove(other);
            }
            let mut written = Map::new();
            write(&mut written, exec);
            user.insert("exec".to_owned(), written.into());
            forget(user);
        }),
        Change::Convert { name, exec, remembers: _ } => {
            let user = existing(root, name)?;
            if let Some(Value::Object(old)) = user.get_mut("exec") {
                write(old, exec);
            }
            if let Some(memory) = memory.filter(|_| recall(user).is_none()) {
                let mut extensions = match user.remove("extensions") {
                    Some(Value::Array(extensions)) => extensions,
                    _ => Vec::new(),
                };
                extensions.push(json!({"extension": {"exec": memory}, "name": REMEMBERED}));
                user.insert("extensions".to_owned(), extensions.into());
            }
        }
        Change::Revert { name } => {
            let user = existing(root, name)?;
            let Some(exec) = memory else { return Err(EditError::NothingToRevert(name.clone())) };
            user.insert("exec".to_owned(), exec);
            forget(user);
        }
        Change::UseContext(name) => {
            root.insert("current-context".to_owned(), name.as_str().into());
        }
    }
    Ok(())
}

/// What the user's plugin was before it was converted: its text behind the colon, or its value.
pub(super) fn recall(user: &Map<String, Value>) -> Option<&Value> {
    let mut extensions = user.get("extensions")?.as_array()?.iter();
    extensions.find(|extension| text(extension.get("name")) == REMEMBERED)?.get("extension")?.get("exec")
}

fn forget(user: &mut Map<String, Value>) {
    if let Some(Value::Array(extensions)) = user.get_mut("extensions") {
        extensions.retain(|extension| text(extension.get("name")) != REMEMBERED);
        if extensions.is_empty() {
            user.remove("extensions");
        }
    }
}

fn write(exec: &mut Map<String, Value>, wish: &ExecUser) {
    exec.insert("apiVersion".to_owned(), wish.api_version.as_str().into());
    exec.insert("command".to_owned(), wish.command.as_str().into());
    exec.insert("args".to_owned(), wish.args.clone().into());
    exec.insert("interactiveMode".to_owned(), wish.interactive_mode.as_str().into());
    exec.insert("installHint".to_owned(), wish.install_hint.as_str().into());
    if wish.provide_cluster_info {
        exec.insert("provideClusterInfo".to_owned(), true.into());
    } else {
        exec.entry("provideClusterInfo").or_insert(false.into());
    }
    if !wish.env.is_empty() {
        let variable = |(name, value): &(String, String)| json!({"name": name, "value": value});
        exec.insert("env".to_owned(), wish.env.iter().map(variable).collect());
    }
}

fn existing<'r>(root: &'r mut Map<String, Value>, name: &str) -> Result<&'r mut Map<String, Value>, EditError> {
    let users = root.get_mut(Kind::User.list()).and_then(Value::as_array_mut);
    let mut users = users.into_iter().flatten();
    users
        .find(|user| text(user.get("name")) == name)
        .and_then(|user| user.get_mut(Kind::User.word()))
        .and_then(Value::as_object_mut)
        .ok_or_else(|| EditError::NotFound { kind: Kind::User.word(), name: name.to_owned() })
}

/// Changes what the entry of this name holds; it is made when it is missing.
fn entry(root: &mut Map<String, Value>, kind: Kind, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut items = match root.remove(kind.list()) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    if !items.iter().any(|item| text(item.get("name")) == name) {
        items.push(json!({"name": name}));
    }
    let mut found = items.iter_mut().filter_map(Value::as_object_mut);
    if let Some(item) = found.find(|item| text(item.get("name")) == name) {
        let mut body = match item.remove(kind.word()) {
            Some(Value::Object(body)) => body,
            _ => Map::new(),
        };
        change(&mut body);
        item.insert(kind.word().to_owned(), body.into());
    }
    root.insert(kind.list().to_owned(), items.into());
}
