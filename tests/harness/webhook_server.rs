//! The real binary as webhook, steered as users steer it: `HTTPS_PROXY` and `SSL_CERT_FILE` lead it to the fake STS.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use iam_bridge::clock::Clock;
use iam_bridge::demo::Webhook;
use iam_bridge::demo::sts::{Principal, Sts};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::bridge::token;
use super::process::{Server, iam_bridge};
use super::proxy::Proxy;
use super::waiting::until;

/// A start takes tens of milliseconds; a test may have to share its machine.
const STARTED: Duration = Duration::from_secs(60);

/// STS, proxy and the binary. Dropping it ends all three.
pub(crate) struct WebhookServer {
    server: Option<Server>,
    pub(crate) proxy: Proxy,
    pub(crate) sts: Sts,
    cluster_id: String,
    directory: TempDir,
    runtime: Runtime,
}

impl WebhookServer {
    /// Starts `iam-bridge server` with more `flags`. `keys` stands below `server:` and is added to what every test
    /// needs: loopback, free ports, files in a folder of its own, which `$DIR` names.
    pub(crate) fn start(cluster_id: &str, keys: &str, flags: &[&str]) -> Self {
        let mut server = Self::prepare(cluster_id, keys);
        server.launch(flags);
        server
    }

    /// The same without the server, which [`WebhookServer::launch`] starts.
    pub(crate) fn prepare(cluster_id: &str, keys: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let (sts, proxy) = runtime.block_on(async {
            let sts = Sts::start().await.unwrap();
            let proxy = Proxy::start(sts.address()).await;
            (sts, proxy)
        });
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("sts-ca.pem"), sts.ca_pem()).unwrap();
        fs::write(at("config.yaml"), config(&directory, cluster_id, keys)).unwrap();
        Self { server: None, proxy, sts, cluster_id: cluster_id.to_owned(), directory, runtime }
    }

    /// Starts the server, in the place of one that runs, and waits until it listens.
    pub(crate) fn launch(&mut self, flags: &[&str]) {
        self.launch_with(flags, &[]);
    }

    /// The same with more variables in its environment.
    pub(crate) fn launch_with(&mut self, flags: &[&str], environment: &[(&str, &str)]) {
        drop(self.server.take());
        let mut command = self.iam_bridge();
        command.arg("server").arg("--config").arg(self.at("config.yaml")).args(flags);
        command.envs(environment.iter().copied());
        let mut server = Server::start(&command, self.at("server.log"));
        until("the server listens", STARTED, || {
            assert!(!server.has_ended(), "the server ended:\n{}", server.log());
            let kubeconfig = self.at("webhook.kubeconfig").exists();
            (kubeconfig && server.log().contains("listening for token reviews")).then_some(())
        });
        self.server = Some(server);
    }

    /// Whether the process that was started is still there.
    pub(crate) fn is_up(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| !server.has_ended())
    }

    /// Replaces the config file by renaming a new one over it.
    pub(crate) fn rewrite_config(&self, cluster_id: &str, keys: &str) {
        let new = self.at("config.yaml.new");
        fs::write(&new, config(&self.directory, cluster_id, keys)).unwrap();
        fs::rename(new, self.at("config.yaml")).unwrap();
    }

    /// The binary, led to the same STS.
    pub(crate) fn iam_bridge(&self) -> Command {
        steered(&self.proxy, &self.at("sts-ca.pem"))
    }

    /// A connection, with address and CA out of the kubeconfig that the server made.
    pub(crate) async fn connect(&self) -> Webhook {
        let kubeconfig = fs::read_to_string(self.at("webhook.kubeconfig")).unwrap();
        let value = |key: &str| {
            let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix(key)).expect(key);
            line.trim().trim_matches('"').to_owned()
        };
        let url = value("server:");
        let address: SocketAddr =
            url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        let ca = String::from_utf8(STANDARD.decode(value("certificate-authority-data:")).unwrap()).unwrap();
        Webhook::connect(address, "127.0.0.1", &ca).await.unwrap()
    }

    /// A session of a role that STS knows.
    pub(crate) fn introduce(&self, account: &str, role: &str, session: &str) -> Principal {
        let principal = Principal::role_session(account, role, session).unwrap();
        self.sts.add(principal.clone());
        principal
    }

    /// Asks the server itself, by a connection of its own, who a principal is: a user name, or what is said against it.
    pub(crate) fn judge(&self, principal: &Principal) -> Result<String, String> {
        let token = token(principal, &self.cluster_id, Clock::system().now());
        let answer = self.block_on(async { self.connect().await.review(&token).await.unwrap() });
        match answer.text("/status/user/username") {
            Some(username) => Ok(username),
            None => Err(answer.text("/status/error").unwrap_or_else(|| answer.status.to_string())),
        }
    }

    /// Waits until it judges so.
    pub(crate) fn until_judged(&self, principal: &Principal, wanted: Result<&str, &str>) {
        let began = Instant::now();
        loop {
            let judged = self.judge(principal);
            if judged.as_deref().map_err(String::as_str) == wanted {
                return;
            }
            assert!(began.elapsed() < STARTED, "{judged:?} and not {wanted:?}\n{}", self.quiet_log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A member of a metric, such as `iam_bridge_source_stale{source="CRD"}`; `None` before it was counted.
    pub(crate) fn metric(&self, member: &str) -> Option<f64> {
        let answer = self.block_on(async { self.connect().await.send(Method::GET, "/metrics", "").await.unwrap() });
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a member of a metric has this value.
    pub(crate) fn until_metric(&self, member: &str, wanted: f64) {
        until(&format!("{member} {wanted}"), STARTED, || (self.metric(member) == Some(wanted)).then_some(()));
    }

    /// Runs asynchronous steps of a test that is itself none.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Lets asynchronous steps go on beside the test.
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(future)
    }

    /// A path in the server's folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The log without what each question adds.
    pub(crate) fn quiet_log(&self) -> String {
        let noise = ["access denied", "access granted", "STS response"];
        let told = |line: &&str| !noise.iter().any(|words| line.contains(words));
        self.log().lines().filter(told).collect::<Vec<_>>().join("\n")
    }

    /// What it wrote to its streams so far.
    pub(crate) fn log(&self) -> String {
        self.server.as_ref().map(Server::log).unwrap_or_default()
    }
}

fn steered(proxy: &Proxy, sts_ca: &std::path::Path) -> Command {
    let mut command = iam_bridge();
    command.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", sts_ca).env("AWS_EC2_METADATA_DISABLED", "true");
    // STS is asked by its name; an API server that the sources ask is on loopback.
    command.env("NO_PROXY", "127.0.0.1");
    command
}

fn config(directory: &TempDir, cluster_id: &str, keys: &str) -> String {
    let directory = directory.path().display();
    format!(
        "clusterID: {cluster_id}\nserver:\n  address: 127.0.0.1\n  hostname: 127.0.0.1\n  port: 0\n  \
         stateDir: {directory}\n  generateKubeconfig: {directory}/webhook.kubeconfig\n  \
         healthAddress: 127.0.0.1:0\n{}",
        keys.replace("$DIR", &directory.to_string()),
    )
}
