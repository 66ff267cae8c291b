//! Keepers of access policies in this process, an API server with namespaces, and tables of entries that tests publish.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published value, or what the API server has.

use std::sync::Arc;
use std::time::Duration;

use iam_bridge::clock::{Clock, ClockHand, UnixSeconds};
use iam_bridge::kubernetes::ClusterAccess;
use iam_bridge::live::{Live, Publisher, live};
use iam_bridge::mapping::{
    AccessEntry, AccessEntryForm, AccessEntryRules, AccessEntryText, AssociationText, AuthenticationMode, Chain, Entry,
    MappingTable, Origin, PolicyReadiness, PolicyState, SourceKind, TableSettings,
};
use iam_bridge::policy::{self, PolicySettings, access_policies_yaml};
use iam_bridge::rbac::AccessPolicy;
use iam_bridge::telemetry::Metrics;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::harness::object_server::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, NAMESPACES, ObjectServer, ROLE_BINDINGS};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
pub(crate) const VIEW: &str = "iam-bridge.dev:AmazonEKSViewPolicy";
const HANG: Duration = Duration::from_secs(120);

/// The API server, and the entries that all keepers see.
pub(crate) struct Stage {
    pub(crate) server: ObjectServer,
    pub(crate) hand: ClockHand,
    pub(crate) chain: Publisher<Chain>,
    pub(crate) entries: Publisher<MappingTable>,
    pub(crate) mode: Publisher<AuthenticationMode>,
    clock: Clock,
    folder: TempDir,
}

/// One that runs until it is dropped.
pub(crate) struct Keeping {
    pub(crate) readiness: Live<PolicyReadiness>,
    pub(crate) metrics: Arc<Metrics>,
    task: JoinHandle<()>,
}

impl Stage {
    /// With these namespaces and the shipped objects; the one source is `AccessEntry`, and has no entries.
    pub(crate) async fn new(namespaces: &[&str]) -> Self {
        let stage = Self::bare(namespaces).await;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&access_policies_yaml().unwrap()).unwrap();
        for object in objects {
            let is_role = object["kind"] == "ClusterRole";
            stage.server.put(if is_role { CLUSTER_ROLES } else { CLUSTER_ROLE_BINDINGS }, object);
        }
        stage
    }

    /// Without the shipped objects.
    pub(crate) async fn bare(namespaces: &[&str]) -> Self {
        let server = ObjectServer::start().await;
        for collection in [NAMESPACES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS] {
            server.open(collection);
        }
        let (clock, hand) = Clock::manual(NOW);
        let (entries, table) = live(table(SourceKind::AccessEntry, Vec::new()));
        let (mode, modes) = live(AuthenticationMode::default());
        let (chain, _) = live(Chain { tables: vec![table], mode: modes, ..Chain::default() });
        let stage = Self { server, hand, chain, entries, mode, clock, folder: TempDir::new().unwrap() };
        for namespace in namespaces {
            stage.namespace(namespace);
        }
        stage
    }

    pub(crate) fn namespace(&self, name: &str) {
        self.server.put(NAMESPACES, json!({"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}}));
    }

    /// One keeper that sees the entries of the stage.
    pub(crate) fn keep(&self) -> Keeping {
        self.keep_with(PolicySettings::default(), self.chain.subscribe())
    }

    pub(crate) fn keep_with(&self, settings: PolicySettings, chain: Live<Chain>) -> Keeping {
        let access =
            ClusterAccess { kubeconfig: Some(self.server.kubeconfig(self.folder.path())), ..ClusterAccess::default() };
        let (publisher, readiness) = live(PolicyReadiness::default());
        let metrics = Arc::new(Metrics::new().unwrap());
        let keep = policy::run(settings, access, chain, publisher, Arc::clone(&metrics), self.clock.clone());
        Keeping { readiness, metrics, task: tokio::spawn(keep) }
    }

    /// The source yields these entries from now on.
    pub(crate) fn publish(&self, entries: Vec<Entry>) {
        self.entries.publish(table(SourceKind::AccessEntry, entries));
    }

    /// Waits until the RoleBindings are these, as `NAMESPACE/POLICY`.
    pub(crate) async fn until_bound(&self, wanted: &[&str]) {
        self.server.until_objects(ROLE_BINDINGS, |objects| bound(objects) == wanted).await;
    }

    pub(crate) fn binding(&self, namespace: &str) -> Value {
        let objects = self.server.objects(ROLE_BINDINGS);
        objects.into_iter().find(|object| object["metadata"]["namespace"] == namespace).expect("it is there")
    }

    /// Puts a RoleBinding of ours there, as an earlier server has left it.
    pub(crate) fn left_over(&self, namespace: &str) {
        let labels = json!({
            "app.kubernetes.io/managed-by": "iam-bridge",
            "app.kubernetes.io/part-of": "iam-bridge",
            "iam-bridge.dev/access-policy": "AmazonEKSViewPolicy",
        });
        self.server.put(ROLE_BINDINGS, binding(namespace, labels, &["iam-bridge.dev:policy:AmazonEKSViewPolicy:old"]));
    }

    /// Puts one there that is not ours.
    pub(crate) fn foreign(&self, namespace: &str) -> Value {
        self.server.put(ROLE_BINDINGS, binding(namespace, json!({"team": "a"}), &["somebody"]))
    }

    /// Requests of this method about single RoleBindings.
    pub(crate) fn calls(&self, method: &str) -> usize {
        let about = |path: &str| path.contains("/rolebindings/");
        self.server.requests().iter().filter(|asked| asked.method == *method && about(&asked.path)).count()
    }
}

impl Keeping {
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&PolicyReadiness) -> bool) {
        let mut readiness = self.readiness.clone();
        let settled = async { while !wanted(&readiness.now()) && readiness.changed().await {} };
        let in_time = timeout(HANG, settled).await.is_ok();
        assert!(in_time && wanted(&self.readiness.now()), "{what}: {:#?}", self.readiness.now());
    }

    /// Waits until View stands so.
    pub(crate) async fn until_state(&self, what: &str, wanted: impl Fn(&PolicyState) -> bool) {
        self.until(what, |readiness| readiness.states.get(&AccessPolicy::View).is_some_and(&wanted)).await;
    }

    pub(crate) async fn until_ready(&self) {
        self.until_state("bound", |state| *state == PolicyState::Bound).await;
    }

    pub(crate) async fn until_pending(&self, words: &str) {
        let is = |state: &PolicyState| matches!(state, PolicyState::Pending(why) if why.contains(words));
        self.until_state(words, is).await;
    }

    /// Value of `iam_bridge_access_policy_…`, with its labels as they are rendered; 0 where it is not.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("iam_bridge_access_policy_{name} ")));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn table(source: SourceKind, entries: Vec<Entry>) -> MappingTable {
    MappingTable::of_access_entries(source, entries)
}

