//! The certificate the webhook serves: an existing pair as it is, else one made under a private CA.
//!
//! ```text
//! cert.pem + key.pem there?  ── yes, not ours ──▶ served as they are, never renewed; trusted as the reference does: cert.pem
//!            │ no            ── yes, ours ──────▶ served; made anew at two thirds of their life, or for other names
//!            ▼
//! ca.pem + ca-key.pem (made if missing, 10 years) ──issue──▶ cert.pem + key.pem (ECDSA P-256, 1 year)
//! ```
//!
//! "Ours" is a certificate whose issuer is the subject of `ca.pem`: that name holds an id of the CA's random key.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use secrecy::{ExposeSecret as _, SecretString};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::authority::Authority;
use super::kubeconfig::Kubeconfig;
use super::state_files::{self, Audience};
use crate::clock::UnixSeconds;

/// The files of a state directory.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) PathBuf);

/// What a made certificate is good for.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) hostname: String,
    pub(super) address: IpAddr,
}

/// A certificate and its key, known to belong together.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: CertifiedKey,
    pub(super) not_before: UnixSeconds,
    pub(super) not_after: UnixSeconds,
    /// What a client has to trust: `ca.pem` for ours, else `cert.pem` itself.
    pub(super) trusted_pem: String,
    /// Whether our CA made it and is here to renew it.
    pub(super) made: bool,
    /// Names in it, as [`Names::texts`] writes them.
    names: Vec<String>,
}

impl Place {
    pub(super) fn certificate(&self) -> PathBuf {
        self.0.join("cert.pem")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.0.join("key.pem")
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    pub(super) fn ca_key(&self) -> PathBuf {
        self.0.join("ca-key.pem")
    }

    pub(super) fn client(&self) -> PathBuf {
        self.0.join("client.pem")
    }

    pub(super) fn client_key(&self) -> PathBuf {
        self.0.join("client-key.pem")
    }
}

impl Names {
    /// The address unless it is a wildcard, and the hostname (reference §3.12).
    pub(super) fn texts(&self) -> Vec<String> {
        let address = (!self.address.is_unspecified()).then(|| self.address.to_string());
        let hostname = match self.hostname.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => self.hostname.clone(),
        };
        let mut texts: Vec<_> = address.into_iter().chain([hostname]).collect();
        texts.dedup();
        texts
    }
}

impl Pair {
    /// The pair in `place`, made there if it is missing, renewed if it is ours and due.
    pub(super) fn load_or_make(place: &Place, names: &Names, now: UnixSeconds) -> Result<Self, CertificateError> {
        if !place.0.is_dir() {
            return Err(CertificateError::NoDirectory(place.0.clone()));
        }
        if !place.certificate().exists() || !place.key().exists() {
            return Self::make(place, names, now);
        }
        match Self::load(place) {
            Ok(pair) if pair.made && (pair.is_due(now) || !pair.is_for(names)) => Self::make(place, names, now),
            // A renewal that was interrupted between its two renames.
            Err(CertificateError::Mismatch { .. }) if is_ours(place) => Self::make(place, names, now),
            loaded => loaded,
        }
    }

    /// Reads `cert.pem` and `key.pem`, and checks that they belong together.
    pub(super) fn load(place: &Place) -> Result<Self, CertificateError> {
        let (certificate, key) = (place.certificate(), place.key());
        let certificate_pem = state_files::load(&certificate)?;
        let chain = chain_of(&certificate_pem, &certificate)?;
        let key_pem = SecretString::from(state_files::load_private(&key)?);
        let private = PrivateKeyDer::from_pem_slice(key_pem.expose_secret().as_bytes())
            .map_err(|error| CertificateError::BadKey { path: key.clone(), why: error.to_string() })?;
        let (facts, ours) = {
            let end_entity = parse_first(&chain, &certificate)?;
            (Facts::of(&end_entity), is_issued_here(&end_entity, place))
        };
        let certified = CertifiedKey::from_der(chain, private, &default_provider()).map_err(|error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Mismatch { certificate: certificate.clone(), key: key.clone() }
            }
            TlsError::InvalidCertificate(why) => {
                CertificateError::BadCertificate { path: certificate.clone(), why: format!("{why:?}") }
            }
            other => CertificateError::BadKey { path: key.clone(), why: other.to_string() },
        })?;
        let trusted_pem = if ours { state_files::load(&place.ca())? } else { certificate_pem };
        let made = ours && place.ca_key().exists();
        let Facts { not_before, not_after, names } = facts;
        Ok(Self { certified, not_before, not_after, trusted_pem, made, names })
    }

    /// Makes a pair under the CA of `place`, which is made too if it is missing or ends within a month.
    pub(super) fn make(place: &Place, names: &Names, now: UnixSeconds) -> Result<Self, CertificateError> {
        Authority::load_or_make(place, now)?.issue_server(place, names, now)?;
        Self::load(place)
    }

    /// Makes a pair under the CA that clients already trust.
    pub(super) fn renew(place: &Place, names: &Names, now: UnixSeconds) -> Result<Self, CertificateError> {
        Authority::load(place)?.issue_server(place, names, now)?;
        Self::load(place)
    }

    /// Whether two thirds of its life are over, by the wall clock: sleep and hibernation count.
    pub(super) const fn is_due(&self, now: UnixSeconds) -> bool {
        let life = self.not_after.since(self.not_before);
        now.since(self.not_before) >= life.saturating_sub(life.saturating_div(3))
    }

    /// Whether its life is over.
    pub(super) const fn is_over(&self, now: UnixSeconds) -> bool {
        now.since(self.not_after) > 0
    }

    fn is_for(&self, names: &Names) -> bool {
        names.texts().iter().all(|name| self.names.contains(name))
    }
}

