//! How a connection to AWS is made: proxy variables or `connectTo`, trust roots, TLS. No redirects, no cookies.

use std::net::SocketAddr;
use std::path::PathBuf;

/// `server.sts.connectTo` and `server.sts.caBundle`.
#[derive(Clone, Debug, Default)]
pub struct ConnectorSettings {
    /// `HOST:PORT` to connect to instead; wins over proxy variables. Name, SNI, certificate check and Host stay the token's.
    pub connect_to: Option<String>,
    /// PEM file that replaces the system's roots.
    pub ca_bundle: Option<PathBuf>,
}

/// Makes TLS connections to STS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connector {
    // private: dial (proxies | fixed address), rustls ClientConfig
}

/// Why a connector cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// No usable trust root.
    #[error("no trust root for STS could be loaded from {0}; set SSL_CERT_FILE or server.sts.caBundle")]
    NoRoots(String),
    /// `connectTo` is no `HOST:PORT`.
    #[error("`{0}` is not HOST:PORT")]
    BadConnectTo(String),
}

impl Connector {
    /// What the binary uses: proxy variables of the environment (CONNECT), SSL_CERT_FILE / system roots.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub fn system(_settings: &ConnectorSettings) -> Result<Self, ConnectorError> {
        todo!()
    }

    /// Every connection goes to `address` and trusts `roots_pem` alone: the demo and the tests.
    ///
    /// # Errors
    /// [`ConnectorError::NoRoots`].
    pub fn fixed(_address: SocketAddr, _roots_pem: &str) -> Result<Self, ConnectorError> {
        todo!()
    }
}
