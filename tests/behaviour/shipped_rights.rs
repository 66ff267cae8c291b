//! The rights that are shipped, to the word: what the server may ask of the API server, and what people are given.

use iam_bridge::rbac::AccessPolicy;
use serde_json::{Value, json};

use super::architecture::read;

/// What people may do: those who hold a policy, and those who are let write access entries. None of the server's rights.
const OF_PEOPLE: [&str; 2] = [POLICIES, "accessentry-roles.yaml"];
const POLICIES: &str = "access-policies.yaml";

/// Each file holds what its reader needs, to the word; the e2e tests run the server with exactly these.
#[test]
fn each_source_has_a_manifest_of_the_rights_it_needs_and_no_others() {
    let account = "ServiceAccount kube-system/aws-iam-authenticator";
    let policies: String = AccessPolicy::ALL.iter().map(|policy| format!("/{}", policy.object_name())).collect();
    let bind = format!("*: bind,get clusterroles.rbac.authorization.k8s.io{policies}");
    let see = format!("*: get clusterrolebindings.rbac.authorization.k8s.io{policies}");
    for (file, subject, rights) in [
        (
            "rbac-eksconfigmap.yaml",
            account,
            vec!["kube-system: get,list,watch configmaps/aws-auth", "kube-system: create,patch events.events.k8s.io"],
        ),
        (
            "rbac-crd.yaml",
            account,
            vec![
                "*: get,list,watch iamidentitymappings.iamauthenticator.k8s.aws",
                "*: patch iamidentitymappings/status.iamauthenticator.k8s.aws",
                "kube-system: create leases.coordination.k8s.io",
                "kube-system: get,update,patch leases.coordination.k8s.io/iam-bridge-iamidentitymapping-status",
                "default: create,patch events.events.k8s.io",
            ],
        ),
        (
            "rbac-accessentry.yaml",
            account,
            vec![
                "*: get,list,watch accessentries.iam-bridge.dev",
                "*: patch accessentries/status.iam-bridge.dev",
                "kube-system: create leases.coordination.k8s.io",
                "kube-system: get,update leases.coordination.k8s.io/iam-bridge-accessentry-status",
                "default: create events.events.k8s.io",
            ],
        ),
        (
            "rbac-accesspolicies.yaml",
            account,
            vec![
                "*: get,list,watch namespaces",
                "*: get,list,watch,create,patch,delete rolebindings.rbac.authorization.k8s.io",
                &bind,
                &see,
                "kube-system: create leases.coordination.k8s.io",
                "kube-system: get,update leases.coordination.k8s.io/iam-bridge-access-policies",
            ],
        ),
        (
            "rbac-add.yaml",
            "Group example:aws-auth-editors",
            vec!["kube-system: get,update configmaps/aws-auth", "kube-system: create configmaps"],
        ),
    ] {
        let objects: Vec<Value> = serde_saphyr::from_multiple(&read(format!("deploy/{file}"))).unwrap();
        assert_eq!(objects.iter().flat_map(rights_of).collect::<Vec<_>>(), rights, "{file}");
        for binding in objects.iter().filter(|object| !object["roleRef"].is_null()) {
            let role = |object: &&Value| {
                object["kind"] == binding["roleRef"]["kind"]
                    && object["metadata"]["name"] == binding["roleRef"]["name"]
                    && object["metadata"]["namespace"] == binding["metadata"]["namespace"]
            };
            assert!(
                objects.iter().any(|object| role(&object)),
                "{file}: {} binds a role of the file",
                binding["metadata"]
            );
            let subjects: Vec<String> = binding["subjects"].as_array().unwrap().iter().map(name_of_subject).collect();
            assert_eq!(subjects, [subject], "{file}");
        }
    }
}

