//! The way to an API server: its URL, CA and proxy as the kubeconfig has them, and one bearer token at most.
//!
//! Made by hand instead of by kube's loader: that one takes every credential of the user along, and asks `NO_PROXY`
//! about the proxy instead of the server.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::header::{HeaderValue, USER_AGENT};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use kube::Config;
use kube::client::AuthError;
use kube::config::Cluster;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;

use super::Context;

/// TCP, the proxy's CONNECT and the TLS handshake together.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Reading and writing, each.
const TRANSFER_LIMIT: Duration = Duration::from_secs(10);

/// What we call ourselves.
pub(super) const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("iam-bridge/", env!("CARGO_PKG_VERSION")));

/// Longest chain of causes in a message, characters.
const LONGEST_CHAIN: usize = 300;

/// What stood between us and an answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// TLS: mostly a certificate that is not believed.
    Certificate(String),
    /// Everything else.
    Connection(String),
}

/// A client, and the server's URL for people.
pub(super) fn client(context: &Context, token: Option<&SecretString>) -> Result<(kube::Client, String), String> {
    let none = Cluster::default();
    let mut config = config(context.cluster.cluster.as_ref().unwrap_or(&none))?;
    let shown = without_userinfo(&config.cluster_url);
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.read_timeout = Some(TRANSFER_LIMIT);
    config.write_timeout = Some(TRANSFER_LIMIT);
    config.auth_info.token = token.cloned();
    // kube words a proxy it does not know with the proxy's URL; proxies are judged above.
    let client = kube::Client::try_from(config).map_err(|error| match fault(&error) {
        Fault::Certificate(why) | Fault::Connection(why) => why,
    })?;
    Ok((client, shown))
}

/// The way to a cluster, without anything to prove oneself with and with kube's own limits.
pub(super) fn config(cluster: &Cluster) -> Result<Config, String> {
    let roots = roots(cluster)?;
    let skips_verification = cluster.insecure_skip_tls_verify.unwrap_or_default();
    let mut config = Config::new(server_url(cluster, roots.is_some() || skips_verification)?);
    config.proxy_url = proxy(cluster, &config.cluster_url)?;
    config.default_retry = false;
    config.root_cert = roots;
    config.accept_invalid_certs = skips_verification;
    config.tls_server_name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    config.headers.push((USER_AGENT, OUR_NAME));
    Ok(config)
}

