//! The certificate the webhook serves.

use std::io;
use std::path::PathBuf;

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
