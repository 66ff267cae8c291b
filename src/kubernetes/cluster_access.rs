//! Where the API server is for those who work in the cluster: its kubeconfig, or the pod's own account.
//!
//! As client-go chooses: the named kubeconfig, whose server `master` replaces; `master` alone, as nobody; else the account
//! of the pod, whose token is read anew as it rotates. Exec plugins run without a terminal, one at a time.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::USER_AGENT;
use kube::Config;
use kube::client::ClientBuilder;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecInteractiveMode, KubeconfigError, LoadDataError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::buffer::BufferLayer;

use super::context::{ContextError, KubeconfigFiles};
use super::token_file::{self, TokenFile};
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
/// Reading the kubeconfig, and running its plugin where a person may be asked for something.
const PERSON_LIMIT: Duration = Duration::from_secs(300);

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
    let access = access.clone();
    set_up(SETUP_LIMIT, move || {
        let ClusterAccess { kubeconfig, context, master } = &access;
        let files = kubeconfig.clone().map(|path| KubeconfigFiles { paths: vec![path], named: true });
        client(files.as_ref(), context.as_deref(), master.as_deref(), false)
    })
    .await
}

/// As [`connect`], for a person: the files are merged as kubectl merges them, and where there is a terminal an exec plugin
/// may ask there. Without any kubeconfig it is `master` alone, or the account of the pod.
///
/// # Errors
/// [`AccessError`].
pub async fn connect_person(
    files: &KubeconfigFiles,
    context: Option<&str>,
    master: Option<&str>,
) -> Result<kube::Client, AccessError> {
    let is_there = files.named || context.is_some() || files.paths.iter().any(|path| path.exists());
    let files = is_there.then(|| files.clone());
    let (context, master) = (context.map(str::to_owned), master.map(str::to_owned));
    let can_ask = std::io::stdin().is_terminal();
    let limit = if can_ask { PERSON_LIMIT } else { SETUP_LIMIT };
    set_up(limit, move || client(files.as_ref(), context.as_deref(), master.as_deref(), can_ask)).await
}

/// Runs `make` where it may block: it reads files and runs plugins.
async fn set_up(
    limit: Duration,
    make: impl FnOnce() -> Result<kube::Client, AccessError> + Send + 'static,
) -> Result<kube::Client, AccessError> {
    // A plugin that hangs holds this, so that tries which follow do not start it again and again.
    static ONE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));
    let setup = async {
        let turn = Arc::clone(&ONE).acquire_owned().await.map_err(|closed| closed.to_string())?;
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            make()
        });
        // kube panics at some texts.
        work.await.map_err(|_panicked| "its credentials cannot be used".to_owned())
    };
    match timeout(limit, setup).await {
        Ok(Ok(client)) => client,
        Ok(Err(why)) => Err(AccessError::Client(why)),
        Err(_elapsed) => Err(AccessError::Client(format!(
            "its exec plugin, or a file that it names, has not answered within {} s",
            limit.as_secs()
        ))),
    }
}

fn client(
    files: Option<&KubeconfigFiles>,
    context: Option<&str>,
    master: Option<&str>,
    can_ask: bool,
) -> Result<kube::Client, AccessError> {
    let first = files.and_then(|files| files.paths.first());
    let unusable = |why| match first {
        Some(path) => AccessError::Kubeconfig { path: path.clone(), why },
        None => AccessError::Client(why),
    };
    let mut config = match (files, master) {
        (Some(files), master) => of_kubeconfig(files, context, master, can_ask).map_err(unusable)?,
        (None, Some(master)) => {
            let cluster = Cluster { server: Some(master.to_owned()), ..Cluster::default() };
            transport::config(&cluster).map_err(AccessError::Client)?
        }
        (None, None) => of_pod()?,
    };
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.write_timeout = Some(WRITE_LIMIT);
    config.read_timeout = Some(watch::SILENCE_LIMIT);
    config.reset_reader_on_write = true;
    let token_file = token_file(&mut config.auth_info).map_err(unusable)?;
    let client = ClientBuilder::try_from(config).map_err(|error| unusable(why_no_client(&error)))?;
    let client = client.with_layer(&BufferLayer::new(WAITING)).with_layer(&token_file::authorized(token_file));
    Ok(client.with_layer(&watch::paced()).build())
}

/// Takes over what kube would read by its own rules, where it would.
fn token_file(user: &mut AuthInfo) -> Result<Option<TokenFile>, String> {
    let has_password = user.username.is_some() && user.password.is_some();
    if user.auth_provider.is_some() || has_password {
        return Ok(None);
    }
    if let Some(token) = &user.token {
        let token = token.expose_secret().trim();
        token_file::bearer(token)?;
        user.token = Some(SecretString::from(token));
        return Ok(None);
    }
    let Some(path) = user.token_file.take() else { return Ok(None) };
    // It goes before a plugin.
    user.exec = None;
    TokenFile::open(path.into()).map(Some)
}

fn of_pod() -> Result<Config, AccessError> {
    let mut config = Config::incluster_env().map_err(|error| AccessError::NoPod(error.to_string()))?;
    config.default_retry = false;
    config.headers.push((USER_AGENT, transport::OUR_NAME));
    Ok(config)
}

fn of_kubeconfig(
    files: &KubeconfigFiles,
    context: Option<&str>,
    master: Option<&str>,
    can_ask: bool,
) -> Result<Config, String> {
    let (mut cluster, user) = files.cluster_and_user(context).map_err(|error| match error {
        ContextError::Unreadable { why, .. } => why,
        other => other.to_string(),
    })?;
    if let Some(master) = master {
        // The name that the certificate is to bear belonged to the server that stands there no more.
        cluster = Cluster { server: Some(master.to_owned()), tls_server_name: None, ..cluster };
    }
    let mut config = transport::config(&cluster)?;
    config.auth_info = seated(user, &cluster, can_ask)?;
    Ok(config)
}

/// The user, with an exec plugin that asks nobody unless somebody is there.
fn seated(mut user: AuthInfo, cluster: &Cluster, can_ask: bool) -> Result<AuthInfo, String> {
    user.client_certificate_data =
        pem(user.client_certificate_data.as_deref(), user.client_certificate.take(), "client-certificate")?;
    let key_data = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    user.client_key_data = pem(key_data, user.client_key.take(), "client-key")?.map(SecretString::from);
    if let Some(exec) = &mut user.exec {
        match exec.interactive_mode {
            Some(ExecInteractiveMode::Always) if !can_ask => {
                return Err("its exec plugin wants a terminal, and there is none".to_owned());
            }
            _ if !can_ask => exec.interactive_mode = Some(ExecInteractiveMode::Never),
            _ => {}
        }
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