#[test]
fn no_shipped_rule_has_a_wildcard_secrets_or_more_than_reading_and_writing() {
    let mut seen = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "yaml")
            || OF_PEOPLE.iter().any(|name| file.ends_with(name))
        {
            continue;
        }
        let objects: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for rule in objects.iter().flat_map(|object| object["rules"].as_array().cloned().unwrap_or_default()) {
            seen += 1;
            let gives_policies = rule["resources"] == json!(["clusterroles"])
                && rule["resourceNames"] == json!(AccessPolicy::ALL.map(AccessPolicy::object_name));
            for word in ["apiGroups", "resources", "resourceNames", "verbs", "nonResourceURLs"]
                .iter()
                .flat_map(|key| rule[key].as_array().cloned().unwrap_or_default())
            {
                let word = word.as_str().unwrap().to_owned();
                let bad = word.contains('*')
                    || ["secrets", "serviceaccounts/token", "impersonate", "bind", "escalate", "deletecollection"]
                        .contains(&word.as_str());
                let bad = bad && !(word == "bind" && gives_policies);
                assert!(!bad, "{}: {word}", file.display());
            }
            assert!(rule["nonResourceURLs"].is_null(), "{}", file.display());
        }
    }
    assert!(seen >= 9, "{seen} rules");
}

/// The roles of the policies are bound to groups that only an access entry gives, and to nobody else; least of all to us.
#[test]
fn the_policies_are_bound_to_their_own_groups_alone() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read(format!("deploy/{POLICIES}"))).unwrap();
    let bindings = || objects.iter().filter(|object| object["kind"] == "ClusterRoleBinding");
    for policy in AccessPolicy::ALL {
        let name = policy.object_name();
        let of_role: Vec<&Value> = bindings().filter(|binding| binding["roleRef"]["name"] == name.as_str()).collect();
        let [binding] = of_role[..] else { panic!("{name} is bound {} times", of_role.len()) };
        assert_eq!(binding["metadata"]["name"], name.as_str());
        let group = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": format!("iam-bridge.dev:policy:{policy}")}]);
        assert_eq!(binding["subjects"], group, "{name}");
    }
    let windows: Vec<&Value> =
        bindings().filter(|binding| binding["roleRef"]["name"] == "system:node-proxier").collect();
    assert_eq!(windows.len(), 1);
    assert_eq!(windows[0]["subjects"][0]["name"], "eks:kube-proxy-windows");
    assert_eq!(bindings().count(), AccessPolicy::ALL.len() + 1);
    for object in &objects {
        let text = object.to_string();
        for word in ["system:masters", "cluster-admin\"", "ServiceAccount\""] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}

/// Who may write access entries is cluster admin: the roles are there, and who gets them is decided by a person.
#[test]
fn the_roles_to_read_and_write_access_entries_are_bound_to_nobody_and_part_of_no_other_role() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/accessentry-roles.yaml")).unwrap();
    for (name, writes) in [("iam-bridge.dev:access-entry-viewer", false), ("iam-bridge.dev:access-entry-editor", true)]
    {
        let role = objects.iter().find(|object| object["metadata"]["name"] == name).unwrap();
        assert_eq!(role["kind"], "ClusterRole");
        let labels = role["metadata"]["labels"].to_string();
        assert!(!labels.contains("aggregate"), "{labels}");
        let rights = rights_of(role);
        assert!(rights.iter().all(|right| right.contains("accessentries")), "{rights:?}");
        assert_eq!(rights.iter().any(|right| right.contains("create")), writes, "{rights:?}");
        assert!(rights.iter().all(|right| !right.contains("status") || !right.contains("patch")), "{rights:?}");
    }
    assert_eq!(objects.len(), 2, "and no binding");
}

/// One line a rule and resource: `namespace: verbs resource/name`.
fn rights_of(role: &Value) -> Vec<String> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let place = role["metadata"]["namespace"].as_str().unwrap_or("*");
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        let (groups, names) = (words(&rule["apiGroups"]), words(&rule["resourceNames"]));
        assert_eq!(groups.len(), 1, "{rule}");
        for resource in words(&rule["resources"]) {
            let group = if groups[0].is_empty() { String::new() } else { format!(".{}", groups[0]) };
            let name = names.iter().map(|name| format!("/{name}")).collect::<String>();
            rights.push(format!("{place}: {} {resource}{group}{name}", words(&rule["verbs"]).join(",")));
        }
    }
    rights
}

fn name_of_subject(subject: &Value) -> String {
    let name = subject["name"].as_str().unwrap();
    let name = subject["namespace"].as_str().map_or_else(|| name.to_owned(), |place| format!("{place}/{name}"));
    format!("{} {name}", subject["kind"].as_str().unwrap())
}
