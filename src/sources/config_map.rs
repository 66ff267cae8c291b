//! `EKSConfigMap`: the ConfigMap `aws-auth` in `kube-system`, watched.
//!
//! ```text
//! kubernetes::watch ──▶ ConfigMap ──keys::parse_aws_auth──▶ three parts, each the last good one ──▶ MappingTable ──▶ Outlet
//! ```
//!
//! Each value of its data is a document of its own: one that cannot be parsed keeps what it said last, beside what the
//! others say now. A ConfigMap that is not there maps nobody; half a list, or a server that is away, changes nothing.

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::runtime::watcher::Config;
use kube::{Api, Resource as _};
use tokio::task::JoinSet;

use super::fleet::Ground;
use super::keys::{self, AwsAuthPart, AwsAuthText, KeySettings};
use super::outlet::Outlet;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kubernetes::{EventKind, Events, Pace, WatchEvent, connect, watch};
use crate::mapping::{Entry, MappedAccount, MappingTable, TableSettings};

/// Where the ConfigMap is.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "aws-auth";
/// What stands for its name in faults and logs.
const PLACE: &str = "kube-system/aws-auth";
/// Largest data that is read, bytes: as much as the API server takes.
const LARGEST: usize = 1024 * 1024;
/// Events on their way at once; more are dropped.
const MOST_EVENTS: usize = 8;

/// Follows the ConfigMap until it is dropped.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let mut reload = ground.reload.clone();
    let mut source = Source {
        ground,
        outlet,
        good: Good::default(),
        seen: None,
        faults: Vec::new(),
        reported: None,
        newest: None,
        events: JoinSet::new(),
    };
    let mut pace = Pace::new();
    loop {
        tokio::select! {
            true = reload.changed() => pace.reset(),
            () = async {
                source.follow().await;
                pace.pause().await;
            } => {}
        }
    }
}

struct Source {
    ground: Ground,
    outlet: Outlet,
    good: Good,
    /// The data read last; empty when there is no ConfigMap, `None` before the first list.
    seen: Option<AwsAuthText>,
    /// Why parts of it are not used.
    faults: Vec<Diagnostic>,
    /// What the last Event told of.
    reported: Option<String>,
    /// Version of the newest object: what comes late is not taken for news.
    newest: Option<u64>,
    events: JoinSet<()>,
}

/// What each part said when it could be parsed last.
#[derive(Clone, Debug, Default)]
struct Good {
    roles: Arc<Vec<Entry>>,
    users: Arc<Vec<Entry>>,
    accounts: Arc<Vec<MappedAccount>>,
}

/// Data, judged.
struct Judged {
    good: Good,
    table: MappingTable,
    /// Whether the table differs from the one before.
    changed: bool,
    /// Why whole parts are not used.
    unusable: Vec<Diagnostic>,
    /// What else is to be told of the others.
    told: Vec<Diagnostic>,
}

impl Source {
    /// Until another try needs a client of its own: perhaps the kubeconfig holds other credentials by then.
    async fn follow(&mut self) {
        let client = match connect(self.ground.cluster()).await {
            Ok(client) => client,
            Err(error) => return self.fail(error.to_string()),
        };
        let events = self.ground.settings.reports.then(|| Events::new(client.clone()));
        let api: Api<ConfigMap> = Api::namespaced(client, NAMESPACE);
        let mut changes = pin!(watch(api, Config::default().fields(&format!("metadata.name={NAME}"))));
        let mut listed = None;
        while let Some(change) = changes.next().await {
            match change {
                Ok(WatchEvent::Init) => listed = None,
                Ok(WatchEvent::InitApply(object)) => listed = Some(object).filter(is_ours).or(listed),
                Ok(WatchEvent::InitDone) => {
                    self.newest = None;
                    self.take(listed.take(), events.as_ref()).await;
                }
                Ok(WatchEvent::Apply(object)) if self.is_news(&object) => {
                    self.take(Some(object), events.as_ref()).await;
                }
                Ok(WatchEvent::Delete(object)) if self.is_news(&object) => {
                    self.newest = version(&object);
                    self.take(None, events.as_ref()).await;
                }
                Ok(WatchEvent::Apply(_) | WatchEvent::Delete(_)) => {}
                Err(fault) => {
                    self.fail(fault.why);
                    if fault.refused {
                        return;
                    }
                }
            }
        }
    }

    fn fail(&mut self, why: String) {
        self.ground.metrics.config_map_watch_failed();
        self.ground.metrics.watch_failed(self.outlet.kind().as_str());
        self.outlet.fail(why);
    }

    fn is_news(&self, object: &ConfigMap) -> bool {
        is_ours(object) && self.newest.is_none_or(|newest| version(object).is_none_or(|version| version > newest))
    }

