//! The real binary between a real API server and the fake STS, steered as users steer it: HTTPS_PROXY, SSL_CERT_FILE.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use iam_bridge::demo::sts::{Principal, Sts};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::cluster::{Cluster, binaries};
use crate::harness::process::{Said, Server, binary, iam_bridge, run, run_ok};
use crate::harness::proxy::Proxy;
use crate::harness::waiting::until;

/// The account of every principal.
pub(super) const ACCOUNT: &str = "111122223333";

/// The cluster id that tokens are signed for.
const CLUSTER_ID: &str = "e2e.example";

/// A change of the config file is seen within 2 s, and the API server keeps an answer for 10 s.
pub(super) const SEEN: Duration = Duration::from_secs(60);

/// All of it, running. Dropping the last handle ends every process.
pub(super) struct Rig {
    pub(super) cluster: Cluster,
    server: Server,
    proxy: Proxy,
    sts: Sts,
    directory: TempDir,
    config: Mutex<Config>,
    runtime: Runtime,
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

    fn start(binaries: &std::path::Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let (sts, proxy) = runtime.block_on(async {
            let sts = Sts::start().await.unwrap();
            let proxy = Proxy::start(sts.address()).await;
            (sts, proxy)
        });
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("sts-ca.pem"), sts.ca_pem()).unwrap();
        let config = Config::default();
        fs::write(at("config.yaml"), config.text(directory.path())).unwrap();
        let mut command = iam_bridge();
        command
            .args(["server", "--config"])
            .arg(at("config.yaml"))
            .env("HTTPS_PROXY", proxy.url())
            .env("SSL_CERT_FILE", at("sts-ca.pem"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let mut server = Server::start(&command, at("server.log"));
        until("the server writes its kubeconfig", SEEN, || {
            assert!(!server.has_ended(), "the server ended:\n{}", server.log());
            at("webhook.kubeconfig").exists().then_some(())
        });
        let cluster = Cluster::start(binaries, &at("webhook.kubeconfig"));
        Self { cluster, server, proxy, sts, directory, config: Mutex::new(config), runtime }
    }

    /// A session of a role that STS knows, with a kubeconfig of the session's name whose exec plugin is get-token.
    pub(super) fn introduce(&self, role: &str, session: &str, exec_version: &str) -> Principal {
        let principal = Principal::role_session(ACCOUNT, role, session).unwrap();
        self.sts.add(principal.clone());
        let user = format!(
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
        );
        self.cluster.write_kubeconfig(session, &user);
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
        let new = self.directory.path().join("config.yaml.new");
        fs::write(&new, config.text(self.directory.path())).unwrap();
        fs::rename(new, self.directory.path().join("config.yaml")).unwrap();
    }

    /// Runs kubectl as a session that was introduced.
    pub(super) fn kubectl(&self, session: &str, arguments: &[&str]) -> Said {
        run(self.cluster.as_user(session).args(arguments))
    }

    /// Who the API server takes a session for; `None` when it is nobody.
    pub(super) fn whoami(&self, session: &str) -> Option<Value> {
        let said = self.kubectl(session, &["auth", "whoami", "--output", "json"]);
        let refused = said.stderr.contains("Unauthorized") || said.stderr.contains("must be logged in");
        assert!(said.code == Some(0) || refused, "{said:?}\nserver:\n{}", self.server.log());
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

    /// Hosts that the server wanted to reach.
    pub(super) fn hosts_asked(&self) -> Vec<String> {
        self.proxy.asked()
    }

    /// What the server has logged.
    pub(super) fn server_log(&self) -> String {
        self.server.log()
    }

    /// Applies manifests as the administrator.
    pub(super) fn apply(&self, manifests: &str) {
        let file = self.directory.path().join("manifests.yaml");
        fs::write(&file, manifests).unwrap();
        run_ok(self.cluster.as_user("admin").args(["apply", "--filename"]).arg(file));
    }
}

impl Config {
    fn text(&self, directory: &std::path::Path) -> String {
        let directory = directory.display();
        let list = |key: &str, entries: &str| {
            if entries.is_empty() { String::new() } else { format!("  {key}:\n{entries}") }
        };
        format!(
            "clusterID: {CLUSTER_ID}\nserver:\n  address: 127.0.0.1\n  hostname: 127.0.0.1\n  port: 0\n  \
             stateDir: {directory}\n  generateKubeconfig: {directory}/webhook.kubeconfig\n  \
             healthAddress: 127.0.0.1:0\n{}{}",
            list("mapRoles", &self.map_roles),
            list("deny", &self.deny),
        )
    }
}
