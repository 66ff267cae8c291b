//! The HTTP client under the AWS SDK: built at its first request, so that credentials which need no network cost none.
//!
//! One bundle of trust roots is read, not the system's whole directory. Metadata services and loopback are never
//! reached through a proxy.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_http_client::{Builder, Connector, proxy, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Where Linux distributions and BSDs keep their bundle; the first that exists is read.
const WELL_KNOWN_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// TCP and the TLS handshake together, where no SDK client says otherwise.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How every fault of the bundle begins: nobody was asked then.
pub const TRUST_ROOTS: &str = "trust roots";

/// A client that is nothing until it is asked.
#[derive(Clone, Debug)]
pub struct SdkHttp(Arc<Clients>);

#[derive(Debug)]
struct Clients {
    ca_bundle: Option<PathBuf>,
    tls: OnceLock<Result<SharedHttpClient, String>>,
    plain: OnceLock<SharedHttpClient>,
    direct: OnceLock<SharedHttpClient>,
}

/// Chooses the client by the request's address.
#[derive(Debug)]
struct Chooser {
    clients: Arc<Clients>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl SdkHttp {
    /// `ca_bundle`: `AWS_CA_BUNDLE`, `SSL_CERT_FILE` or the profile's, whose roots then count alone.
    #[must_use]
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self(Arc::new(Clients { ca_bundle, tls: OnceLock::new(), plain: OnceLock::new(), direct: OnceLock::new() }))
    }

    /// The way to `url` for calls that no SDK client makes, with connections of its own.
    ///
    /// # Errors
    /// Why there is no trust root, in words.
    pub(super) fn way_to(&self, url: &str) -> Result<SharedHttpConnector, String> {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_LIMIT).build();
        let connector = match Way::to(url) {
            Way::Tls => tls_connector(&tls_context(self.0.ca_bundle.as_deref())?, Some(&settings), None),
            Way::Plain => plain_connector(&proxy::ProxyConfig::from_env(), Some(&settings), None),
            Way::Direct => plain_connector(&proxy::ProxyConfig::disabled(), Some(&settings), None),
        };
        Ok(SharedHttpConnector::new(connector))
    }
}

/// How an address is reached.
enum Way {
    /// HTTP, and never through a proxy.
    Direct,
    /// HTTP, through a proxy if the environment names one.
    Plain,
    /// HTTPS, likewise.
    Tls,
}

impl Way {
    fn to(url: &str) -> Self {
        let uri: Option<Uri> = url.parse().ok();
        if uri.as_ref().is_none_or(|uri| uri.scheme_str() != Some("http")) {
            Self::Tls
        } else if uri.as_ref().and_then(Uri::host).is_some_and(is_local) {
            Self::Direct
        } else {
            Self::Plain
        }
    }
}

impl HttpClient for SdkHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Chooser {
            clients: Arc::clone(&self.0),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

impl HttpConnector for Chooser {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match Way::to(request.uri()) {
            Way::Tls => self.clients.tls.get_or_init(|| tls_client(self.clients.ca_bundle.as_deref())).as_ref(),
            Way::Direct => Ok(self.clients.direct.get_or_init(|| plain_client(proxy::ProxyConfig::disabled()))),
            Way::Plain => Ok(self.clients.plain.get_or_init(|| plain_client(proxy::ProxyConfig::from_env()))),
        };
        match client {
            Ok(client) => client.http_connector(&self.settings, &self.components).call(request),
            Err(why) => HttpConnectorFuture::ready(Err(ConnectorError::user(why.clone().into()))),
        }
    }
}

/// Metadata services (EC2, ECS, EKS) and this machine.
fn is_local(host: &str) -> bool {
    host == "localhost"
        || host.starts_with("127.")
        || host.starts_with("169.254.")
        || host.starts_with("[fd00:ec2::")
        || host == "[::1]"
}

fn plain_client(proxy: proxy::ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| plain_connector(&proxy, settings, components))
}

fn plain_connector(
    proxy: &proxy::ProxyConfig,
    settings: Option<&HttpConnectorSettings>,
    components: Option<&RuntimeComponents>,
) -> Connector {
    let mut builder = Connector::builder().proxy_config(proxy.clone());
    builder.set_connector_settings(settings.cloned());
    if let Some(components) = components {
        builder.set_sleep_impl(components.sleep_impl());
    }
    builder.build_http()
}

fn tls_client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, String> {
    let context = tls_context(ca_bundle)?;
    let connector = move |settings: Option<&_>, components: Option<&_>| tls_connector(&context, settings, components);
    Ok(Builder::new().build_with_connector_fn(connector))
}

fn tls_context(ca_bundle: Option<&Path>) -> Result<tls::TlsContext, String> {
    let well_known = well_known_bundle().filter(|_| ca_bundle.is_none());
    let trust = match ca_bundle.or(well_known) {
        Some(path) => tls::TrustStore::empty().with_pem_certificate(load_roots(path)?),
        None => tls::TrustStore::empty().with_native_roots(true),
    };
    tls::TlsContext::builder().with_trust_store(trust).build().map_err(|error| error.to_string())
}

fn tls_connector(
    context: &tls::TlsContext,
    settings: Option<&HttpConnectorSettings>,
    components: Option<&RuntimeComponents>,
) -> Connector {
    let mut builder = Connector::builder()
        .proxy_config(proxy::ProxyConfig::from_env())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context.clone());
    builder.set_connector_settings(settings.cloned());
    if let Some(components) = components {
        builder.set_sleep_impl(components.sleep_impl());
    }
    builder.build()
}

fn well_known_bundle() -> Option<&'static Path> {
    WELL_KNOWN_BUNDLES.iter().map(Path::new).find(|path| path.is_file())
}

/// The bundle as PEM, without what is no certificate: the SDK's connector panics at one that cannot be parsed.
fn load_roots(path: &Path) -> Result<String, String> {
    let bundle = path.display();
    let pem = std::fs::read(path).map_err(|error| format!("{TRUST_ROOTS} cannot be read from `{bundle}`: {error}"))?;
    let mut roots = String::with_capacity(pem.len());
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            roots.push_str("-----BEGIN CERTIFICATE-----\n");
            roots.push_str(&STANDARD.encode(&certificate));
            roots.push_str("\n-----END CERTIFICATE-----\n");
        }
    }
    if roots.is_empty() {
        return Err(format!("{TRUST_ROOTS} cannot be read from `{bundle}`: it holds no certificate"));
    }
    Ok(roots)
}