    /// Takes what there is now; `None` when there is no ConfigMap.
    async fn take(&mut self, object: Option<ConfigMap>, events: Option<&Events>) {
        self.newest = object.as_ref().and_then(version).or(self.newest);
        let about = object.as_ref().map(|object| object.object_ref(&()));
        let data = object.and_then(|object| object.data).unwrap_or_default();
        let text = keys::aws_auth_of_data(&data, PLACE);
        if self.seen.as_ref() != Some(&text) {
            if about.is_none() {
                tracing::warn!(mapping.source = %self.outlet.kind(), "there is no ConfigMap {PLACE}: it maps nobody");
            }
            self.judge(text).await;
        }
        let news = if self.faults.is_empty() {
            self.outlet.recover();
            None
        } else {
            self.outlet.fail_with(&self.faults);
            self.faults.iter().find(|fault| fault.severity == Severity::Error).map(Diagnostic::to_string)
        };
        self.report(about, news, events);
    }

    /// Puts data that differs from what was there before in force, as far as it is good.
    async fn judge(&mut self, text: AwsAuthText) {
        let (settings, table) = (self.ground.settings.key_settings(), self.ground.table_settings(self.outlet.kind()));
        let (read, before, good) = (text.clone(), self.seen.clone(), self.good.clone());
        // Away from the runtime's threads: 1 MiB takes a while.
        let judged = tokio::task::spawn_blocking(move || judged(&read, before, good, settings, table)).await;
        self.seen = Some(text);
        match judged {
            Ok(judged) => {
                self.outlet.tell(&judged.told);
                // Nothing but faults is no first table: the source is not ready yet.
                let is_first = !self.outlet.has_published() && (judged.unusable.is_empty() || !judged.table.is_empty());
                if is_first || (self.outlet.has_published() && judged.changed) {
                    self.outlet.publish(judged.table, &PLACE);
                }
                self.good = judged.good;
                self.faults = judged.unusable;
            }
            Err(ended) => self.faults = vec![whole("unreadable-data", format!("reading it ended early: {ended}"))],
        }
    }

    /// Tells those who look at the object what became of it.
    fn report(&mut self, about: Option<ObjectReference>, fault: Option<String>, events: Option<&Events>) {
        if self.reported == fault {
            return;
        }
        let (kind, reason, note) = match &fault {
            Some(fault) => (EventKind::Warning, "MappingsNotUsed", format!("the last good mappings stay: {fault}")),
            None => (EventKind::Normal, "MappingsUsed", "the mappings are used as they are".to_owned()),
        };
        self.reported = fault;
        while self.events.try_join_next().is_some() {}
        if let (Some(about), Some(events)) = (about, events.cloned())
            && self.events.len() < MOST_EVENTS
        {
            self.events.spawn(async move { events.publish(&about, kind, reason, &note).await });
        }
    }
}

fn is_ours(object: &ConfigMap) -> bool {
    object.metadata.name.as_deref() == Some(NAME)
}

/// Versions of one object grow, and are compared as numbers; one that is none is always news.
fn version(object: &ConfigMap) -> Option<u64> {
    object.metadata.resource_version.as_deref()?.parse().ok()
}

fn judged(
    text: &AwsAuthText,
    before: Option<AwsAuthText>,
    last: Good,
    settings: KeySettings,
    table: TableSettings,
) -> Judged {
    let (unusable, told) = (Vec::new(), Vec::new());
    let mut judged = Judged { good: last, table: MappingTable::empty(table), changed: false, unusable, told };
    let bytes: usize = text.values().map(|value| value.text.len()).sum();
    if bytes > LARGEST {
        judged.unusable.push(whole("too-large", format!("the data has {bytes} bytes, more than {LARGEST}")));
    } else {
        let now = keys::parse_aws_auth(text, settings);
        let before = before.unwrap_or_default();
        let differs = |key| text.get(key) != before.get(key);
        let [roles, users, accounts] = keys::AWS_AUTH_KEYS.map(differs);
        if let Some(items) = judged.take(now.roles, roles) {
            judged.good.roles = items;
        }
        if let Some(items) = judged.take(now.users, users) {
            judged.good.users = items;
        }
        if let Some(items) = judged.take(now.accounts, accounts) {
            judged.good.accounts = items;
        }
    }
    let Good { roles, users, accounts } = &judged.good;
    judged.table = MappingTable::new(table, roles.to_vec(), users.to_vec(), accounts.to_vec());
    judged
}

impl Judged {
    /// The items of a part, unless it cannot be used.
    fn take<T>(&mut self, part: AwsAuthPart<T>, differs: bool) -> Option<Arc<Vec<T>>> {
        let faults = if part.items.is_some() { &mut self.told } else { &mut self.unusable };
        faults.extend(part.faults);
        self.changed |= differs && part.items.is_some();
        part.items.map(Arc::new)
    }
}

fn whole(code: &'static str, what: String) -> Diagnostic {
    Diagnostic::keyless(Severity::Error, code, Some(PLACE.into()), None, what, "remove entries, or write it anew")
}
