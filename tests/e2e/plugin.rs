//! get-token as real kubectl runs it: every form of exec entry, the token cache, the answer to a 401, and failures.

use std::fs;
use std::path::{Path, PathBuf};

use iam_bridge::demo::sts::Principal;
use k8s_openapi::api::core::v1::Namespace;
use kube::config::{KubeConfigOptions, Kubeconfig};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::rig::{ACCOUNT, CLUSTER_ID, Rig, SEEN};
use crate::harness::api_server::{ApiServer, Refuses};
use crate::harness::aws::{Aws, START_URL, SsoLogin};
use crate::harness::cluster::binaries;
use crate::harness::process::{Said, binary, clean, iam_bridge, run, run_ok};
use crate::harness::waiting::until;

/// A machine with kubectl and a home of its own.
struct Desk {
    home: TempDir,
    kubectl: PathBuf,
}

/// An exec entry, as people write them.
struct Entry<'e> {
    version: &'e str,
    mode: &'e str,
    gives_cluster: bool,
    variables: Vec<(&'e str, String)>,
    more: &'e [&'e str],
}

impl<'e> Entry<'e> {
    fn new(variables: Vec<(&'e str, String)>) -> Self {
        Self { version: "v1", mode: "Never", gives_cluster: false, variables, more: &[] }
    }
}

impl Desk {
    fn new(kube: &Path) -> Self {
        Self { home: tempfile::tempdir().unwrap(), kubectl: kube.join("kubectl") }
    }

    /// Writes a kubeconfig by hand; its cluster has the object that plugins can be given.
    fn write(&self, name: &str, server: &str, ca_pem: &str, entry: &Entry<'_>) {
        fs::write(self.at("ca.crt"), ca_pem).unwrap();
        let variables = entry.variables.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value}));
        let mut args = vec!["get-token", "--cluster-id", CLUSTER_ID, "--region", "eu-central-1"];
        args.extend(entry.more);
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {
                "server": server,
                "certificate-authority": self.at("ca.crt"),
                "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {
                    "audience": "x", "nested": {"list": [1, null, "two"]}, "apiVersion": "not/ours",
                }}],
            }}],
            "users": [{"name": "u", "user": {"exec": {
                "apiVersion": format!("client.authentication.k8s.io/{}", entry.version),
                "interactiveMode": entry.mode,
                "provideClusterInfo": entry.gives_cluster,
                "command": binary(),
                "args": args,
                "env": variables.collect::<Vec<Value>>(),
            }}}],
        });
        fs::write(self.at(name), kubeconfig.to_string()).unwrap();
    }

    fn kubectl(&self, kubeconfig: &str, arguments: &[&str]) -> Said {
        let mut command = clean(&self.kubectl);
        command.arg("--kubeconfig").arg(self.at(kubeconfig)).args(arguments).env("HOME", self.home.path());
        run(command.env("AWS_EC2_METADATA_DISABLED", "true"))
    }

    /// What `cache list` tells of tokens.
    fn cached(&self) -> Vec<Value> {
        let mut command = iam_bridge();
        let listed = run_ok(command.args(["cache", "list", "-o", "json"]).env("HOME", self.home.path()));
        serde_json::from_str(&listed).unwrap()
    }

    /// When the one cached token was signed.
    fn signed_at(&self) -> i64 {
        let directory = self.at(".kube/cache/iam-bridge");
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let entries: Vec<PathBuf> = names.filter(|path| path.to_string_lossy().ends_with(".token.json")).collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        let entry: Value = serde_json::from_slice(&fs::read(&entries[0]).unwrap()).unwrap();
        entry["signed_at"].as_i64().unwrap()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

fn keys_of(principal: &Principal) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", principal.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", principal.secret_access_key.expose_secret().to_owned()),
    ];
    let token = principal.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    variables.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
    variables
}

/// A session of a role that STS knows.
fn known(rig: &Rig, role: &str, session: &str) -> Principal {
    let principal = Principal::role_session(ACCOUNT, role, session).unwrap();
    rig.webhook.sts.add(principal.clone());
    principal
}

