//! Where the API server is for those who work in the cluster: its kubeconfig, or the pod's own account.
//!
//! As client-go chooses: the named kubeconfig, whose server `master` replaces; `master` alone, as nobody; else the account
//! of the pod, whose token is read anew as it rotates. Exec plugins run without a terminal, one at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::USER_AGENT;
use kube::Config;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecInteractiveMode, KubeconfigError, LoadDataError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::buffer::BufferLayer;

use super::context::{ContextError, KubeconfigFiles};
use super::transport::{self, Fault};
use super::watch;

/// TCP, the proxy's CONNECT and the TLS handshake together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Writing a request.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Reading the kubeconfig and running its exec plugin.
const SETUP_LIMIT: Duration = Duration::from_secs(30);

/// Requests that may wait for the connection.
const WAITING: usize = 64;

/// `server.kubeconfig` and `server.master`; neither means the account of the pod we run in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClusterAccess {
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; the current one when not given.
    pub context: Option<String>,
    /// URL that replaces the kubeconfig's server.
    pub master: Option<String>,
}

/// Why there is no client. Display says what is wrong and what to do, and holds nothing secret.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No kubeconfig was named, and this is no pod.
    #[error("no kubeconfig is named, and this is no pod of the cluster: {0}; set server.kubeconfig")]
    NoPod(String),
    /// The kubeconfig cannot be used.
    #[error("kubeconfig `{}` cannot be used: {why}", path.display())]
    Kubeconfig {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The client cannot be made.
    #[error("no client for the API server can be made: {0}")]
    Client(String),
}

/// A client with all that the kubeconfig's user, or the pod's account, can prove itself with. Makes no connection.
///
/// Watches may stay silent for as long as [`super::watch`] lets them; who makes another call sets a limit of its own.
///
/// # Errors
/// [`AccessError`].
pub async fn connect(access: &ClusterAccess) -> Result<kube::Client, AccessError> {
    // A plugin that hangs holds this, so that tries which follow do not start it again and again.
    static ONE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));
    let access = access.clone();
    let setup = async {
        let turn = Arc::clone(&ONE).acquire_owned().await.map_err(|closed| closed.to_string())?;
        // Files and plugins are read and run where they may block.
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            client(&access)
        });
        work.await.map_err(|ended| ended.to_string())
    };
    match timeout(SETUP_LIMIT, setup).await {
        Ok(Ok(client)) => client,
        Ok(Err(why)) => Err(AccessError::Client(why)),
        Err(_elapsed) => Err(AccessError::Client(format!(
            "its exec plugin, or a file that it names, has not answered within {} s",
            SETUP_LIMIT.as_secs()
        ))),
    }
}

fn client(access: &ClusterAccess) -> Result<kube::Client, AccessError> {
    let mut config = match (&access.kubeconfig, &access.master) {
        (Some(path), master) => {
            let unusable = |why| AccessError::Kubeconfig { path: path.clone(), why };
            of_kubeconfig(path, access.context.as_deref(), master.as_deref()).map_err(unusable)?
        }
        (None, Some(master)) => {
            let cluster = Cluster { server: Some(master.clone()), ..Cluster::default() };
            transport::config(&cluster).map_err(AccessError::Client)?
        }
        (None, None) => of_pod()?,
    };
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.write_timeout = Some(WRITE_LIMIT);
    config.read_timeout = Some(watch::SILENCE_LIMIT);
    config.reset_reader_on_write = true;
    let client = kube::client::ClientBuilder::try_from(config);
    let paced =
        client.map(|builder| builder.with_layer(&BufferLayer::new(WAITING)).with_layer(&watch::paced()).build());
    paced.map_err(|error| {
        let why = why_no_client(&error);
        match &access.kubeconfig {
            Some(path) => AccessError::Kubeconfig { path: path.clone(), why },
            None => AccessError::Client(why),
        }
    })
}

fn of_pod() -> Result<Config, AccessError> {
    let mut config = Config::incluster_env().map_err(|error| AccessError::NoPod(error.to_string()))?;
    config.default_retry = false;
    config.headers.push((USER_AGENT, transport::OUR_NAME));
    Ok(config)
}

fn of_kubeconfig(path: &Path, context: Option<&str>, master: Option<&str>) -> Result<Config, String> {
    let files = KubeconfigFiles { paths: vec![path.to_owned()], named: true };
    let (mut cluster, user) = files.cluster_and_user(context).map_err(|error| match error {
        ContextError::Unreadable { why, .. } => why,
        other => other.to_string(),
    })?;
    if let Some(master) = master {
        // The name that the certificate is to bear belonged to the server that stands there no more.
        cluster = Cluster { server: Some(master.to_owned()), tls_server_name: None, ..cluster };
    }
    let mut config = transport::config(&cluster)?;
    config.auth_info = without_a_terminal(user, &cluster)?;
    Ok(config)
}

/// The user as a server can be: nobody sits at it whom an exec plugin could ask.
fn without_a_terminal(mut user: AuthInfo, cluster: &Cluster) -> Result<AuthInfo, String> {
    user.client_certificate_data =
        pem(user.client_certificate_data.as_deref(), user.client_certificate.take(), "client-certificate")?;
    let key_data = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    user.client_key_data = pem(key_data, user.client_key.take(), "client-key")?.map(SecretString::from);
    if let Some(exec) = &mut user.exec {
        if matches!(exec.interactive_mode, Some(ExecInteractiveMode::Always)) {
            return Err("its exec plugin wants a terminal, and there is none".to_owned());
        }
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
        if exec.provide_cluster_info {
            let told = ExecAuthCluster::try_from(cluster);
            exec.cluster = Some(told.map_err(|_fault| "its CA cannot be told to its exec plugin".to_owned())?);
        }
    }
    Ok(user)
}

/// The base64 of a PEM text that ends its last line: kube puts two of them together as they are.
fn pem(data: Option<&str>, file: Option<String>, key: &str) -> Result<Option<String>, String> {
    let mut pem = match (data.filter(|data| !data.is_empty()), file.filter(|file| !file.is_empty())) {
        (Some(data), _) => {
            let data: String = data.split_ascii_whitespace().collect();
            STANDARD.decode(data).map_err(|_fault| format!("its {key}-data is not base64"))?
        }
        (None, Some(file)) => {
            std::fs::read(&file).map_err(|error| format!("its {key} file `{file}` cannot be read: {error}"))?
        }
        (None, None) => return Ok(None),
    };
    pem.push(b'\n');
    Ok(Some(STANDARD.encode(pem)))
}

/// In our words where kube's may quote what is secret.
fn why_no_client(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(fault) => transport::credential_fault(fault),
        kube::Error::RustlsTls(_)
        | kube::Error::InferKubeconfig(
            KubeconfigError::LoadClientKey(LoadDataError::DecodeBase64(_))
            | KubeconfigError::LoadClientCertificate(LoadDataError::DecodeBase64(_)),
        ) => {
            "its CA, or its client certificate and key, cannot be used; both must be PEM and belong together".to_owned()
        }
        kube::Error::InferKubeconfig(KubeconfigError::LoadClientKey(LoadDataError::NoBase64DataOrFile)) => {
            "its client certificate has no key".to_owned()
        }
        kube::Error::InferKubeconfig(KubeconfigError::LoadClientCertificate(LoadDataError::NoBase64DataOrFile)) => {
            "its client key has no certificate".to_owned()
        }
        other => match transport::fault(other) {
            Fault::Certificate(why) | Fault::Connection(why) => why,
        },
    }
}
