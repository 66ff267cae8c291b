//! `add` on a real API server, under the rights that `deploy/rbac-add.yaml` gives and no others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use iam_bridge::document::{self, Format};
use iam_bridge::kubernetes::{AWS_AUTH, AwsAuthMap, IfMissing, KubeconfigFiles, connect_person};
use iam_bridge::mapping::{EntryList, EntryText};
use iam_bridge::sources::keys::append_entry;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::rig::{ACCOUNT, Rig, apply};
use super::source_rig::{SEEN, apply_shipped, role_arn, start};
use crate::harness::cluster::Cluster;
use crate::harness::process::{Said, iam_bridge, run, run_ok};
use crate::harness::waiting::until;

/// Entries that each of the two writers adds by the library, and by the binary.
const EACH: (usize, usize) = (235, 15);
/// Adds of one writer that are under way at once.
const AT_ONCE: usize = 2;
/// Keys that a foreign writer puts beside.
const FOREIGN: usize = 60;

/// A kubeconfig of an account of its own; with `roles` of `kube-system` bound to it.
fn person(cluster: &Cluster, name: &str, roles: &[&str]) -> PathBuf {
    apply_shipped(cluster, &["rbac-add.yaml"]);
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}});
    apply(cluster, &account.to_string());
    for role in roles {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": format!("{role}-{name}"), "namespace": "kube-system"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        });
        apply(cluster, &binding.to_string());
        let question = if role.ends_with("create") { "create" } else { "update" };
        until("the rights are known", SEEN, || {
            let r#as = format!("--as=system:serviceaccount:default:{name}");
            let object = if question == "create" { "configmaps" } else { "configmaps/aws-auth" };
            let words = ["auth", "can-i", question, object, "--namespace", "kube-system", &r#as];
            (run(cluster.as_user("admin").args(words)).stdout.trim() == "yes").then_some(())
        });
    }
    let token = run_ok(cluster.as_user("admin").args(["create", "token", name, "--namespace", "default"]));
    cluster.write_kubeconfig(name, &format!("    token: {}\n", token.trim()));
    cluster.kubeconfig(name)
}

fn add_role(kubeconfig: &Path, role: &str, more: &[&str]) -> Said {
    let mut command = iam_bridge();
    command.args([
        "add",
        "role",
        "--prompt=false",
        "--rolearn",
        &role_arn(role),
        "--username",
        "u",
        "--groups",
        "people",
    ]);
    run(command.arg("--kubeconfig").arg(kubeconfig).args(more))
}

fn entry(role: &str) -> EntryText {
    EntryText {
        role_arn: Some(role_arn(role)),
        username: format!("{role}:{{{{SessionName}}}}"),
        groups: vec!["people".to_owned()],
        ..EntryText::default()
    }
}

