//! TLS as the webhook speaks it: 1.2 and 1.3, the newest certificate, and clients checked if a CA is given.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::CertificateError;
use super::certificate::chain_of;
use super::state_files;
use crate::live::Live;

/// ALPN names, best first.
pub(super) const HTTP_2: &[u8] = b"h2";
pub(super) const HTTP_1: &[u8] = b"http/1.1";

/// Answers every handshake with the newest certificate.
#[derive(Debug)]
pub(super) struct Newest(pub(super) Live<CertifiedKey>);

impl ResolvesServerCert for Newest {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.now())
    }
}

/// A TLS configuration; with `client_ca`, every client must show a certificate that one of its CAs signed.
pub(super) fn server_config(
    certificate: Live<CertifiedKey>,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, CertificateError> {
    let provider = Arc::new(default_provider());
    let tls = |error: rustls::Error| CertificateError::Tls(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(tls)?;
    let mut config = match client_ca {
        Some(path) => builder.with_client_cert_verifier(client_verifier(path, provider)?),
        None => builder.with_no_client_auth(),
    }
    .with_cert_resolver(Arc::new(Newest(certificate)));
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
    if client_ca.is_some() {
        // A resumed session would not be judged by a CA file that has changed.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn client_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, CertificateError> {
    let bad = || CertificateError::BadClientCa { path: path.to_owned() };
    let mut roots = RootCertStore::empty();
    let (good, _unusable) = roots.add_parsable_certificates(chain_of(&state_files::load(path)?, path)?);
    if good == 0 {
        return Err(bad());
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|_error| bad())
}
