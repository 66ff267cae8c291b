//! An API server that holds objects: lists in pages, watches, writes with conflicts, and bad manners on demand.
//!
//! A collection is named by its path, such as [`AWS_AUTH`]; one that was never opened is answered with 404, as a resource
//! without its definition is. Whoever has the address may do everything: rights are tested with a real API server.
//!
//! ```text
//! request ──desk──▶ answers ──▶ store: objects, and every change in order ──▶ watches
//! ```

mod answers;
mod apply;
mod selector;
mod store;
mod watches;

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::authority::Authority;
use store::Store;

/// The `ConfigMaps` of `kube-system`.
pub(crate) const AWS_AUTH: &str = "/api/v1/namespaces/kube-system/configmaps";
/// The `IAMIdentityMapping`s.
pub(crate) const IDENTITY_MAPPINGS: &str = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";
/// The `AccessEntry` objects.
pub(crate) const ACCESS_ENTRIES: &str = "/apis/iam-bridge.dev/v1alpha1/accessentries";
/// The Leases of `kube-system`.
pub(crate) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
/// The Namespaces.
pub(crate) const NAMESPACES: &str = "/api/v1/namespaces";
/// The RoleBindings of all namespaces.
pub(crate) const ROLE_BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/rolebindings";
/// The ClusterRoles.
pub(crate) const CLUSTER_ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
/// The ClusterRoleBindings.
pub(crate) const CLUSTER_ROLE_BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
/// The Events on objects of `kube-system`.
pub(crate) const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/kube-system/events";
/// The Events on objects of the whole cluster.
pub(crate) const CLUSTER_EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

/// For a slow machine; what is awaited comes within milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How it answers from now on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// No connection is taken, and those that are open end.
    pub(crate) away: bool,
    /// This status to every request; running watches end.
    pub(crate) refuse: Option<u16>,
    /// This status to every request that writes.
    pub(crate) refuse_writes: Option<u16>,
    /// This status to every request whose path holds this text; running watches go on.
    pub(crate) refuse_path: Option<(&'static str, u16)>,
    /// A list is cut into pages of at most half of it; all but the first are answered with 500.
    pub(crate) list_half: bool,
    /// Pages hold no more than this, whatever is asked.
    pub(crate) page: Option<usize>,
    /// A watch ends as soon as it has told what there is.
    pub(crate) close_watches: bool,
    /// A watch says 410 Gone, as it does of a resourceVersion that is too old; running ones say it too.
    pub(crate) gone: bool,
    /// A watch gets no bookmarks.
    pub(crate) no_bookmarks: bool,
    /// Requests are taken and never answered; running watches go silent.
    pub(crate) hang: bool,
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// As it came, percent-encoded.
    pub(crate) query: String,
    /// Tells the kinds of patches apart.
    pub(crate) content_type: String,
    /// Tells whether metadata alone are asked for.
    pub(crate) accept: String,
    /// What was sent along; `null` when nothing was.
    pub(crate) body: Value,
}

impl Asked {
    /// Whether it starts a watch of the collection.
    pub(crate) fn watches(&self, collection: &str) -> bool {
        self.path == collection && self.query.contains("watch=true")
    }

    /// Whether it lists the collection, or goes on listing it.
    pub(crate) fn lists(&self, collection: &str) -> bool {
        self.method == Method::GET && self.path == collection && !self.query.contains("watch=true")
    }

    /// Whether it writes anything.
    pub(crate) fn writes(&self) -> bool {
        self.method != Method::GET
    }
}