/// Adds by the library, several at once.
async fn add_many(kubeconfig: PathBuf, writer: &'static str) {
    let files = KubeconfigFiles { paths: vec![kubeconfig], named: true };
    let map = Arc::new(AwsAuthMap::new(connect_person(&files, None, None).await.unwrap()));
    let mut lanes = JoinSet::new();
    for lane in 0..AT_ONCE {
        let map = Arc::clone(&map);
        lanes.spawn(async move {
            for number in (0..EACH.0).filter(|number| number % AT_ONCE == lane) {
                let entry = entry(&format!("{writer}-{number}"));
                let append = |value: Option<&str>| append_entry(AWS_AUTH, value, EntryList::Roles, &entry);
                map.edit("mapRoles", IfMissing::Refuse, append).await.unwrap();
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
}

/// Another program, which knows nothing of us: it patches keys of its own.
async fn patch_foreign(client: kube::Client) {
    let maps: Api<ConfigMap> = Api::namespaced(client, "kube-system");
    for number in 0..FOREIGN {
        let patch = json!({"data": {format!("foreign-{number}"): format!("{number}")}});
        maps.patch("aws-auth", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

#[test]
fn u10_of_500_entries_that_two_writers_add_at_once_none_is_lost() {
    let Some(rig) = Rig::get() else { return };
    let aws_auth = rig.aws_auth();
    let first = format!("# ours\n- rolearn: {} # first\n  username: first\n", role_arn("First"));
    aws_auth.write(&json!({"mapRoles": first, "mapAccounts": "[]"}));
    let writers = ["writer-a", "writer-b"];
    let [a, b] = writers.map(|name| person(&rig.cluster, name, &["iam-bridge-add"]));
    let admin = KubeconfigFiles { paths: vec![rig.cluster.kubeconfig("admin")], named: true };
    let runtime = Runtime::new().unwrap();
    std::thread::scope(|scope| {
        for (writer, kubeconfig) in writers.iter().zip([&a, &b]) {
            scope.spawn(move || {
                for number in 0..EACH.1 {
                    let said = add_role(kubeconfig, &format!("{writer}-by-hand-{number}"), &[]);
                    assert_eq!(said.code, Some(0), "{said:?}");
                }
            });
        }
        runtime.block_on(async {
            let foreign = patch_foreign(connect_person(&admin, None, None).await.unwrap());
            tokio::join!(add_many(a.clone(), writers[0]), add_many(b.clone(), writers[1]), foreign);
        });
    });

    let data = aws_auth.data();
    let roles = data["mapRoles"].as_str().unwrap();
    assert!(roles.starts_with(first.trim_end()), "comments stay: {}", &roles.lines().take(5).collect::<String>());
    let document = document::parse("mapRoles", roles, Format::Yaml).unwrap();
    let Value::Array(entries) = document.root().to_json() else { panic!("a list") };
    let mut seen: Vec<&str> = entries.iter().map(|entry| entry["rolearn"].as_str().unwrap()).collect();
    seen.sort_unstable();
    let mut added: Vec<String> = vec![role_arn("First")];
    for writer in writers {
        added.extend((0..EACH.0).map(|number| role_arn(&format!("{writer}-{number}"))));
        added.extend((0..EACH.1).map(|number| role_arn(&format!("{writer}-by-hand-{number}"))));
    }
    added.sort_unstable();
    assert_eq!(added.len(), 501);
    assert_eq!(seen, added);
    assert_eq!(data["mapAccounts"], "[]");
    for number in 0..FOREIGN {
        assert_eq!(data[format!("foreign-{number}")], number.to_string());
    }
}

#[test]
fn e2e_an_entry_is_added_under_the_shipped_rights_and_the_server_takes_it() {
    let Some(rig) = Rig::get() else { return };
    let aws_auth = rig.aws_auth();
    let [editor, maker, stranger] = [
        ("add-editor", &["iam-bridge-add"][..]),
        ("add-maker", &["iam-bridge-add", "iam-bridge-add-create"]),
        ("add-stranger", &[]),
    ]
    .map(|(name, roles)| person(&rig.cluster, name, roles));

    let said = add_role(&stranger, "Added", &[]);
    assert_eq!(said.code, Some(1));
    let words = "the API server refuses the right to get the ConfigMap kube-system/aws-auth (403): configmaps \"aws-auth\" is forbidden";
    assert!(said.stdout.starts_with(words) && said.stderr.contains("deploy/rbac-add.yaml"), "{said:?}");
    let said = add_role(&editor, "Added", &[]);
    assert!(
        said.stdout == "the ConfigMap kube-system/aws-auth does not exist\n" && said.stderr.contains("--create"),
        "{said:?}"
    );
    let said = add_role(&editor, "Added", &["--create"]);
    assert!(said.stdout.starts_with("the API server refuses the right to create"), "{said:?}");
    let said = add_role(&maker, "Added", &["--create"]);
    assert_eq!(said.code, Some(0), "{said:?}");

    let server = start(&rig.cluster, "EKSConfigMap", "");
    let known = server.introduce(ACCOUNT, "Added", "ada");
    server.until_judged(&known, Ok("u"));
    let later = server.introduce(ACCOUNT, "AddedLater", "lena");
    server.until_judged(&later, Err("not_mapped"));
    let said = add_role(&editor, "AddedLater", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    server.until_judged(&later, Ok("u"));
    let said = add_role(&editor, "addedlater", &[]);
    assert!(said.stdout.starts_with("cannot add duplicate role ARN"), "{said:?}");

    let arguments =
        ["get", "configmap", "aws-auth", "--namespace", "kube-system", "--show-managed-fields", "--output", "json"];
    let object: Value = serde_json::from_str(&run_ok(rig.cluster.as_user("admin").args(arguments))).unwrap();
    let managers = object["metadata"]["managedFields"].as_array().unwrap();
    assert!(managers.iter().all(|one| one["manager"] == "iam-bridge"), "{managers:?}");
    drop(aws_auth);
}
