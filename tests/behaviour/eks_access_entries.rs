//! The mirror of an EKS cluster's access entries, at a fake EKS that checks every signature.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published table or state, or the next call.

mod faults;
mod outage;
mod pins;
mod roles;
mod scale;
mod vectors;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iam_bridge::clock::{Clock, ClockHand};
use iam_bridge::demo::sts::{Principal, Sts};
use iam_bridge::live::Live;
use iam_bridge::mapping::{AuthenticationMode, Chain, SourceKind};
use iam_bridge::sources::{self, EksMirror, ModeFrom, SourceSettings, SourceState, Sources};
use iam_bridge::telemetry::Metrics;
use tempfile::TempDir;

use super::following::{session_of, until};
use super::mapping::{ask, caller};
use crate::harness::aws::eks_entries::{CLUSTER, EksEntries, Operation};
use crate::harness::aws::{ACCOUNT, REGION};

/// Short enough that a test need not wait, long enough that the machine has other things to do.
const OFTEN: Duration = Duration::from_millis(100);
/// Never within a test.
const NEVER: Duration = Duration::from_secs(36_000);

/// EKS, the server's own keys for it, and a place for the snapshot.
struct Ground {
    sts: Arc<Sts>,
    eks: EksEntries,
    keys: Principal,
    state_dir: TempDir,
}

impl Ground {
    async fn open() -> Self {
        let sts = Arc::new(Sts::start_with(Clock::system()).await.unwrap());
        let keys = Principal::role_session(ACCOUNT, "Server", "control-plane").unwrap();
        sts.add(keys.clone());
        let eks = EksEntries::start(Arc::clone(&sts)).await;
        Self { sts, eks, keys, state_dir: TempDir::new().unwrap() }
    }

    fn mirror(&self) -> EksMirror {
        let mut mirror = EksMirror::new(CLUSTER, REGION, self.state_dir.path().to_owned());
        mirror.endpoint = Some(self.eks.url());
        mirror.surroundings.environment_keys = Some(self.keys.credentials());
        mirror.interval = OFTEN;
        mirror.qps = 1_000;
        mirror
    }

    fn settings(&self) -> SourceSettings {
        SourceSettings {
            backend_modes: vec![SourceKind::EksAccessEntries],
            config_file: None,
            eks: Some(self.mirror()),
            ..SourceSettings::mounted_file(Path::new("none").to_owned())
        }
    }

    async fn follow(&self) -> Following {
        self.follow_with(|_| {}).await
    }

    async fn follow_with(&self, adjust: impl FnOnce(&mut EksMirror)) -> Following {
        let mut settings = self.settings();
        settings.eks.as_mut().map(adjust).unwrap();
        Following::start(&settings).await
    }

    fn snapshot(&self) -> std::path::PathBuf {
        self.state_dir.path().join("eks-access-entries.json")
    }

    /// Waits until the snapshot holds these words.
    async fn until_kept(&self, words: &'static str) {
        let path = self.snapshot();
        let look = move || {
            crate::harness::waiting::until(words, super::following::HANG, || {
                std::fs::read_to_string(&path).ok().filter(|text| text.contains(words))
            })
        };
        tokio::task::spawn_blocking(look).await.unwrap();
    }
}

/// The source, its table and its metrics.
struct Following {
    chain: Arc<Chain>,
    sources: Sources,
    metrics: Arc<Metrics>,
    hand: ClockHand,
}