/// Writes the webhook kubeconfig, with the client pair of `place` if there is one. Only its owner may read it then.
pub(super) fn write_kubeconfig(
    path: &Path,
    place: &Place,
    trusted_pem: &str,
    hostname: &str,
    port: u16,
) -> Result<(), CertificateError> {
    let client = if place.client().exists() && place.client_key().exists() {
        let key = state_files::load_private(&place.client_key())?;
        Some((state_files::load(&place.client())?, SecretString::from(key)))
    } else {
        None
    };
    let client = client.as_ref().map(|(certificate, key)| (certificate.as_str(), key));
    let audience = if client.is_some() { Audience::Owner } else { Audience::Everybody };
    let kubeconfig = Kubeconfig { trusted_pem, hostname, port, client }.render();
    state_files::write(path, kubeconfig.expose_secret(), audience)
}

/// All certificates of a PEM text; at least one.
pub(super) fn chain_of(pem: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bad = |why: String| CertificateError::BadCertificate { path: path.to_owned(), why };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if chain.is_empty() { Err(bad("no CERTIFICATE block".to_owned())) } else { Ok(chain) }
}

/// The first certificate of a chain, parsed.
pub(super) fn parse_first<'c>(
    chain: &'c [CertificateDer<'static>],
    path: &Path,
) -> Result<X509Certificate<'c>, CertificateError> {
    let bad = |why: String| CertificateError::BadCertificate { path: path.to_owned(), why };
    let first = chain.first().ok_or_else(|| bad("no CERTIFICATE block".to_owned()))?;
    X509Certificate::from_der(first).map(|(_rest, parsed)| parsed).map_err(|error| bad(error.to_string()))
}

struct Facts {
    not_before: UnixSeconds,
    not_after: UnixSeconds,
    names: Vec<String>,
}

impl Facts {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let names = certificate.subject_alternative_name().ok().flatten();
        Self {
            not_before: UnixSeconds(certificate.validity().not_before.timestamp()),
            not_after: UnixSeconds(certificate.validity().not_after.timestamp()),
            names: names
                .map(|names| names.value.general_names.iter().filter_map(text_of).collect())
                .unwrap_or_default(),
        }
    }
}

fn text_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        _ => None,
    }
}

fn is_ours(place: &Place) -> bool {
    let path = place.certificate();
    let Ok(chain) = state_files::load(&path).and_then(|pem| chain_of(&pem, &path)) else { return false };
    parse_first(&chain, &path).is_ok_and(|certificate| is_issued_here(&certificate, place))
}

fn is_issued_here(certificate: &X509Certificate<'_>, place: &Place) -> bool {
    let path = place.ca();
    let Ok(chain) = state_files::load(&path).and_then(|pem| chain_of(&pem, &path)) else { return false };
    parse_first(&chain, &path).is_ok_and(|ca| ca.subject().as_raw() == certificate.issuer().as_raw())
}

/// Why certificate, key, CA or kubeconfig cannot be used. Holds no byte of a key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// `clientCAFile` holds no usable certificate.
    #[error("`{}` holds no CA certificate to check clients with", path.display())]
    BadClientCa {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no certificate, or one that cannot be read.
    #[error("`{}` holds no certificate that can be read: {why}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file holds no private key, or one of a kind that is not supported.
    #[error("`{}` holds no usable private key: {why}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A hostname that cannot stand in a certificate.
    #[error("`{0}` cannot stand in a certificate; server.hostname takes a DNS name or an IP address")]
    BadHostname(String),
    /// A key file that others may read.
    #[error(
        "`{}` has mode {mode:04o}: group or others may use it, and whoever reads the key can answer for this server; chmod 600 it",
        path.display()
    )]
    KeyNotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Certificate and key are not a pair.
    #[error("the key in `{}` is not the one of the certificate in `{}`; put the right pair there, or remove both to have new ones made", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Directories are not created, as in the reference.
    #[error("directory `{}` does not exist; create it (mkdir -p -m 0700)", .0.display())]
    NoDirectory(PathBuf),
    /// Making a certificate failed.
    #[error("a certificate cannot be made: {0}")]
    NotMade(String),
    /// TLS cannot be set up with it.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`; the file that was there is as it was", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
