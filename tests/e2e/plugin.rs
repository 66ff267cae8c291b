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
use crate::harness::aws::{Aws, Cluster, START_URL, SsoLogin};
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

    /// Has our command write one for the profile `often`.
    fn write_kubeconfig(&self, name: &str, first: &[&str], more: &[&str]) {
        let mut command = iam_bridge();
        command.arg("kubeconfig").args(first).args(more).args(["--region", "eu-central-1", "--profile", "often"]);
        command.args(["--context", "often", "--use", "--absolute-path", "--kubeconfig"]).arg(self.at(name));
        run_ok(command.env("HOME", self.home.path()).env("AWS_EC2_METADATA_DISABLED", "true"));
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
    fs::create_dir(desk.at(".aws")).unwrap();
    let token = principal.session_token.as_ref().unwrap().expose_secret();
    let profile = format!(
        "[profile often]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {token}\n",
        principal.access_key_id,
        principal.secret_access_key.expose_secret(),
    );
    fs::write(desk.at(".aws/config"), profile).unwrap();
    for version in ["v1", "v1beta1"] {
        desk.write_kubeconfig(
            version,
            &["--cluster-id", CLUSTER_ID, "--server", rig.cluster.url(), "--certificate-authority"],
            &[rig.cluster.ca_file().to_str().unwrap(), "--api-version", version, "--provide-cluster-info"],
        );
    }
    let get = |version: &str| desk.kubectl(version, &["get", "namespaces", "--output", "name"]);
    until("the mapping is seen", SEEN, || (get("v1").code == Some(0)).then_some(()));
    run_ok(iam_bridge().args(["cache", "clear"]).env("HOME", desk.home.path()));
    let before = signatures(&rig, &principal).len();
    let first = get("v1");
    assert_eq!(first.code, Some(0), "{first:?}");
    let signed_at = desk.signed_at();
    for run in 1..20 {
        let said = get(if run % 2 == 0 { "v1" } else { "v1beta1" });
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    }
    assert_eq!(desk.signed_at(), signed_at);
    assert_eq!(desk.cached().len(), 1);
    assert!(signatures(&rig, &principal).len() <= before + 1, "one token more at most");
}

#[test]
fn e2e_a_kubeconfig_from_eks_and_a_converted_one_get_kubectl_in() {
    let Some(kube) = binaries() else { return };
    let aws = Aws::start();
    let api_server = aws.block_on(ApiServer::start(Refuses::Nothing));
    aws.add_cluster(Cluster::active("prod", &api_server.url(), api_server.ca_pem()));
    let dev = aws.user("dev");
    let with_kubectl = |kubeconfig: &Path| {
        let mut command = clean(kube.join("kubectl"));
        aws.steer(&mut command);
        aws.with_keys(&dev, &mut command).env("NO_PROXY", "127.0.0.1").arg("--kubeconfig").arg(kubeconfig);
        run_ok(command.args(["get", "namespaces", "--output", "name"]))
    };
    let (made, old) = (aws.at("made"), aws.at("old"));
    let mut command = aws.iam_bridge(&["kubeconfig", "--eks", "prod", "--use", "--absolute-path", "--kubeconfig"]);
    run_ok(aws.with_keys(&dev, &mut command).arg(&made));
    assert_eq!(with_kubectl(&made), "namespace/default\n");

    // The same cluster as `aws eks update-kubeconfig` leaves it, where no AWS CLI is.
    let ca = aws.write("ca.crt", api_server.ca_pem());
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
         clusters:\n- name: prod\n  cluster:\n    certificate-authority: {}\n    server: {}\n\
         contexts:\n- name: prod\n  context:\n    cluster: prod\n    user: prod\n\
         users:\n- name: prod\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      \
         args: [--region, eu-central-1, eks, get-token, --cluster-name, prod, --output, json]\n      command: aws\n",
        ca.display(),
        api_server.url(),
    );
    fs::write(&old, text).unwrap();
    let mut command = aws.iam_bridge(&["kubeconfig", "--convert", "prod", "--absolute-path", "--kubeconfig"]);
    run_ok(aws.with_keys(&dev, &mut command).arg(&old));
    assert_eq!(with_kubectl(&old), "namespace/default\n");
    let tokens = api_server.tokens();
    assert!(tokens.iter().all(|token| token == &tokens[0]), "both are one cluster, so one token");
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
fn e2e_kube_rs_gets_in() {
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
    // Both clients are one process, so the second call of the plugin looks like an answer to a 401: two tokens are right.
    assert!(api_server.tokens().iter().all(|token| token.starts_with("k8s-aws-v1.")));
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
