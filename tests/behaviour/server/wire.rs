//! A client that sees the bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A wait that only a hang reaches.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A TLS connection on which HTTP/1 is spoken by hand.
pub(crate) struct Wire(TlsStream<TcpStream>);

/// An answer as it came.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    /// Header block without the status line, in lower case.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// What a client trusts and shows.
pub(crate) fn client_config(ca_pem: &str, client: Option<(&str, &str)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr, ca_pem: &str) -> Self {
        Self::connect_with(address, client_config(ca_pem, None)).await.unwrap()
    }

    pub(crate) async fn connect_with(address: SocketAddr, config: ClientConfig) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let name = "127.0.0.1".try_into().unwrap();
        Ok(Self(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
    }

    /// The certificate that the server showed, as DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.0.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next answer; `None` when the connection ended first.
    pub(crate) async fn read(&mut self) -> Option<Seen> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if !self.more(&mut bytes).await {
                assert_eq!(bytes, b"", "a broken head");
                return None;
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let (status_line, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.to_lowercase();
        let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.trim().parse().unwrap();
        while bytes.len() < head_end + 4 + length {
            assert!(self.more(&mut bytes).await, "a broken body");
        }
        assert_eq!(bytes.len(), head_end + 4 + length, "more than one answer");
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Seen { status, headers, body: String::from_utf8(bytes[head_end + 4..].to_vec()).unwrap() })
    }

    /// Waits until the server closes.
    pub(crate) async fn closed(&mut self) {
        let mut bytes = Vec::new();
        while self.more(&mut bytes).await {}
        assert_eq!(String::from_utf8_lossy(&bytes), "", "the server closes without a word");
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &str) -> Seen {
        self.write(&request(method, path, body)).await;
        self.read().await.expect("an answer")
    }

    /// The same; `None` when the connection ends before the answer.
    pub(crate) async fn try_ask(&mut self, method: &str, path: &str, body: &str) -> Option<Seen> {
        self.0.write_all(request(method, path, body).as_bytes()).await.ok()?;
        self.read().await
    }

    pub(crate) async fn post(&mut self, body: &str) -> Seen {
        self.ask("POST", "/authenticate", body).await
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 4096];
        // An unclean end is an end too.
        let read = tokio::time::timeout(LONG, self.0.read(&mut buffer)).await.expect("the server is silent");
        let read = read.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        read > 0
    }
}

/// A whole request, as a careful client writes it.
pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A plain HTTP request on a connection of its own.
pub(crate) async fn plain(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Looks again until `look` is true: the test fails if that never comes.
pub(crate) async fn eventually(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, looking).await.unwrap_or_else(|_elapsed| panic!("never came true: {what}"));
}
