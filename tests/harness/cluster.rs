//! etcd and kube-apiserver on loopback, as plain processes, and kubectl to ask them.
//!
//! kube-apiserver 1.36 keeps a good answer of a token webhook for 10 s whatever the flags say, so a test that expects
//! a new question makes a new token.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use rcgen::KeyPair;
use tempfile::TempDir;

use super::authority::Authority;
use super::process::{Server, clean, run, say_aloud, variable};
use super::waiting::until;

/// Slow machines are allowed for; readiness takes 3 to 6 s.
const READY: Duration = Duration::from_secs(180);

/// An administrator, and the account that `deploy/` gives rights to, for those who need a kubeconfig of it before the
/// API server has started and can sign one.
const TOKENS: &str = "admin-token,e2e-admin,e2e-admin,system:masters
bridge-token,system:serviceaccount:kube-system:aws-iam-authenticator,bridge
";

/// Folder with etcd, kube-apiserver and kubectl.
///
/// `None` when they are not there and cannot be built: the test then did not run, which is said aloud, and which
/// fails it under `IAM_BRIDGE_E2E=required`.
pub(crate) fn binaries() -> Option<PathBuf> {
    if let Some(ready) = variable("IAM_BRIDGE_KUBE_BIN") {
        return Some(ready.into());
    }
    let wanted = variable("IAM_BRIDGE_E2E").unwrap_or_default();
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/kube/build");
    let missing = if wanted == "off" {
        "IAM_BRIDGE_E2E=off".to_owned()
    } else if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        "there is no Go to build etcd, kube-apiserver and kubectl with".to_owned()
    } else {
        // The compiler speaks for itself: it may take minutes, and its faults are to be seen.
        let output = Command::new("bash").arg(build).stderr(std::process::Stdio::inherit()).output().unwrap();
        if output.status.success() {
            return Some(String::from_utf8(output.stdout).unwrap().trim().into());
        }
        "etcd, kube-apiserver and kubectl could not be built".to_owned()
    };
    assert!(wanted != "required", "IAM_BRIDGE_E2E=required, but {missing}");
    say_aloud(&format!("end-to-end test NOT RUN: {missing}"));
    None
}

/// An API server that asks a token webhook. Dropping it kills its processes by their ids.
pub(crate) struct Cluster {
    binaries: PathBuf,
    webhook_kubeconfig: PathBuf,
    port: u16,
    api_server: Mutex<Option<Server>>,
    etcd: Mutex<Option<Server>>,
    directory: TempDir,
    url: String,
}

impl Cluster {
    /// Starts one that asks the webhook of `webhook_kubeconfig`, and waits until it is ready.
    pub(crate) fn start(binaries: &Path, webhook_kubeconfig: &Path) -> Self {
        // A port is only known to have been free: should another process take it first, another one is tried.
        let mut attempts = (0..5).map(|_| {
            let cluster = Self::prepare(binaries, webhook_kubeconfig);
            cluster.attempt().map(|()| cluster)
        });
        attempts.find_map(Result::ok).expect("a free port")
    }

    /// One whose address and users are known, and of which nothing runs yet.
    pub(crate) fn prepare(binaries: &Path, webhook_kubeconfig: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_certificates(directory.path());
        fs::write(directory.path().join("tokens.csv"), TOKENS).unwrap();
        let port = free_port();
        let cluster = Self {
            binaries: binaries.to_owned(),
            webhook_kubeconfig: webhook_kubeconfig.to_owned(),
            port,
            api_server: Mutex::default(),
            etcd: Mutex::default(),
            directory,
            url: format!("https://127.0.0.1:{port}"),
        };
        cluster.write_kubeconfig("admin", "    token: admin-token\n");
        cluster.write_kubeconfig("bridge", "    token: bridge-token\n");
        cluster
    }

    /// Starts the API server, and etcd before it unless it runs, and waits until it is ready.
    pub(crate) fn start_api_server(&self) {
        assert!(self.attempt().is_ok(), "the port was taken by another process");
    }

    /// Kills the API server; etcd stays. Its connections end as those of a machine that lost its power do not: at once.
    pub(crate) fn end_api_server(&self) {
        drop(self.api_server.lock().unwrap().take());
    }

