//! `explain` against a cluster: the same walk over what the cluster holds, and nothing written there.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::object_server::{AWS_AUTH, IDENTITY_MAPPINGS, Manners, ObjectServer};
use crate::harness::process::{Said, iam_bridge, run};

const ALICE: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice";

struct Place {
    server: ObjectServer,
    folder: TempDir,
    kubeconfig: PathBuf,
}

impl Place {
    /// With the kind `IAMIdentityMapping`, no object of it, and these entries in aws-auth.
    async fn new(roles: &str) -> Self {
        let (server, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
        server.open(IDENTITY_MAPPINGS);
        let kubeconfig = server.kubeconfig(folder.path());
        let place = Self { server, folder, kubeconfig };
        place.put_roles(roles);
        place
    }

    fn put_roles(&self, roles: &str) {
        let metadata = json!({"name": "aws-auth", "namespace": "kube-system"});
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mapRoles": roles}});
        self.server.put(AWS_AUTH, map);
    }

    fn put_mapping(&self, name: &str, arn: &str, username: &str) {
        let object = json!({
            "apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping",
            "metadata": {"name": name}, "spec": {"arn": arn, "username": username, "groups": ["g"]},
        });
        self.server.put(IDENTITY_MAPPINGS, object);
    }

    fn explain(&self, words: &[&str]) -> Said {
        let mut command = iam_bridge();
        command.env("AWS_EC2_METADATA_DISABLED", "true").arg("explain").args(words);
        tokio::task::block_in_place(|| run(&mut command))
    }

    /// With this kubeconfig, as JSON.
    fn ask(&self, words: &[&str]) -> (Said, Value) {
        let kubeconfig = self.kubeconfig.to_str().unwrap();
        let said = self.explain(&[words, &["--kubeconfig", kubeconfig, "-o", "json"]].concat());
        let answer = serde_json::from_str(&said.stdout).unwrap_or_default();
        (said, answer)
    }
}

fn role(name: &str, username: &str) -> String {
    format!("- rolearn: arn:aws:iam::111122223333:role/{name}\n  username: \"{username}\"\n  groups: [devs]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_explained_by_what_the_cluster_holds_and_nothing_is_written() {
    let place = Place::new(&role("Dev", "dev:{{SessionName}}")).await;
    place.put_mapping("ops", "arn:aws:iam::111122223333:role/Ops", "ops");
    let (said, answer) = place.ask(&[ALICE]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    assert_eq!(answer["user"]["username"], "dev:alice");
    let steps = answer["steps"].as_array().unwrap();
    let walk: Vec<&str> = steps.iter().map(|step| step["source"].as_str().unwrap()).collect();
    assert_eq!(walk, ["deny", "AccessEntry", "EKSConfigMap", "CRD"]);
    assert_eq!(steps[2]["place"], "kube-system/aws-auth/mapRoles:1");

    let (said, answer) = place.ask(&["arn:aws:sts::111122223333:assumed-role/Ops/bob"]);
    assert_eq!((said.code, &answer["user"]["username"]), (Some(0), &json!("ops")), "{said:?}");
    assert!(answer["steps"][3]["place"].as_str().unwrap().contains("ops"), "{answer}");
    let (said, answer) =
        place.ask(&["arn:aws:sts::111122223333:assumed-role/Ops/bob", "--backend-mode", "EKSConfigMap"]);
    assert_eq!((said.code, &answer["reason"]), (Some(1), &json!("not_mapped")), "{said:?}");
    let (said, _) = place.ask(&["arn:aws:sts::111122223333:assumed-role/Ops/bob", "--context", "fake"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(place.server.requests().iter().all(|asked| !asked.writes()), "{:?}", place.server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_config_file_its_sources_and_denials_count() {
    let place = Place::new(&role("Dev", "from-the-map")).await;
    let config = place.folder.path().join("config.yaml");
    let kubeconfig = place.kubeconfig.display();
    let text = format!(
        "clusterID: c\nserver:\n  kubeconfig: {kubeconfig}\n  backendMode: [EKSConfigMap, MountedFile]\n  \
         deny:\n  - arn: arn:aws:iam::111122223333:role/Gone\n  mapRoles:\n{}",
        role("File", "from-the-file").lines().map(|line| format!("  {line}\n")).collect::<String>(),
    );
    fs::write(&config, text).unwrap();
    let ask = |role: &str| {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{role}/s");
        let said = place.explain(&["-c", config.to_str().unwrap(), &arn, "-o", "json"]);
        serde_json::from_str::<Value>(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"))
    };
    assert_eq!(ask("Dev")["user"]["username"], "from-the-map");
    assert_eq!(ask("File")["user"]["username"], "from-the-file");
    assert_eq!(ask("Gone")["reason"], "denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_is_said_instead_of_an_answer() {
    let place = Place::new(&role("Dev", "dev")).await;
    for (manners, source, words) in [
        (Manners { refuse: Some(403), ..Manners::default() }, "EKSConfigMap", "(403)"),
        (Manners { refuse: Some(500), ..Manners::default() }, "CRD", "(500)"),
        (Manners { away: true, ..Manners::default() }, "EKSConfigMap", "cannot be reached"),
    ] {
        place.server.behave(manners);
        let (said, _) = place.ask(&[ALICE]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
        assert!(said.stderr.contains(&format!("error: source {source} cannot be read: ")), "{said:?}");
        assert!(said.stderr.contains(words) && said.stderr.contains("hint: no answer without"), "{said:?}");
    }
    place.server.behave(Manners::default());
    place.put_roles("- rolearn: a\n\tusername: b\n");
    let (said, _) = place.ask(&[ALICE]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.stderr.contains("kube-system/aws-auth/mapRoles:2:"), "{said:?}");

    let (said, _) = place.ask(&[ALICE, "--context", "other"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("context `other` is not in the kubeconfig"), "{said:?}");
    let said = place.explain(&[ALICE]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("--kubeconfig FILE"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_our_kind_is_explained_by_its_aws_auth() {
    let place = Place::new(&role("Dev", "dev")).await;
    let bare = ObjectServer::start().await;
    bare.put(AWS_AUTH, place.server.objects(AWS_AUTH).remove(0));
    let kubeconfig = bare.kubeconfig(place.folder.path());
    let kubeconfig = kubeconfig.to_str().unwrap();
    let said = place.explain(&[ALICE, "--kubeconfig", kubeconfig]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("source CRD is not asked: ") && said.stdout.contains("user `dev`"), "{said:?}");
    let named = place.explain(&[ALICE, "--kubeconfig", kubeconfig, "--backend-mode", "EKSConfigMap,CRD"]);
    assert_eq!(named.code, Some(1), "who names it means it: {named:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_needs_a_node_name_says_which() {
    let place = Place::new(&role("Node", "system:node:{{EC2PrivateDNSName}}")).await;
    let (said, answer) = place.ask(&["arn:aws:sts::111122223333:assumed-role/Node/i-0123456789abcdef0"]);
    assert_eq!((said.code, &answer["reason"]), (Some(1), &json!("node_lookup_unavailable")), "{said:?}");
    let notes = answer["notes"].to_string();
    assert!(notes.contains("private DNS name") && notes.contains("server.nodeName: privateDns"), "{notes}");
}
