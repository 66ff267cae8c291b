//! A private CA, and a leaf certificate for whatever name a client asks for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};

/// A client's names never fill the memory: beyond this the leaf is made anew each time.
const MAX_LEAVES: usize = 256;

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Key or certificate generation failed.
    #[error("a certificate for the embedded STS cannot be made")]
    Make(#[from] rcgen::Error),
    /// The key cannot sign.
    #[error("the key of the embedded STS cannot be used")]
    Key(#[from] rustls::Error),
}

/// Signs a leaf for the name in each `ClientHello`; a hello without a name gets none.
pub(super) struct LeafBySni {
    issuer: Issuer<'static, KeyPair>,
    leaf_key: KeyPair,
    signer: Arc<dyn SigningKey>,
    leaves: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl LeafBySni {
    /// A fresh CA; returns its PEM beside the resolver.
    pub(super) fn make() -> Result<(Self, String), CertificateError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "iam-bridge demo STS");
        let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let ca_pem = params.self_signed(&ca_key)?.pem();
        let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let der = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
        let signer = aws_lc_rs::sign::any_supported_type(&der)?;
        let leaves = Mutex::new(HashMap::new());
        Ok((Self { issuer: Issuer::new(params, ca_key), leaf_key, signer, leaves }, ca_pem))
    }

    fn leaf(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(name) {
            return Some(Arc::clone(leaf));
        }
        let params = CertificateParams::new([name.to_owned()]).ok()?;
        let certificate = params.signed_by(&self.leaf_key, &self.issuer).ok()?;
        let leaf = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&self.signer)));
        if leaves.len() < MAX_LEAVES {
            leaves.insert(name.to_owned(), Arc::clone(&leaf));
        }
        Some(leaf)
    }
}

impl ResolvesServerCert for LeafBySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.leaf(hello.server_name()?)
    }
}

impl fmt::Debug for LeafBySni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeafBySni")
    }
}