    /// `Err` when the port was taken meanwhile.
    fn attempt(&self) -> Result<(), ()> {
        let at = |name: &str| self.directory.path().join(name);
        let mut etcd_runs = self.etcd.lock().unwrap();
        etcd_runs.get_or_insert_with(|| Server::start(&etcd(&self.binaries, self.directory.path()), at("etcd.log")));
        drop(etcd_runs);
        let command = api_server(&self.binaries, self.directory.path(), self.port, &self.webhook_kubeconfig);
        let mut server = Server::start(&command, at("kube-apiserver.log"));
        let ready = until("kube-apiserver is ready", READY, || {
            if server.has_ended() {
                return Some(false);
            }
            let said = run(self.as_user("admin").args(["get", "--raw", "/readyz"]));
            (said.code == Some(0)).then_some(true)
        });
        if ready {
            *self.api_server.lock().unwrap() = Some(server);
            return Ok(());
        }
        let log = server.log();
        assert!(log.contains("address already in use"), "kube-apiserver ended:\n{log}");
        Err(())
    }

    /// Where the API server listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The file with its CA.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// kubectl as a user whose kubeconfig was written; nothing of the machine's environment but PATH.
    pub(crate) fn as_user(&self, user: &str) -> Command {
        let mut command = clean(self.binaries.join("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig(user)).env("HOME", self.directory.path());
        command
    }

    /// Writes a kubeconfig; `user` holds the members of its user entry, indented by four.
    pub(crate) fn write_kubeconfig(&self, name: &str, user: &str) {
        let ca = self.ca_file();
        let text = format!(
            "apiVersion: v1\nkind: Config\n\
             clusters:\n- name: e2e\n  cluster:\n    server: {}\n    certificate-authority: {}\n\
             users:\n- name: {name}\n  user:\n{user}\
             contexts:\n- name: e2e\n  context:\n    cluster: e2e\n    user: {name}\n\
             current-context: e2e\n",
            self.url,
            ca.display(),
        );
        fs::write(self.kubeconfig(name), text).unwrap();
    }

    /// The kubeconfig that was written under this name.
    pub(crate) fn kubeconfig(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.kubeconfig"))
    }
}

/// etcd on a socket named relative to its folder: no port to pick, no limit of path length to hit.
fn etcd(binaries: &Path, directory: &Path) -> Command {
    let mut command = clean(binaries.join("etcd"));
    command.current_dir(directory).args([
        "--name=e2e",
        "--data-dir=etcd",
        "--log-level=warn",
        "--unsafe-no-fsync",
        "--listen-client-urls=unix://etcd.sock:0",
        "--advertise-client-urls=unix://etcd.sock:0",
        "--listen-peer-urls=unix://peer.sock:0",
        "--initial-advertise-peer-urls=http://127.0.0.1:1",
        "--initial-cluster=e2e=http://127.0.0.1:1",
    ]);
    command
}

fn api_server(binaries: &Path, directory: &Path, port: u16, webhook_kubeconfig: &Path) -> Command {
    let mut command = clean(binaries.join("kube-apiserver"));
    command.current_dir(directory).args([
        "--etcd-servers=unix://etcd.sock:0",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        // The usual reconciler refuses a loopback address.
        "--endpoint-reconciler-type=none",
        "--tls-cert-file=serving.crt",
        "--tls-private-key-file=serving.key",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=accounts.pub",
        "--service-account-signing-key-file=accounts.key",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--authentication-token-webhook-version=v1",
        "--authentication-token-webhook-cache-ttl=0s",
    ]);
    command.arg(format!("--secure-port={port}"));
    command.arg(format!("--authentication-token-webhook-config-file={}", webhook_kubeconfig.display()));
    command
}

/// A CA with a serving certificate for 127.0.0.1, and the key that service account tokens are signed with.
fn write_certificates(directory: &Path) {
    let authority = Authority::new("e2e");
    let (certificate, key) = authority.leaf("127.0.0.1");
    let accounts = KeyPair::generate().unwrap();
    for (name, text) in [
        ("ca.crt", authority.pem()),
        ("serving.crt", &certificate),
        ("serving.key", &key),
        ("accounts.key", &accounts.serialize_pem()),
        ("accounts.pub", &accounts.public_key_pem()),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
