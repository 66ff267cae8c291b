//! Which certificates are believed.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

use super::ConnectorError;

/// TLS settings for STS; those over the system's roots are made when first needed.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
}

impl Trust {
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's store.
    pub(super) fn system() -> Self {
        Self { tls: Arc::default() }
    }

    /// The certificates of one PEM file, and no other.
    pub(super) fn bundle(path: &Path) -> Result<Self, ConnectorError> {
        let name = || path.display().to_string();
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<_, _>>);
        Self::exactly(certificates.map_err(|_unread| ConnectorError::NoRoots(name()))?, &name())
    }

    /// The certificates of a PEM text, and no other.
    pub(super) fn pem(text: &str) -> Result<Self, ConnectorError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        Self::exactly(certificates.map_err(|_unread| ConnectorError::BadRoot("PEM text".into()))?, "the PEM text")
    }

    /// The settings; reads the system's roots off the runtime's threads if need be. A failure is tried again next time.
    pub(super) async fn tls(&self) -> Result<Arc<ClientConfig>, ConnectorError> {
        let load = || async {
            let loading = tokio::task::spawn_blocking(load_system_roots);
            loading.await.unwrap_or_else(|_ended| Err(ConnectorError::NoRoots("the system".into())))
        };
        self.tls.get_or_try_init(load).await.map(Arc::clone)
    }

    fn exactly(certificates: Vec<CertificateDer<'static>>, name: &str) -> Result<Self, ConnectorError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|_bad| ConnectorError::BadRoot(name.to_owned()))?;
        }
        let tls = client_config(roots, name)?;
        Ok(Self { tls: Arc::new(OnceCell::new_with(Some(tls))) })
    }
}

fn load_system_roots() -> Result<Arc<ClientConfig>, ConnectorError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // a store may hold certificates that no longer parse; they are passed over as browsers do
    roots.add_parsable_certificates(found.certs);
    let fault = found.errors.first().map_or_else(|| "the system".to_owned(), ToString::to_string);
    client_config(roots, &fault)
}

fn client_config(roots: RootCertStore, source: &str) -> Result<Arc<ClientConfig>, ConnectorError> {
    if roots.is_empty() {
        return Err(ConnectorError::NoRoots(source.to_owned()));
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Settings that trust nobody: for what comes before TLS.
    pub(in super::super) fn no_roots() -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        Arc::new(config)
    }
}