/// What an error of the client means, its causes in one line. hyper's errors hold no header, and kube's none either; what
/// an exec plugin said, which kube repeats, is left out.
pub(super) fn fault(error: &(dyn Error + 'static)) -> Fault {
    let mut line = String::new();
    let mut is_tls = false;
    let mut next = Some(error);
    while let Some(cause) = next {
        // An io::Error hides what it wraps from `source`.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let wrapped: Option<&(dyn Error + 'static)> = wrapped.map(|inner| {
            let inner: &(dyn Error + 'static) = inner;
            inner
        });
        is_tls = is_tls || cause.is::<rustls::Error>();
        let credentials = cause.downcast_ref::<AuthError>();
        let text = credentials.map_or_else(|| cause.to_string(), credential_fault);
        // Neither of these two says more than that something failed.
        let says_little = cause.is::<kube::Error>() || text.starts_with("client error (");
        let is_wrapper = says_little && cause.source().is_some();
        if !is_wrapper && !line.ends_with(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
        next = wrapped.or_else(|| cause.source()).filter(|_| credentials.is_none());
    }
    let line: String = line.chars().filter(|character| !character.is_control()).take(LONGEST_CHAIN).collect();
    if is_tls { Fault::Certificate(line) } else { Fault::Connection(line) }
}

/// What is wrong with the user's credentials, without a byte of them.
pub(super) fn credential_fault(fault: &AuthError) -> String {
    match fault {
        AuthError::AuthExecStart(error) => format!("its exec plugin cannot be run: {error}"),
        AuthError::AuthExecRun { out, .. } => {
            format!("its exec plugin failed ({}); run it by hand to see why", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            "its exec plugin says something else than an ExecCredential".to_owned()
        }
        AuthError::MissingCommand => "its exec plugin has no command".to_owned(),
        AuthError::ReadTokenFile(error, path) => {
            format!("its token file `{}` cannot be read: {error}", path.display())
        }
        AuthError::InvalidBearerToken(_) | AuthError::InvalidBasicAuth(_) => {
            "its token or password holds characters that cannot be sent".to_owned()
        }
        AuthError::MalformedTokenExpirationDate(_) => "its token's date of expiry cannot be read".to_owned(),
        _ => "its credentials cannot be used".to_owned(),
    }
}

/// Without a scheme it is `https` when TLS was thought of, as client-go takes it.
fn server_url(cluster: &Cluster, has_tls: bool) -> Result<Uri, String> {
    let server = cluster.server.as_deref().unwrap_or_default().trim_end_matches('/');
    if server.is_empty() {
        return Err("it names no server".to_owned());
    }
    let url = match server.contains("://") {
        true => server.to_owned(),
        false if has_tls => format!("https://{server}"),
        false => format!("http://{server}"),
    };
    let is_url = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
    url.parse().ok().filter(is_url).ok_or_else(|| "its server is no http or https URL".to_owned())
}

fn without_userinfo(url: &Uri) -> String {
    let host = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{}://{host}{}", url.scheme_str().unwrap_or("https"), url.path().trim_end_matches('/'))
}

/// The cluster's own CA; `None` leaves it to the system's roots.
fn roots(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, String> {
    let data = cluster.certificate_authority_data.as_deref().filter(|data| !data.is_empty());
    let file = cluster.certificate_authority.as_deref().filter(|file| !file.is_empty());
    let pem = match (data, file) {
        (Some(data), _) => {
            let data: String = data.split_ascii_whitespace().collect();
            STANDARD.decode(data).map_err(|_fault| "its certificate-authority-data is not base64".to_owned())?
        }
        (None, Some(file)) => {
            std::fs::read(file).map_err(|error| format!("its CA file `{file}` cannot be read: {error}"))?
        }
        (None, None) => return Ok(None),
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_fault| "its CA is not PEM".to_owned())?;
    if certificates.is_empty() {
        return Err("its CA holds no certificate".to_owned());
    }
    Ok(Some(certificates.iter().map(|certificate| certificate.to_vec()).collect()))
}

/// `proxy-url`, else the proxy variables; this machine itself is never reached through the latter, as in Go.
fn proxy(cluster: &Cluster, server: &Uri) -> Result<Option<Uri>, String> {
    if let Some(url) = cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        let url: Uri = url.parse().map_err(|_fault| "its proxy-url is no URL".to_owned())?;
        return match url.scheme_str() {
            Some("http" | "https") => Ok(Some(url)),
            _ => Err("its proxy-url is no http or https proxy, and others are not spoken here".to_owned()),
        };
    }
    if is_this_machine(server.host().unwrap_or_default()) {
        return Ok(None);
    }
    match Matcher::from_env().intercept(server) {
        Some(proxy) if matches!(proxy.uri().scheme_str(), Some("http" | "https")) => Ok(with_userinfo(&proxy)),
        Some(_) => Err("the proxy variable names neither an http nor an https proxy".to_owned()),
        None => Ok(None),
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The proxy's URL with its user and password put back, where kube looks for them.
fn with_userinfo(proxy: &Intercept) -> Option<Uri> {
    let encoded = proxy.basic_auth().and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let Some(userinfo) = encoded.and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok()) else {
        return Some(proxy.uri().clone());
    };
    let (user, password) = userinfo.split_once(':').unwrap_or((&userinfo, ""));
    let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let (scheme, authority) = (proxy.uri().scheme_str()?, proxy.uri().authority()?);
    format!("{scheme}://{}:{}@{authority}", escape(user), escape(password)).parse().ok()
}
