//! The real binary as webhook, steered as users steer it: `HTTPS_PROXY` and `SSL_CERT_FILE` lead it to the fake STS.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iam_bridge::demo::Webhook;
use iam_bridge::demo::sts::Sts;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::process::{Server, iam_bridge};
use super::proxy::Proxy;
use super::waiting::until;

/// A start takes tens of milliseconds; a test may have to share its machine.
const STARTED: Duration = Duration::from_secs(60);

/// STS, proxy and the binary. Dropping it ends all three.
pub(crate) struct WebhookServer {
    server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) sts: Sts,
    directory: TempDir,
    runtime: Runtime,
}

impl WebhookServer {
    /// Starts `iam-bridge server` with more `flags`. `keys` stands below `server:` and is added to what every test
    /// needs: loopback, free ports, files in a folder of its own, which `$DIR` names.
    pub(crate) fn start(cluster_id: &str, keys: &str, flags: &[&str]) -> Self {
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
        let mut command = steered(&proxy, &at("sts-ca.pem"));
        command.arg("server").arg("--config").arg(at("config.yaml")).args(flags);
        let mut server = Server::start(&command, at("server.log"));
        until("the server writes its kubeconfig", STARTED, || {
            assert!(!server.has_ended(), "the server ended:\n{}", server.log());
            at("webhook.kubeconfig").exists().then_some(())
        });
        Self { server, proxy, sts, directory, runtime }
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

    /// Runs asynchronous steps of a test that is itself none.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// A path in the server's folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What it wrote to its streams so far.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

fn steered(proxy: &Proxy, sts_ca: &std::path::Path) -> Command {
    let mut command = iam_bridge();
    command.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", sts_ca).env("AWS_EC2_METADATA_DISABLED", "true");
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
