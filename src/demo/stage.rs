//! Everything that runs while the demo asks: STS, server, one connection between them and us.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::sts::{self, Principal, Sts};
use super::webhook::{Answer, Webhook, WebhookError};
use crate::authenticator::CacheSettings;
use crate::aws::{Connector, ConnectorError, Ec2Settings, ImdsSettings, StsSettings};
use crate::clock::{Clock, UnixSeconds};
use crate::get_token::{self, EndpointError, EndpointForm, PresignError, StsEndpoint};
use crate::iam::Partition;
use crate::mapping::AccessPolicyMode;
use crate::policy::PolicySettings;
use crate::server::{self, DecisionLog, DenyStatus, Limits, Running, Settings};
use crate::sources::SourceSettings;
use crate::token::{ClusterId, ClusterIdError, TokenRules};

/// The cluster of the demo.
pub const CLUSTER_ID: &str = "demo.iam-bridge.example";

/// Region whose STS host the tokens name.
const REGION: &str = "eu-central-1";

/// Name and address that the server's certificate is for.
const HOST: &str = "127.0.0.1";

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The cluster id is none: a fault of the program.
    #[error(transparent)]
    ClusterId(#[from] ClusterIdError),
    /// The server cannot be told how to reach STS.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The region has no endpoint: a fault of the program.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The temporary folder.
    #[error("the demo's temporary folder cannot be used; set TMPDIR to one that can")]
    Folder(#[from] std::io::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for the demo's keys")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// The server does not start.
    #[error(transparent)]
    Server(#[from] server::StartError),
    /// A token cannot be signed.
    #[error(transparent)]
    Sign(#[from] PresignError),
    /// The STS does not start.
    #[error(transparent)]
    Sts(#[from] sts::StartError),
    /// The server did not answer.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
}

/// The running demo. Dropping it ends everything and removes its folder.
#[derive(Debug)]
pub struct Stage {
    webhook: Webhook,
    server: Running,
    sts: Sts,
    folder: TempDir,
    endpoint: StsEndpoint,
    clock: Clock,
    guest: Principal,
}

impl Stage {
    /// Starts STS and server, and connects to the server.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn start() -> Result<Self, DemoError> {
        let clock = Clock::system();
        let endpoint = StsEndpoint::of_region(REGION, EndpointForm::default())?;
        let folder = tempfile::Builder::new().prefix("iam-bridge-demo-").tempdir()?;
        let sts = Sts::start_with(clock.clone()).await?;
        let connector = Connector::fixed(sts.address(), sts.ca_pem())?;
        let guest = Principal::role_session("111122223333", "Deployer", "alice")?;
        sts.add(guest.clone());
        let settings = settings(folder.path())?;
        std::fs::write(config_file(folder.path()), super::scenario::CONFIG)?;
        let server = server::start(settings, connector, clock.clone()).await?;
        let webhook = Webhook::connect(server.address(), HOST, server.ca_pem()).await?;
        Ok(Self { webhook, server, sts, folder, endpoint, clock, guest })
    }

    /// The STS: to make principals known, and to switch it off.
    #[must_use]
    pub const fn sts(&self) -> &Sts {
        &self.sts
    }

    /// A principal that is known and mapped from the start.
    #[must_use]
    pub const fn guest(&self) -> &Principal {
        &self.guest
    }

    /// A token signed now for this cluster.
    ///
    /// # Errors
    /// [`DemoError::Sign`].
    pub fn token(&self, principal: &Principal) -> Result<SecretString, DemoError> {
        self.token_for(principal, CLUSTER_ID, self.clock.now())
    }

    /// A token signed for any cluster at any time.
    pub(super) fn token_for(
        &self,
        principal: &Principal,
        cluster_id: &str,
        at: UnixSeconds,
    ) -> Result<SecretString, DemoError> {
        let cluster_id = ClusterId::parse(cluster_id)?;
        Ok(get_token::sign(&principal.credentials(), &self.endpoint, &cluster_id, at)?.token)
    }

    pub(super) fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// Asks the server who holds `token`.
    ///
    /// # Errors
    /// [`DemoError::Webhook`].
    pub async fn ask(&mut self, token: &SecretString) -> Result<Answer, DemoError> {
        Ok(self.webhook.review(token).await?)
    }

    /// Replaces the server's config file, as an editor does: a new file is renamed over the old one.
    pub(super) fn rewrite_config(&self, text: &str) -> Result<(), DemoError> {
        let new = self.folder.path().join("config.yaml.new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, config_file(self.folder.path()))?;
        Ok(())
    }

    /// What a person may do while it stays up: a curl line and the flags that attach a kube-apiserver.
    ///
    /// # Errors
    /// [`DemoError`] when the CA file cannot be written or no token can be signed.
    pub fn invitation(&self) -> Result<String, DemoError> {
        let principal = &self.guest;
        let ca = self.folder.path().join("ca.pem");
        std::fs::write(&ca, self.server.ca_pem())?;
        let token = self.token(principal)?;
        let review = format!(
            r#"{{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{{"token":"{}"}}}}"#,
            token.expose_secret()
        );
        let session = principal
            .session_token
            .as_ref()
            .map_or_else(String::new, |session| format!(" AWS_SESSION_TOKEN={}", session.expose_secret()));
        Ok(format!(
            "Ask it (the token is good for 15 minutes):\n\n\
             curl --silent --show-error --cacert '{ca}' -H 'Content-Type: application/json' --data '{review}' \
             https://{address}/authenticate\n\n\
             Make further tokens, with made-up keys that only this demo knows:\n\n\
             AWS_ACCESS_KEY_ID={key_id} AWS_SECRET_ACCESS_KEY={secret}{session} \
             iam-bridge get-token --cluster-id {CLUSTER_ID} --region {REGION} --token-only\n\n\
             Attach a kube-apiserver of this machine:\n\n\
             --authentication-token-webhook-config-file={kubeconfig}\n\
             --authentication-token-webhook-version=v1\n\n\
             Edit the mappings in {config}; a change is seen at once. Ctrl-C ends the demo and removes its folder.",
            ca = ca.display(),
            address = self.server.address(),
            key_id = principal.access_key_id,
            secret = principal.secret_access_key.expose_secret(),
            kubeconfig = kubeconfig(self.folder.path()).display(),
            config = config_file(self.folder.path()).display(),
        ))
    }

    /// Ends it in good order.
    pub async fn stop(self) {
        drop(self.webhook);
        self.server.drain().await;
    }
}

fn config_file(folder: &Path) -> PathBuf {
    folder.join("config.yaml")
}

fn kubeconfig(folder: &Path) -> PathBuf {
    folder.join("webhook.kubeconfig")
}

/// What `config` would make of a minimal file, but with free ports of loopback and the reason code in each answer.
///
/// Config, certificate, key and webhook kubeconfig stand in `folder`; the config file's name is `config.yaml`.
///
/// # Errors
/// [`DemoError::ClusterId`].
pub fn settings(folder: &Path) -> Result<Settings, DemoError> {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(Settings {
        metadata: ImdsSettings { disabled: true, endpoint: None },
        rules: TokenRules {
            partition: Partition::Aws,
            cluster_id: ClusterId::parse(CLUSTER_ID)?,
            instance_region: Some(REGION.to_owned()),
            strict_preflight: true,
            allowed_regions: Vec::new(),
        },
        sts: StsSettings { timeout: Duration::from_secs(10), max_in_flight: 64 },
        cache: CacheSettings {
            fresh_for: Duration::from_secs(150),
            stale_for: Duration::from_secs(300),
            max_entries: 1_000,
        },
        sources: SourceSettings::mounted_file(config_file(folder)),
        policies: PolicySettings { mode: AccessPolicyMode::Off, namespace_scope: false },
        ec2: Ec2Settings::default(),
        address: loopback,
        hostname: HOST.to_owned(),
        state_dir: folder.to_owned(),
        generate_kubeconfig: kubeconfig(folder),
        kubeconfig_pregenerated: false,
        client_ca_file: None,
        audiences: Vec::new(),
        deny_status: DenyStatus::Ok,
        health_address: loopback,
        metrics_on_health: false,
        decision_log: DecisionLog::Off,
        limits: Limits::default(),
    })
}
