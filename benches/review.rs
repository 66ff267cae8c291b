//! What a repeated TokenReview costs: the decision alone, and the whole of it over TLS beside a bare endpoint.
//!
//! `cargo bench --bench review`. `whole_review` and `bare_endpoint` have the same client, connection and body; the bare
//! one is hyper and rustls reading the JSON and saying `ok`. Their ratio is the figure to look at, not the times.
#![expect(clippy::expect_used, reason = "a bench whose own input is bad has nothing to measure")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use divan::{Bencher, black_box};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use iam_bridge::authenticator::{Authenticator, Trail, Verifier};
use iam_bridge::aws::{self, Connector};
use iam_bridge::clock::Clock;
use iam_bridge::demo::sts::{Principal, Sts};
use iam_bridge::demo::{self, Webhook};
use iam_bridge::get_token::{self, EndpointForm, StsEndpoint};
use iam_bridge::iam::Partition;
use iam_bridge::live::Live;
use iam_bridge::server;
use iam_bridge::sources;
use iam_bridge::telemetry::Metrics;
use iam_bridge::token::ClusterId;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

fn main() {
    divan::main();
}

/// Parse, recall, choose, render: no HTTP.
#[divan::bench]
fn cached_authenticate(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let clock = Clock::system();
    let (authenticator, _sources) = bench.runtime.block_on(async {
        let settings = demo::settings(bench.directory.path()).expect("settings");
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let (chain, sources) =
            sources::start(&settings.sources, Arc::clone(&metrics), clock.clone()).await.expect("sources");
        let connector = Connector::fixed(bench.sts.address(), bench.sts.ca_pem()).expect("connector");
        let sts = Arc::new(aws::Sts::new(settings.sts, connector, clock.clone(), Arc::clone(&metrics)));
        let nodes =
            aws::Ec2Names::new(settings.ec2, Partition::Aws, Live::fixed(None), clock.clone(), Arc::clone(&metrics));
        let verifier = Verifier::new(settings.cache, sts, clock.clone(), metrics).expect("verifier");
        (Authenticator::new(Live::fixed(settings.rules), verifier, chain, nodes), sources)
    });
    let ask = || {
        let mut trail = Trail::default();
        let asking = authenticator.authenticate(black_box(&bench.token), clock.moment(), &mut trail);
        bench.runtime.block_on(asking).is_ok()
    };
    assert!(ask(), "the token is good");
    bencher.bench_local(ask);
}

/// The server, over a kept TLS connection.
#[divan::bench]
fn whole_review(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let running = bench.serve();
    let mut client = bench.connect(running.address(), running.ca_pem());
    bencher.bench_local(|| bench.ask(&mut client));
}

/// hyper and rustls, reading the same JSON.
#[divan::bench]
fn bare_endpoint(bencher: Bencher<'_, '_>) {
    let bench = Bench::new();
    let running = bench.serve(); // for its certificate
    let address = bench.runtime.block_on(bare(bench.directory.path()));
    let mut client = bench.connect(address, running.ca_pem());
    bencher.bench_local(|| bench.ask(&mut client));
}

struct Bench {
    runtime: Runtime,
    directory: TempDir,
    sts: Sts,
    token: SecretString,
    body: Bytes,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory");
        let entry =
            "  - rolearn: arn:aws:iam::111122223333:role/Dev\n    username: dev:{{SessionName}}\n    groups: [dev]\n";
        let config = format!("clusterID: {}\nserver:\n  mapRoles:\n{entry}", demo::CLUSTER_ID);
        std::fs::write(directory.path().join("config.yaml"), config).expect("a config file");
        let sts = runtime.block_on(Sts::start()).expect("an STS");
        let dev = Principal::role_session("111122223333", "Dev", "alice").expect("a principal");
        sts.add(dev.clone());
        let endpoint = StsEndpoint::of_region("eu-central-1", EndpointForm::default()).expect("an endpoint");
        let cluster_id = ClusterId::parse(demo::CLUSTER_ID).expect("a cluster id");
        let now = Clock::system().now();
        let token = get_token::sign(&dev.credentials(), &endpoint, &cluster_id, now).expect("a token").token;
        let body = serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {"creationTimestamp": null},
            "spec": {"token": token.expose_secret(), "audiences": ["https://kubernetes.default.svc"]},
            "status": {"user": {}},
        });
        Self { runtime, directory, sts, token, body: body.to_string().into() }
    }

    fn serve(&self) -> server::Running {
        let settings = demo::settings(self.directory.path()).expect("settings");
        let connector = Connector::fixed(self.sts.address(), self.sts.ca_pem()).expect("a connector");
        self.runtime.block_on(server::start(settings, connector, Clock::system())).expect("a server")
    }

    fn connect(&self, address: SocketAddr, ca_pem: &str) -> Webhook {
        let mut client = self.runtime.block_on(Webhook::connect(address, "127.0.0.1", ca_pem)).expect("a connection");
        self.ask(&mut client); // fills the cache
        client
    }

    fn ask(&self, client: &mut Webhook) {
        let asking = client.send(Method::POST, "/authenticate", self.body.clone());
        let answer = self.runtime.block_on(asking).expect("an answer");
        assert_eq!(answer.status, 200);
    }
}

#[derive(Deserialize)]
struct Review {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    token: String,
}

async fn bare(state_dir: &Path) -> SocketAddr {
    let chain = CertificateDer::from_pem_file(state_dir.join("cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(state_dir.join("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.expect("TLS").with_no_client_auth().with_single_cert(vec![chain], key).expect("a pair");
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let (stream, _client) = socket.accept().await.expect("a client");
        stream.set_nodelay(true).expect("an option");
        let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.expect("a handshake");
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(read)).await;
        served.expect("an end in good order");
    });
    address
}

async fn read(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let review: Review = serde_json::from_slice(&body).expect("a review");
    black_box(review.spec.token);
    Ok(Response::new(Full::new(Bytes::from_static(b"{\"status\":\"ok\"}"))))
}