pub(crate) fn unread(source: SourceKind) -> MappingTable {
    MappingTable::unread(TableSettings { source, partition: iam_bridge::iam::Partition::Aws })
}

/// An entry that gives View in namespaces.
pub(crate) fn viewer(name: &str, namespaces: &[&str]) -> Entry {
    viewer_until(name, namespaces, None, None)
}

/// The same with an end of the entry, or of the policy.
pub(crate) fn viewer_until(
    name: &str,
    namespaces: &[&str],
    entry_ends: Option<UnixSeconds>,
    policy_ends: Option<UnixSeconds>,
) -> Entry {
    let time = |at: UnixSeconds| Timestamp::from_second(at.0).unwrap().to_string();
    let association = AssociationText {
        policy: "AmazonEKSViewPolicy".to_owned(),
        scope_type: "namespace".to_owned(),
        namespaces: namespaces.iter().map(ToString::to_string).collect(),
        expires_at: policy_ends.map(time),
    };
    let text = AccessEntryText {
        principal_arn: format!("arn:aws:iam::111122223333:role/{name}"),
        expires_at: entry_ends.map(time),
        associations: vec![association],
        ..AccessEntryText::default()
    };
    let rules = AccessEntryRules { form: AccessEntryForm::Object, cluster_account: None };
    AccessEntry::parse(&text, &rules, Origin::default()).unwrap().entry
}

/// `NAMESPACE/POLICY` of each RoleBinding.
pub(crate) fn bound(objects: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let short = |name: String| name.trim_start_matches("iam-bridge.dev:").to_owned();
    let of = |object: &Value| {
        let metadata = &object["metadata"];
        format!("{}/{}", text(&metadata["namespace"]), short(text(&metadata["name"])))
    };
    objects.iter().map(of).collect()
}

pub(crate) fn subjects(object: &Value) -> Vec<&str> {
    object["subjects"].as_array().unwrap().iter().map(|subject| subject["name"].as_str().unwrap()).collect()
}

fn binding(namespace: &str, labels: impl Into<Value>, groups: &[&str]) -> Value {
    let labels: Value = labels.into();
    let rbac = "rbac.authorization.k8s.io";
    let subject = |name: &&str| json!({"apiGroup": rbac, "kind": "Group", "name": name});
    json!({
        "apiVersion": format!("{rbac}/v1"),
        "kind": "RoleBinding",
        "metadata": {
            "name": VIEW, "namespace": namespace, "labels": labels, "managedFields": [{"manager": "kubectl"}],
        },
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": VIEW},
        "subjects": groups.iter().map(subject).collect::<Vec<_>>(),
    })
}