/// Maps the role to a group that may list namespaces.
fn let_list_namespaces(rig: &Rig, role: &str) {
    rig.map_role(role, "namespace-listers");
    rig.apply(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: namespace-listers}
rules:
- {apiGroups: [''], resources: [namespaces], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: namespace-listers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: namespace-listers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: namespace-listers}
",
    );
}

fn ca_pem(rig: &Rig) -> String {
    fs::read_to_string(rig.cluster.ca_file()).unwrap()
}

/// The signatures of the tokens of one key that STS was asked about, each once.
fn signatures(rig: &Rig, principal: &Principal) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for request in rig.webhook.sts.requests() {
        let query = request.uri.query().unwrap_or_default();
        let signature = query.split("X-Amz-Signature=").nth(1).unwrap_or_default().to_owned();
        if query.contains(&principal.access_key_id) && !seen.contains(&signature) {
            seen.push(signature);
        }
    }
    seen
}

#[test]
fn e2e_every_form_of_exec_entry_gets_kubectl_in() {
    let Some(rig) = Rig::get() else { return };
    let desk = Desk::new(&binaries().unwrap());
    let_list_namespaces(&rig, "Forms");
    let principal = known(&rig, "Forms", "frida");
    let reaches = |version: &str, mode: &str, gives_cluster: bool| {
        let entry = Entry { version, mode, gives_cluster, ..Entry::new(keys_of(&principal)) };
        desk.write("forms", rig.cluster.url(), &ca_pem(&rig), &entry);
        desk.kubectl("forms", &["get", "namespaces", "--output", "name"])
    };
    until("the mapping is seen", SEEN, || (reaches("v1", "Never", false).code == Some(0)).then_some(()));
    for version in ["v1", "v1beta1"] {
        for mode in ["Never", "IfAvailable"] {
            for gives_cluster in [true, false] {
                let said = reaches(version, mode, gives_cluster);
                assert_eq!(said.code, Some(0), "{version} {mode} {gives_cluster}: {said:?}");
                assert!(said.stdout.contains("namespace/default"), "{said:?}");
                assert_eq!(said.stderr, "", "{version} {mode} {gives_cluster}");
            }
        }
    }
}

#[test]
fn e2e_twenty_runs_of_kubectl_sign_once() {
    let Some(rig) = Rig::get() else { return };
    let desk = Desk::new(&binaries().unwrap());
    let_list_namespaces(&rig, "Often");
    let principal = known(&rig, "Often", "olga");
    desk.write("often", rig.cluster.url(), &ca_pem(&rig), &Entry::new(keys_of(&principal)));
    let get = || desk.kubectl("often", &["get", "namespaces", "--output", "name"]);
    until("the mapping is seen", SEEN, || (get().code == Some(0)).then_some(()));
    run_ok(iam_bridge().args(["cache", "clear"]).env("HOME", desk.home.path()));
    let before = signatures(&rig, &principal).len();
    let first = get();
    assert_eq!(first.code, Some(0), "{first:?}");
    let signed_at = desk.signed_at();
    for _ in 1..20 {
        let said = get();
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    }
    assert_eq!(desk.signed_at(), signed_at);
    assert_eq!(desk.cached().len(), 1);
    assert!(signatures(&rig, &principal).len() <= before + 1, "one token more at most");
}

