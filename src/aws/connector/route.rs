//! Where the TCP connection goes. The name that TLS checks is not decided here.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{BoxError, CONNECT_LIMIT, ConnectorError};

/// What TLS to STS runs on: TCP, or TLS to a proxy.
pub(super) type Transport = MaybeHttpsStream<TokioIo<TcpStream>>;

/// So that a peer that vanished is noticed while a connection idles in the pool.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Chooses where the TCP connection goes.
#[derive(Clone)]
pub(super) enum Route {
    /// One address, whatever the host: `connectTo`, the demo, the tests.
    Fixed(Uri),
    /// The host, unless a proxy variable of the environment says otherwise.
    Environment(Arc<Matcher>),
}

impl Route {
    pub(super) fn from_environment() -> Self {
        Self::Environment(Arc::new(Matcher::from_env()))
    }

    /// `HOST:PORT`.
    pub(super) fn to(address: &str) -> Result<Self, ConnectorError> {
        let bad = || ConnectorError::BadConnectTo(address.to_owned());
        let authority: Authority = address.parse().map_err(|_invalid| bad())?;
        let plain = authority.port_u16().is_some_and(|port| port != 0) && !address.contains('@');
        if !plain || authority.host().is_empty() {
            return Err(bad());
        }
        plain_uri(authority).map(Self::Fixed).ok_or_else(bad)
    }

    /// The first hop of one connection.
    pub(super) fn hop(&self, tls: &Arc<ClientConfig>) -> Hop {
        Hop { route: self.clone(), tls: Arc::clone(tls) }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a proxy's URI may hold a password
        match self {
            Self::Fixed(address) => write!(f, "Fixed({address})"),
            Self::Environment(_) => f.write_str("Environment"),
        }
    }
}

/// Opens the transport under TLS to STS.
pub(super) struct Hop {
    route: Route,
    tls: Arc<ClientConfig>,
}

impl Hop {
    fn tcp() -> HttpConnector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        // shared out over the addresses of a name, so that one dead address does not eat the whole limit
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        tcp
    }

    /// TLS to an `https://` proxy trusts what TLS to STS trusts; CONNECT is HTTP/1.1.
    fn to_proxy(tls: &ClientConfig) -> HttpsConnector<HttpConnector> {
        let mut tls = tls.clone();
        tls.alpn_protocols.clear();
        HttpsConnector::from((Self::tcp(), tls))
    }

    async fn tunnel(proxy: Intercept, tls: &ClientConfig, host: Uri) -> Result<Transport, BoxError> {
        if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
            return Err("the proxy variable names neither an http nor an https proxy".into());
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), Self::to_proxy(tls));
        let mut tunnel = match proxy.basic_auth() {
            Some(credentials) => tunnel.with_auth(credentials.clone()),
            None => tunnel,
        };
        Ok(tunnel.call(host).await?)
    }
}

impl Service<Uri> for Hop {
    type Response = Transport;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Transport, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, host: Uri) -> Self::Future {
        let (route, tls) = (self.route.clone(), Arc::clone(&self.tls));
        Box::pin(async move {
            let address = match route {
                Route::Fixed(address) => address,
                Route::Environment(proxies) => match proxies.intercept(&host) {
                    Some(proxy) => return Self::tunnel(proxy, &tls, host).await,
                    None => host,
                },
            };
            Ok(MaybeHttpsStream::Http(Self::tcp().call(address).await?))
        })
    }
}

fn plain_uri(authority: Authority) -> Option<Uri> {
    Uri::builder().scheme("http").authority(authority).path_and_query("/").build().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::super::trust;
    use super::*;

    /// A proxy for one CONNECT: what it was sent, once it has answered `answer`.
    fn proxy(answer: &'static str) -> (u16, JoinHandle<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            head.join("\n")
        });
        (port, seen)
    }

    async fn dial(matcher: Matcher) -> Result<Transport, BoxError> {
        let route = Route::Environment(Arc::new(matcher));
        assert!(!format!("{route:?}").contains("secret"));
        let tls = trust::tests::no_roots();
        route.hop(&tls).call(Uri::from_static("https://sts.eu-central-1.amazonaws.com/")).await
    }

    #[tokio::test]
    async fn a_proxy_sees_host_and_its_own_credentials() {
        let (port, seen) = proxy("HTTP/1.1 200 OK\r\n\r\n");
        let matcher = Matcher::builder().https(format!("http://user:secret@127.0.0.1:{port}")).build();
        dial(matcher).await.unwrap();
        assert_eq!(
            seen.join().unwrap(),
            "CONNECT sts.eu-central-1.amazonaws.com:443 HTTP/1.1\n\
             Host: sts.eu-central-1.amazonaws.com:443\n\
             Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="
        );
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_an_error_without_its_credentials() {
        let (port, _seen) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        let matcher = Matcher::builder().https(format!("http://user:secret@127.0.0.1:{port}")).build();
        let error = dial(matcher).await.unwrap_err().to_string();
        assert!(error.contains("proxy authorization required") && !error.contains("secret"), "{error}");
        let error = dial(Matcher::builder().https("socks5://127.0.0.1:1").build()).await.unwrap_err().to_string();
        assert!(error.contains("neither an http nor an https proxy"), "{error}");
    }
}
