//! The real binary between a real API server and the fake STS.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::harness::cluster::{Cluster, binaries};
use crate::harness::process::{Said, binary, run, run_ok};
use crate::harness::waiting::until;
use crate::harness::webhook_server::WebhookServer;

/// The account of every principal.
pub(super) const ACCOUNT: &str = "111122223333";

/// The cluster id that tokens are signed for.
pub(super) const CLUSTER_ID: &str = "e2e.example";

/// A change of the config file is seen within 2 s, and the API server keeps an answer for 10 s.
pub(super) const SEEN: Duration = Duration::from_secs(60);

/// All of it, running. Dropping the last handle ends every process.
pub(super) struct Rig {
    pub(super) cluster: Cluster,
    pub(super) webhook: WebhookServer,
    config: Mutex<Config>,
    applying: Mutex<()>,
    aws_auth: Mutex<()>,
}

/// aws-auth, held by one test.
pub(super) struct AwsAuth<'r> {
    cluster: &'r Cluster,
    _alone: MutexGuard<'r, ()>,
}

/// The parts of the config file that tests add to.
#[derive(Default)]
struct Config {
    map_roles: String,
    deny: String,
}

impl Rig {
    /// The rig that tests share while any of them runs; `None` where there is no Kubernetes to run.
    pub(super) fn get() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Rig>> = Mutex::new(Weak::new());
        let binaries = binaries()?;
        // A test that fails poisons the lock; the next one starts a rig of its own.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let rig = shared.upgrade().unwrap_or_else(|| Arc::new(Self::start(&binaries)));
        *shared = Arc::downgrade(&rig);
        Some(rig)
    }

    fn start(binaries: &Path) -> Self {
        let config = Config::default();
        let webhook = WebhookServer::start(CLUSTER_ID, &config.text(), &[]);
        let cluster = Cluster::start(binaries, &webhook.at("webhook.kubeconfig"));
        Self { cluster, webhook, config: Mutex::new(config), applying: Mutex::default(), aws_auth: Mutex::default() }
    }

    /// A session of a role that STS knows, with a kubeconfig of the session's name whose exec plugin is get-token.
    pub(super) fn introduce(&self, role: &str, session: &str, exec_version: &str) -> Principal {
        let principal = Principal::role_session(ACCOUNT, role, session).unwrap();
        self.webhook.sts.add(principal.clone());
        self.cluster.write_kubeconfig(session, &exec_user(&principal, exec_version));
        principal
    }

    /// Maps a role while the server runs.
    pub(super) fn map_role(&self, role: &str, group: &str) {
        self.edit(|config| {
            config.map_roles.push_str(&format!(
                "  - rolearn: arn:aws:iam::{ACCOUNT}:role/{role}\n    username: {role}:{{{{SessionName}}}}\n    \
                 groups: [{group}]\n"
            ));
        });
    }

    /// Denies a role while the server runs.
    pub(super) fn deny_role(&self, role: &str) {
        self.edit(|config| {
            config.deny.push_str(&format!("  - arn: arn:aws:iam::{ACCOUNT}:role/{role}\n    reason: left the team\n"));
        });
    }

    fn edit(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut config);
        self.webhook.rewrite_config(CLUSTER_ID, &config.text());
    }

    /// Runs kubectl as a session that was introduced.
    pub(super) fn kubectl(&self, session: &str, arguments: &[&str]) -> Said {
        run(self.cluster.as_user(session).args(arguments))
    }

    /// Who the API server takes a session for; `None` when it is nobody.
    pub(super) fn whoami(&self, session: &str) -> Option<Value> {
        let said = self.kubectl(session, &["auth", "whoami", "--output", "json"]);
        let refused = said.stderr.contains("Unauthorized") || said.stderr.contains("must be logged in");
        assert!(said.code == Some(0) || refused, "{said:?}\nserver:\n{}", self.webhook.log());
        let review: Value = serde_json::from_str(&said.stdout).ok()?;
        Some(review["status"]["userInfo"].clone())
    }

    /// Waits until a session is somebody.
    pub(super) fn until_known(&self, session: &str) -> Value {
        until(&format!("{session} is known"), SEEN, || self.whoami(session))
    }

    /// Waits until a session is nobody.
    pub(super) fn until_refused(&self, session: &str) {
        until(&format!("{session} is refused"), SEEN, || self.whoami(session).is_none().then_some(()));
    }

    /// The ConfigMap aws-auth, which every cluster has once, for one test at a time. It is not there at first.
    pub(super) fn aws_auth(&self) -> AwsAuth<'_> {
        let alone = self.aws_auth.lock().unwrap_or_else(PoisonError::into_inner);
        let aws_auth = AwsAuth { cluster: &self.cluster, _alone: alone };
        aws_auth.delete();
        aws_auth
    }

    /// Applies manifests as the administrator.
    pub(super) fn apply(&self, manifests: &str) {
        // One at a time: of two that create the same object, kubectl fails the later.
        let _one = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        apply(&self.cluster, manifests);
    }
}

impl AwsAuth<'_> {
    /// Writes it anew, with these values under `data`.
    pub(super) fn write(&self, data: &Value) {
        write_aws_auth(self.cluster, data);
    }

    /// Deletes it, if it is there.
    pub(super) fn delete(&self) {
        let arguments = ["delete", "configmap", "aws-auth", "--namespace", "kube-system", "--ignore-not-found"];
        run_ok(self.cluster.as_user("admin").args(arguments));
    }

    /// Its values, as they are now.
    pub(super) fn data(&self) -> Value {
        let arguments = ["get", "configmap", "aws-auth", "--namespace", "kube-system", "--output", "json"];
        let map: Value = serde_json::from_str(&run_ok(self.cluster.as_user("admin").args(arguments))).unwrap();
        map["data"].clone()
    }
}

impl Config {
    fn text(&self) -> String {
        let list = |key: &str, entries: &str| {
            if entries.is_empty() { String::new() } else { format!("  {key}:\n{entries}") }
        };
        list("mapRoles", &self.map_roles) + &list("deny", &self.deny)
    }
}

/// A user entry whose plugin is get-token with the keys of a principal.
pub(super) fn exec_user(principal: &Principal, exec_version: &str) -> String {
    format!(
        "    exec:
      apiVersion: client.authentication.k8s.io/{exec_version}
      interactiveMode: Never
      command: {}
      args: [get-token, --cluster-name, {CLUSTER_ID}, --region, eu-central-1]
      env:
      - {{name: AWS_ACCESS_KEY_ID, value: {}}}
      - {{name: AWS_SECRET_ACCESS_KEY, value: {}}}
      - {{name: AWS_SESSION_TOKEN, value: {}}}
",
        binary().display(),
        principal.access_key_id,
        principal.secret_access_key.expose_secret(),
        principal.session_token.as_ref().unwrap().expose_secret(),
    )
}

/// Writes aws-auth of a cluster anew, with these values under `data`.
pub(super) fn write_aws_auth(cluster: &Cluster, data: &Value) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": data,
    });
    apply(cluster, &map.to_string());
}

/// Applies manifests as the administrator of a cluster.
pub(super) fn apply(cluster: &Cluster, manifests: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(manifests.as_bytes()).unwrap();
    run_ok(cluster.as_user("admin").args(["apply", "--filename"]).arg(file.path()));
}