/// The running server. Dropping it ends it.
pub(crate) struct ObjectServer {
    address: SocketAddr,
    ca_pem: String,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

struct Desk {
    store: Mutex<Store>,
    /// The newest change; watches wait for it.
    newest: watch::Sender<u64>,
    manners: watch::Sender<Manners>,
    asked: watch::Sender<Vec<Asked>>,
    openapi: Mutex<Option<Value>>,
}

impl ObjectServer {
    /// On a free port, with the collections named above, all empty; not with [`IDENTITY_MAPPINGS`].
    pub(crate) async fn start() -> Self {
        let authority = Authority::new("object server");
        let tls = authority.acceptor("127.0.0.1");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk {
            store: Mutex::new(Store::default()),
            newest: watch::Sender::new(0),
            manners: watch::Sender::new(Manners::default()),
            asked: watch::Sender::new(Vec::new()),
            openapi: Mutex::new(None),
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&desk)));
        let server = Self { address, ca_pem: authority.pem().to_owned(), desk, task };
        for collection in [AWS_AUTH, LEASES, EVENTS, CLUSTER_EVENTS] {
            server.open(collection);
        }
        server
    }

    /// The collection exists from now on.
    pub(crate) fn open(&self, collection: &str) {
        self.desk.store().open(collection);
    }

    /// Creates or replaces an object, and tells the watches. Yields it as it is kept.
    pub(crate) fn put(&self, collection: &str, object: Value) -> Value {
        let kept = self.desk.store().put(collection, object);
        self.desk.tell();
        kept
    }

    /// Deletes an object, and tells the watches. Panics when it is not there.
    pub(crate) fn delete(&self, collection: &str, name: &str) {
        self.desk.store().delete(collection, name).expect("the object is there");
        self.desk.tell();
    }

    /// Tells the watches something without a change of any object: what comes twice or late.
    pub(crate) fn say(&self, collection: &str, kind: &'static str, object: Value) {
        self.desk.store().say(collection, kind, object);
        self.desk.tell();
    }

    /// Sends every watch a bookmark.
    pub(crate) fn bookmark(&self) {
        self.desk.store().bookmark();
        self.desk.tell();
    }

    /// Forgets all changes so far: a watch from before is told 410 Gone.
    pub(crate) fn compact(&self) {
        self.desk.store().compact();
    }

    /// The objects of a collection, by name.
    pub(crate) fn objects(&self, collection: &str) -> Vec<Value> {
        self.desk.store().objects(collection)
    }

    /// Changes its manners.
    pub(crate) fn behave(&self, manners: Manners) {
        self.desk.manners.send_replace(manners);
    }

    /// What the paths below `/openapi/v3/apis/` answer; 404 before this.
    pub(crate) fn describe(&self, openapi: Value) {
        *self.desk.openapi.lock().unwrap_or_else(PoisonError::into_inner) = Some(openapi);
    }

    /// Every request so far, in order.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.desk.asked.borrow().clone()
    }

    /// Waits until so many requests came in.
    pub(crate) async fn until_requests(&self, count: usize) {
        self.until(|asked| asked.len() >= count).await;
    }

    /// Waits until the requests are as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&[Asked]) -> bool) {
        let mut asked = self.desk.asked.subscribe();
        let outcome = tokio::time::timeout(PATIENCE, asked.wait_for(|all| wanted(all))).await.map(drop);
        assert!(outcome.is_ok(), "not asked within {PATIENCE:?}; asked was {:#?}", self.requests());
    }

    /// Waits until the objects of a collection are as wanted.
    pub(crate) async fn until_objects(&self, collection: &str, wanted: impl Fn(&[Value]) -> bool) {
        let mut newest = self.desk.newest.subscribe();
        let settled = async {
            while !wanted(&self.objects(collection)) {
                newest.changed().await.unwrap();
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, settled).await;
        assert!(outcome.is_ok(), "not within {PATIENCE:?}; there are {:#?}", self.objects(collection));
    }

    /// URL of it.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Writes a kubeconfig whose current context `fake` leads here, and yields its path.
    pub(crate) fn kubeconfig(&self, directory: &Path) -> PathBuf {
        let path = directory.join("object-server.kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\n\
             clusters:\n- name: fake\n  cluster:\n    server: {}\n    certificate-authority-data: {}\n\
             contexts:\n- name: fake\n  context: {{cluster: fake, user: bridge}}\n\
             users:\n- name: bridge\n  user: {{token: not-looked-at}}\n",
            self.url(),
            STANDARD.encode(&self.ca_pem),
        );
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        self.task.abort();
        // Connections are tasks of their own; this ends them.
        self.behave(Manners { away: true, ..Manners::default() });
    }
}

impl Desk {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        let newest = self.store().newest();
        self.newest.send_replace(newest);
    }
}

async fn accept(listener: TcpListener, tls: tokio_rustls::TlsAcceptor, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, desk) = (tls.clone(), Arc::clone(&desk));
        let mut manners = desk.manners.subscribe();
        tokio::spawn(async move {
            let serve = async {
                let stream = TokioIo::new(tls.accept(stream).await.ok()?);
                let service = service_fn(|request| {
                    let desk = Arc::clone(&desk);
                    async move { Ok::<_, Infallible>(answers::answer(desk, request).await) }
                });
                hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await.ok()
            };
            tokio::select! {
                biased;
                _ = manners.wait_for(|manners| manners.away) => {}
                _ = serve => {}
            }
        });
    }
}