#[test]
fn e2e_a_refused_token_is_not_given_to_the_same_kubectl_again() {
    let Some(kube) = binaries() else { return };
    let runtime = Runtime::new().unwrap();
    let api_server = runtime.block_on(ApiServer::start(Refuses::FirstToken));
    let desk = Desk::new(&kube);
    let principal = Principal::role_session(ACCOUNT, "Refused", "rosa").unwrap();
    desk.write("refused", &api_server.url(), api_server.ca_pem(), &Entry::new(keys_of(&principal)));

    let first = desk.kubectl("refused", &["get", "namespaces", "--output", "name"]);
    let tokens = api_server.tokens();
    let refused = tokens.first().expect("kubectl asked");
    let again = tokens.iter().skip(1).filter(|token| *token == refused).count();
    assert!(tokens.len() > 1, "kubectl asks again after a 401: {first:?}");
    assert_eq!(again, 0, "{first:?}");

    let second = desk.kubectl("refused", &["get", "namespaces", "--output", "name"]);
    assert_eq!((second.code, second.stdout.trim()), (Some(0), "namespace/default"), "{second:?}");
    let after: Vec<String> = api_server.tokens().split_off(tokens.len());
    assert!(after.iter().all(|token| tokens.last() == Some(token)), "the token that was taken is kept and used");
}

/// kube-rs runs plugins too, from other code than client-go's.
#[test]
fn e2e_kube_rs_gets_in_with_the_token_that_is_cached() {
    let runtime = Runtime::new().unwrap();
    let api_server = runtime.block_on(ApiServer::start(Refuses::Nothing));
    let desk = Desk::new(Path::new("no kubectl"));
    let principal = Principal::role_session(ACCOUNT, "Rust", "rudi").unwrap();
    for version in ["v1", "v1beta1"] {
        let mut variables = keys_of(&principal);
        variables.push(("HOME", desk.home.path().display().to_string()));
        let entry = Entry { version, gives_cluster: true, ..Entry::new(variables) };
        desk.write("rust", &api_server.url(), api_server.ca_pem(), &entry);
        let names = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(desk.at("rust")).unwrap();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            let namespaces: kube::Api<Namespace> = kube::Api::all(kube::Client::try_from(config).unwrap());
            let listed = namespaces.list(&kube::api::ListParams::default()).await.unwrap();
            listed.items.into_iter().map(|namespace| namespace.metadata.name.unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(names, ["default"], "{version}");
    }
    let tokens = api_server.tokens();
    assert!(tokens.len() >= 2 && tokens.iter().all(|token| token == &tokens[0] && !token.is_empty()));
}

#[test]
fn e2e_a_mapping_added_between_two_runs_lets_the_second_in() {
    let Some(rig) = Rig::get() else { return };
    let desk = Desk::new(&binaries().unwrap());
    let principal = known(&rig, "Late", "lena");
    desk.write("late", rig.cluster.url(), &ca_pem(&rig), &Entry::new(keys_of(&principal)));
    let get = || desk.kubectl("late", &["get", "namespaces", "--output", "name"]);
    let refused = get();
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.stderr.contains("Unauthorized") || refused.stderr.contains("must be logged in"), "{refused:?}");
    assert_eq!(desk.cached().len(), 1, "the token itself is good");
    let_list_namespaces(&rig, "Late");
    until("a re-run gets in", SEEN, || (get().code == Some(0)).then_some(()));
}

#[test]
fn e2e_a_failing_plugin_speaks_through_kubectl() {
    let Some(kube) = binaries() else { return };
    let aws = Aws::start();
    let desk = Desk::new(&kube);
    aws.write_config(&format!(
        "[profile people]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Admin\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n"
    ));
    aws.log_in_by_sso(SsoLogin { identifier: "corp", role: "Admin", lives: -60, refreshes: false });
    let home = aws.home().display().to_string();
    let entry = Entry { more: &["--profile", "people"], ..Entry::new(vec![("HOME", home)]) };
    desk.write("fails", "https://127.0.0.1:1", &ca_of_nobody(), &entry);
    let said = desk.kubectl("fails", &["get", "namespaces"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().collect();
    let what = lines.iter().position(|line| line.starts_with("could not get token: ")).expect(&said.stderr);
    assert_eq!(lines[what + 1], "hint: run `aws sso login --sso-session corp`", "{said:?}");
    assert!(said.stderr.contains("failed with exit code 1"), "{said:?}");
    aws.assert_no_secret(&said);
}

fn ca_of_nobody() -> String {
    crate::harness::authority::Authority::new("nobody").pem().to_owned()
}
