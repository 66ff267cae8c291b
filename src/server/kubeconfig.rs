//! The webhook kubeconfig: what kube-apiserver is given with --authentication-token-webhook-config-file.
//!
//! Names as in the reference, so that a control plane that was set up for it need not change.

use std::net::Ipv6Addr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::telemetry::json_string;

/// What the kubeconfig says.
#[derive(Debug)]
pub(super) struct Kubeconfig<'a> {
    /// PEM the API server trusts.
    pub(super) trusted_pem: &'a str,
    /// Host of the URL; an IPv6 address gets its brackets here.
    pub(super) hostname: &'a str,
    /// Port of the URL.
    pub(super) port: u16,
    /// PEM of the API server's own certificate and key, if it has to show one.
    pub(super) client: Option<(&'a str, &'a SecretString)>,
}

impl Kubeconfig<'_> {
    /// Its YAML, which is as secret as the client key it may hold.
    pub(super) fn render(&self) -> SecretString {
        let host = match self.hostname.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.hostname.to_owned(),
        };
        let mut server = String::new();
        json_string(&format!("https://{host}:{}/authenticate", self.port), &mut server);
        let trusted = BASE64_STANDARD.encode(self.trusted_pem);
        let user = self.client.map_or_else(String::new, |(certificate, key)| {
            format!(
                "\n    user:\n      client-certificate-data: {}\n      client-key-data: {}",
                BASE64_STANDARD.encode(certificate),
                BASE64_STANDARD.encode(key.expose_secret())
            )
        });
        SecretString::from(format!(
            "
# clusters: the webhook that the API server asks
clusters:
  - name: aws-iam-authenticator
    cluster:
      certificate-authority-data: {trusted}
      server: {server}
# users: how the API server shows itself to the webhook
users:
  - name: apiserver{user}
contexts:
  - name: webhook
    context:
      cluster: aws-iam-authenticator
      user: apiserver
current-context: webhook
"
        ))
    }
}
