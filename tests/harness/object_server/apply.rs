//! Server-side apply of RoleBindings: who manages what is kept, conflicts are told, what a binding refers to stays.

use serde_json::{Value, json};

use super::store::{Refusal, Store, merge};
use super::{NAMESPACES, ROLE_BINDINGS};

/// Applies `wanted` to the object named `key`, `NAMESPACE/NAME`.
pub(super) fn apply(
    store: &mut Store,
    key: &str,
    wanted: &Value,
    manager: &str,
    force: bool,
) -> Result<Value, Refusal> {
    let (namespace, _) = key.split_once('/').expect("a namespace and a name");
    let metadata = &wanted["metadata"];
    let Some(there) = store.object(ROLE_BINDINGS, key) else {
        let place = store.object(NAMESPACES, namespace).ok_or(Refusal::NotFound)?;
        if !place["metadata"]["deletionTimestamp"].is_null() {
            return Err(Refusal::Terminating);
        }
        if !metadata["uid"].is_null() || !metadata["resourceVersion"].is_null() {
            return Err(Refusal::Conflict);
        }
        let mut made = wanted.clone();
        made["metadata"]["namespace"] = namespace.into();
        manage(&mut made, manager);
        return store.create(ROLE_BINDINGS, made);
    };
    for precondition in ["uid", "resourceVersion"] {
        if !metadata[precondition].is_null() && metadata[precondition] != there["metadata"][precondition] {
            return Err(Refusal::Conflict);
        }
    }
    if there["roleRef"] != wanted["roleRef"] {
        return Err(Refusal::Invalid);
    }
    let all = there["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let is_alone = !all.is_empty() && all.iter().all(|entry| entry["manager"] == manager);
    if !is_alone && !force && there["subjects"] != wanted["subjects"] {
        return Err(Refusal::Conflict);
    }
    store.change(ROLE_BINDINGS, key, |object| {
        merge(object, wanted);
        manage(object, manager);
    })
}

/// The one who wrote last manages it.
fn manage(object: &mut Value, manager: &str) {
    object["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Apply"}]);
}