impl Following {
    async fn start(settings: &SourceSettings) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (clock, hand) = Clock::manual(Clock::system().now());
        let (chain, sources) = sources::start(settings, Arc::clone(&metrics), clock).await.unwrap();
        Self { chain: chain.now(), sources, metrics, hand }
    }

    fn table(&self) -> Live<iam_bridge::mapping::MappingTable> {
        self.chain.tables[0].clone()
    }

    fn entries(&self) -> usize {
        self.table().now().len()
    }

    fn username(&self, role: &str) -> Option<String> {
        ask(&self.chain, &session_of(role)).ok().map(|user| user.username)
    }

    fn groups(&self, role: &str) -> Vec<String> {
        ask(&self.chain, &session_of(role)).map(|user| user.groups).unwrap_or_default()
    }

    async fn until_named(&self, role: &str, name: Option<&str>) {
        let is_named = || self.username(role).as_deref() == name;
        until(&mut self.table(), is_named, &format!("{role} is {name:?}")).await;
    }

    async fn until_entries(&self, entries: usize) {
        until(&mut self.table(), || self.entries() == entries, &format!("{entries} entries")).await;
    }

    async fn until_state(&self, what: &str, wanted: impl Fn(&SourceState) -> bool) -> SourceState {
        let state = self.sources.state();
        until(&mut state.clone(), || wanted(&state.now().sources[0]), what).await;
        state.now().sources[0].clone()
    }

    async fn until_fault(&self, words: &str) -> String {
        let has = |state: &SourceState| state.fault.as_deref().is_some_and(|fault| fault.contains(words));
        self.until_state(words, has).await.fault.unwrap()
    }

    async fn until_good(&self) {
        self.until_state("no fault", |state| state.published && state.fault.is_none()).await;
    }

    /// A sample of the metrics' text, 0 where there is none.
    fn metric(&self, sample: &str) -> i64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    fn miss(&self, role: &str) {
        self.chain.missed.tell(&caller(&session_of(role)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_eks_name_their_principals_and_a_change_is_seen_within_a_poll() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &["devs"]);
    ground.eks.put_role("team/a/Ops", "ops", &["ops"]);
    ground.eks.associate("team/a/Ops", "AmazonEKSViewPolicy", &["dev-*"]);
    let mirror = ground.follow().await;
    mirror.until_good().await;
    assert_eq!((mirror.username("Dev"), mirror.username("Ops")), (Some("dev".to_owned()), Some("ops".to_owned())));
    assert_eq!(mirror.groups("Ops"), ["ops", "iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]);
    assert_eq!(mirror.username("Nobody"), None);
    ground.eks.put_role("New", "new", &[]);
    mirror.until_named("New", Some("new")).await;
    ground.eks.delete("Dev");
    mirror.until_named("Dev", None).await;
    assert_eq!(mirror.username("Ops").as_deref(), Some("ops"));
    assert_eq!(mirror.metric("iam_bridge_source_entries{source=\"EKSAccessEntries\"}"), 2);
    assert!(mirror.metric("iam_bridge_eks_calls_total{code=\"ok\",operation=\"ListAccessEntries\"}") > 1);
    assert!(mirror.metric("iam_bridge_eks_last_success_seconds") > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_entries_and_of_policies_is_read() {
    let ground = Ground::open().await;
    ground.eks.page(2);
    for number in 0..7 {
        ground.eks.put_role(&format!("Role{number}"), &format!("role{number}"), &[]);
    }
    let policies = ["View", "Edit", "Admin", "SecretReader", "ClusterAdmin"];
    for policy in policies {
        ground.eks.associate("Role3", &format!("AmazonEKS{policy}Policy"), &[]);
    }
    let mirror = ground.follow().await;
    mirror.until_entries(7).await;
    assert_eq!(mirror.groups("Role3").len(), policies.len());
    assert!(mirror.groups("Role4").is_empty());
    mirror.until_good().await;
    assert_eq!(mirror.metric("iam_bridge_eks_access_entries"), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_was_just_missed_is_looked_for_early_and_seldom() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    let mirror = ground.follow_with(|mirror| mirror.interval = NEVER).await;
    mirror.until_good().await;
    assert_eq!(ground.eks.calls(Operation::List), 1);
    ground.eks.put_role("New", "new", &[]);
    mirror.miss("New");
    mirror.until_named("New", Some("new")).await;
    assert_eq!(ground.eks.calls(Operation::List), 2);
    // Another within ten seconds waits; one of an account that nobody here belongs to asks for nothing.
    ground.eks.put_role("Newer", "newer", &[]);
    mirror.miss("Newer");
    mirror.chain.missed.tell(&caller("arn:aws:sts::999988887777:assumed-role/Stranger/x"));
    until(&mut mirror.chain.missed.subscribe(), || mirror.chain.missed.subscribe().now().is_empty(), "heard").await;
    assert_eq!(ground.eks.calls(Operation::List), 2);
    mirror.until_named("Newer", Some("newer")).await;
    assert_eq!(ground.eks.calls(Operation::List), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_of_another_account_is_never_looked_for() {
    let ground = Ground::open().await;
    let mirror = ground.follow_with(|mirror| mirror.interval = NEVER).await;
    mirror.until_good().await;
    mirror.chain.missed.tell(&caller("arn:aws:sts::999988887777:assumed-role/Stranger/x"));
    until(&mut mirror.chain.missed.subscribe(), || mirror.chain.missed.subscribe().now().is_empty(), "heard").await;
    mirror.sources.reload(); // asks for a list: the second, and not the third
    ground.eks.called(Operation::List, 2).await;
    assert_eq!(ground.eks.calls(Operation::List), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_linked_roles_are_passed_over_and_bad_entries_leave_the_others_alone() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    ground.eks.put_role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", "x:y", &[]);
    ground.eks.put_role("Bad", "system:admin", &[]);
    ground.eks.put_role("Emr", "emr", &[]);
    ground.eks.associate("Emr", "AmazonEMRJobPolicy", &[]);
    ground.eks.associate("Emr", "AmazonEKSMadeUpPolicy", &[]);
    ground.eks.associate("Emr", "AmazonEKSViewPolicy", &[]);
    let mirror = ground.follow().await;
    mirror.until_good().await;
    assert_eq!((mirror.entries(), mirror.username("Bad")), (2, None));
    assert_eq!(mirror.groups("Emr"), ["iam-bridge.dev:policy:AmazonEKSViewPolicy"]);
    let asked = ground.eks.asked();
    assert!(asked.iter().all(|call| !call.principal.contains("aws-service-role")), "{asked:?}");
    for (sample, value) in [
        ("eks_access_entries_skipped{class=\"service_linked_role\"}", 1),
        ("eks_access_entries_skipped{class=\"reserved_username\"}", 1),
        ("access_policy_unsupported{policy=\"AmazonEMRJobPolicy\"}", 1),
        ("access_policy_unsupported{policy=\"other\"}", 1),
        ("source_dropped_entries{source=\"EKSAccessEntries\"}", 1),
    ] {
        assert_eq!(mirror.metric(&format!("iam_bridge_{sample}")), value, "{sample}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authentication_mode_is_that_of_the_mirrored_cluster() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    ground.eks.mode(Some("CONFIG_MAP"));
    let mut settings = ground.settings();
    settings.authentication_mode = ModeFrom::Mirror;
    let mirror = Following::start(&settings).await;
    let mut mode = mirror.chain.mode.clone();
    until(&mut mode, || *mirror.chain.mode.now() == AuthenticationMode::ConfigMap, "CONFIG_MAP").await;
    mirror.until_good().await; // no entries, and no fault
    assert_eq!((mirror.entries(), ground.eks.calls(Operation::List)), (0, 0));
    ground.eks.mode(Some("API"));
    until(&mut mode, || *mirror.chain.mode.now() == AuthenticationMode::Api, "API").await;
    mirror.until_named("Dev", Some("dev")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_does_not_tell_its_mode_is_asked_for_its_entries() {
    let ground = Ground::open().await;
    ground.eks.mode(None);
    ground.eks.put_role("Dev", "dev", &[]);
    let mirror = ground.follow().await;
    mirror.until_named("Dev", Some("dev")).await;
    assert_eq!(*mirror.chain.mode.now(), AuthenticationMode::ApiAndConfigMap);
}
