//! The server in this process, over TLS, beside the fake STS.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use iam_bridge::aws::Connector;
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::sts::{Principal, Sts};
use iam_bridge::demo::{self, Webhook};
use iam_bridge::get_token::{self, EndpointForm, StsEndpoint};
use iam_bridge::server::{self, Running, Settings};
use iam_bridge::token::ClusterId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A running server; everything ends when it is dropped.
pub(crate) struct Bridge {
    pub(crate) server: Running,
    pub(crate) sts: Sts,
    directory: TempDir,
    clock: Clock,
}

impl Bridge {
    /// A server with the mapping and deny keys of `config`, which is everything below `server:`.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(config, Clock::system(), |_| {}).await
    }

    /// The same with settings of a test's own.
    pub(crate) async fn start_with(config: &str, clock: Clock, adjust: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = demo::settings(directory.path()).unwrap();
        adjust(&mut settings);
        fs::write(directory.path().join("config.yaml"), whole(config)).unwrap();
        let sts = Sts::start_with(clock.clone()).await.unwrap();
        let connector = Connector::fixed(sts.address(), sts.ca_pem()).unwrap();
        let server = server::start(settings, connector, clock.clone()).await.unwrap();
        Self { server, sts, directory, clock }
    }

    /// A connection of its own, as one API server has.
    pub(crate) async fn connect(&self) -> Webhook {
        Webhook::connect(self.server.address(), "127.0.0.1", self.server.ca_pem()).await.unwrap()
    }

    /// A connection that speaks HTTP/2.
    pub(crate) async fn connect_h2(&self) -> SendRequest<Full<Bytes>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.server.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(self.server.address()).await.unwrap();
        let name = "127.0.0.1".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// A session of a role that STS knows.
    pub(crate) fn introduce(&self, role: &str, session: &str) -> Principal {
        let principal = Principal::role_session("111122223333", role, session).unwrap();
        self.sts.add(principal.clone());
        principal
    }

    /// A token signed now for this server's cluster.
    pub(crate) fn token(&self, principal: &Principal) -> SecretString {
        token(principal, demo::CLUSTER_ID, self.clock.now())
    }

    /// Replaces the config file by renaming a new one over it.
    pub(crate) fn rewrite_config(&self, config: &str) {
        let new = self.at("config.yaml.new");
        fs::write(&new, whole(config)).unwrap();
        fs::rename(new, self.at("config.yaml")).unwrap();
    }

    /// A path in the server's folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// An honest token, by the code that `get-token` runs.
pub(crate) fn token(principal: &Principal, cluster_id: &str, at: UnixSeconds) -> SecretString {
    let endpoint = StsEndpoint::of_region("eu-central-1", EndpointForm::default()).unwrap();
    let cluster_id = ClusterId::parse(cluster_id).unwrap();
    get_token::sign(&principal.credentials(), &endpoint, &cluster_id, at).unwrap().token
}

fn whole(server_keys: &str) -> String {
    format!("clusterID: {}\nserver:\n{server_keys}", demo::CLUSTER_ID)
}
