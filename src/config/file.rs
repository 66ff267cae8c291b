//! The config file: the reference's schema and our keys, typed, each with its place.
//!
//! Keys are told apart without case, at every depth. The mapping, deny and reserved-prefix keys are read by
//! [`crate::sources::keys`], since they change while the server runs; all others are read here.

use std::time::Duration;

use super::entry_keys::{self, EntryKeys};
use super::schema::{Schema, each};
use super::{pick, words};
use crate::aws::NodeName;
use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place};
use crate::mapping::RolePaths;
use crate::server::{DecisionLog, DenyStatus};
use crate::sources::keys;

pub use super::pick::Given;

/// Keys of the document itself; those for `get-token` and the cluster's id.
#[derive(Clone, Debug, Default)]
pub struct TopKeys {
    /// `clusterID`
    pub cluster_id: Option<Given<String>>,
    /// `role`
    pub role: Option<Given<String>>,
    /// `log-verbosity`
    pub log_verbosity: Option<Given<String>>,
    /// `region`
    pub region: Option<Given<String>>,
    /// `externalID`
    pub external_id: Option<Given<String>>,
    /// `sessionName`
    pub session_name: Option<Given<String>>,
    /// `tokenOnly`
    pub token_only: Option<Given<bool>>,
    /// `forwardSessionName`
    pub forward_session_name: Option<Given<bool>>,
    /// `cache`
    pub cache: Option<Given<bool>>,
}

/// Keys under `server`, without those that are re-read while it runs.
#[derive(Clone, Debug, Default)]
pub struct ServerKeys {
    /// `partition`
    pub partition: Option<Given<String>>,
    /// `port`
    pub port: Option<Given<u16>>,
    /// `address`
    pub address: Option<Given<String>>,
    /// `hostname`
    pub hostname: Option<Given<String>>,
    /// `stateDir`
    pub state_dir: Option<Given<String>>,
    /// `generateKubeconfig`
    pub generate_kubeconfig: Option<Given<String>>,
    /// `kubeconfigPregenerated`
    pub kubeconfig_pregenerated: Option<Given<bool>>,
    /// `kubeconfig`
    pub kubeconfig: Option<Given<String>>,
    /// `master`
    pub master: Option<Given<String>>,
    /// `backendMode`, names as written
    pub backend_mode: Option<Given<Vec<Given<String>>>>,
    /// `ec2DescribeInstancesQps`
    pub ec2_describe_instances_qps: Option<Given<i64>>,
    /// `ec2DescribeInstancesBurst`
    pub ec2_describe_instances_burst: Option<Given<i64>>,
    /// `ec2DescribeInstancesRoleARN`
    pub ec2_describe_instances_role_arn: Option<Given<String>>,
    /// `sourceARN`
    pub source_arn: Option<Given<String>>,
    /// `ec2`
    pub ec2: Ec2Keys,
    /// `nodeName`
    pub node_name: Option<Given<NodeName>>,
    /// `scrubbedAccounts`
    pub scrubbed_accounts: Option<Given<Vec<Given<String>>>>,
    /// `dynamicfilepath`
    pub dynamic_file_path: Option<Given<String>>,
    /// `dynamicfileUserIDStrict`
    pub dynamic_file_user_id_strict: Option<Given<bool>>,
    /// `dynamicBackendModePath`
    pub dynamic_backend_mode_path: Option<Given<String>>,
    /// `rolePaths`
    pub role_paths: Option<Given<RolePaths>>,
    /// `clientCAFile`
    pub client_ca_file: Option<Given<String>>,
    /// `audiences`
    pub audiences: Option<Given<Vec<Given<String>>>>,
    /// `denyStatus`
    pub deny_status: Option<Given<DenyStatus>>,
    /// `healthAddress`
    pub health_address: Option<Given<std::net::SocketAddr>>,
    /// `metricsAddress`; `true` for `health`
    pub metrics_on_health: Option<Given<bool>>,
    /// `decisionLog`
    pub decision_log: Option<Given<DecisionLog>>,
    /// `sts`
    pub sts: StsKeys,
    /// `identityCache`
    pub identity_cache: IdentityCacheKeys,
    /// `accessEntryFile`, `cluster`, `authenticationMode`, `accessPolicies`, `eksAccessEntries`
    pub entries: EntryKeys,
}

/// Keys under `server.sts`.
#[derive(Clone, Debug, Default)]
pub struct StsKeys {
    /// `timeout`
    pub timeout: Option<Given<Duration>>,
    /// `maxInFlight`
    pub max_in_flight: Option<Given<u32>>,
    /// `strictPreflight`
    pub strict_preflight: Option<Given<bool>>,
    /// `allowedRegions`
    pub allowed_regions: Option<Given<Vec<Given<String>>>>,
    /// `connectTo`
    pub connect_to: Option<Given<String>>,
    /// `caBundle`
    pub ca_bundle: Option<Given<String>>,
}

/// Keys under `server.ec2`.
#[derive(Clone, Debug, Default)]
pub struct Ec2Keys {
    /// `instanceProfiles`
    pub instance_profiles: Option<Given<Vec<Given<String>>>>,
}

/// Keys under `server.identityCache`.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdentityCacheKeys {
    /// `freshFor`
    pub fresh_for: Option<Given<Duration>>,
    /// `staleFor`
    pub stale_for: Option<Given<Duration>>,
    /// `maxEntries`
    pub max_entries: Option<Given<u32>>,
}

/// Port of the health listener where `healthAddress` names none.
pub const HEALTH_PORT: u16 = 21_363;

const TOP: Schema = Schema::of(TOP_KEYS);
const SERVER: Schema = Schema { later: LATER_KEYS, keys: SERVER_KEYS };
const EC2: Schema = Schema::of(EC2_KEYS);
const STS: Schema = Schema::of(STS_KEYS);
const IDENTITY_CACHE: Schema = Schema::of(IDENTITY_CACHE_KEYS);

const TOP_KEYS: &[&str] = &[
    "clusterID",
    "role",
    "log-verbosity",
    "region",
    "externalID",
    "sessionName",
    "tokenOnly",
    "forwardSessionName",
    "cache",
    "server",
];
const SERVER_KEYS: &[&str] = &[
    "partition",
    "port",
    "address",
    "hostname",
    "stateDir",
    "generateKubeconfig",
    "kubeconfigPregenerated",
    "kubeconfig",
    "master",
    "backendMode",
    "ec2DescribeInstancesQps",
    "ec2DescribeInstancesBurst",
    "ec2DescribeInstancesRoleARN",
    "sourceARN",
    "ec2",
    "nodeName",
    "scrubbedAccounts",
    "dynamicfilepath",
    "dynamicfileUserIDStrict",
    "dynamicBackendModePath",
    "rolePaths",
    "clientCAFile",
    "audiences",
    "denyStatus",
    "healthAddress",
    "metricsAddress",
    "decisionLog",
    "sts",
    "identityCache",
    "accessEntryFile",
    "cluster",
    "authenticationMode",
    "accessPolicies",
    "eksAccessEntries",
    // Read by `sources::keys`.
    "mapRoles",
    "mapUsers",
    "mapAccounts",
    "reservedPrefixConfig",
    "deny",
];
const STS_KEYS: &[&str] = &["timeout", "maxInFlight", "strictPreflight", "allowedRegions", "connectTo", "caBundle"];
const EC2_KEYS: &[&str] = &["instanceProfiles"];
const IDENTITY_CACHE_KEYS: &[&str] = &["freshFor", "staleFor", "maxEntries"];
const LATER_KEYS: &[&str] = &["webIdentity"];

/// Paths of every key that is read, mapping keys included: `server.sts.timeout`, ….
pub fn known_keys() -> impl Iterator<Item = String> {
    let below =
        |prefix: &'static str, keys: &'static [&'static str]| keys.iter().map(move |key| format!("{prefix}{key}"));
    below("", TOP_KEYS)
        .chain(below("server.", SERVER_KEYS))
        .chain(below("server.ec2.", EC2_KEYS))
        .chain(below("server.sts.", STS_KEYS))
        .chain(below("server.identityCache.", IDENTITY_CACHE_KEYS))
        .chain(below("server.cluster.", entry_keys::CLUSTER_KEYS))
        .chain(below("server.accessPolicies.", entry_keys::POLICY_KEYS))
        .chain(below("server.eksAccessEntries.", entry_keys::EKS_KEYS))
}

impl TopKeys {
    /// The keys of the document's root; an unknown key is a fault of severity `unknown`.
    pub fn pick(root: Node<'_>, unknown: Severity, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        each(root, &Place::Root, TOP, unknown, faults, |key, node, place, faults| match key {
            "clusterID" => keys.cluster_id = pick::text(node, place, faults),
            "role" => keys.role = pick::text(node, place, faults),
            "log-verbosity" => keys.log_verbosity = pick::text(node, place, faults),
            "region" => keys.region = pick::text(node, place, faults),
            "externalID" => keys.external_id = pick::text(node, place, faults),
            "sessionName" => keys.session_name = pick::text(node, place, faults),
            "tokenOnly" => keys.token_only = pick::boolean(node, place, faults),
            "forwardSessionName" => keys.forward_session_name = pick::boolean(node, place, faults),
            "cache" => keys.cache = pick::boolean(node, place, faults),
            _ => {}
        });
        keys
    }
}

impl ServerKeys {
    /// The keys under `server`; an unknown key is a fault of severity `unknown`.
    pub fn pick(root: Node<'_>, unknown: Severity, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        let place = Place::Key(&Place::Root, "server");
        let Some(server) = root.member("server") else { return keys };
        each(server, &place, SERVER, unknown, faults, |key, node, place, faults| {
            keys.take(key, node, place, unknown, faults);
        });
        keys
    }

    fn take(&mut self, key: &str, node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) {
        match key {
            "partition" => self.partition = pick::text(node, place, faults),
            "port" => self.port = pick::number(node, place, faults, (0, u16::MAX)),
            "address" => self.address = pick::text(node, place, faults),
            "hostname" => self.hostname = pick::text(node, place, faults),
            "stateDir" => self.state_dir = pick::text(node, place, faults),
            "generateKubeconfig" => self.generate_kubeconfig = pick::text(node, place, faults),
            "kubeconfigPregenerated" => self.kubeconfig_pregenerated = pick::boolean(node, place, faults),
            "kubeconfig" => self.kubeconfig = pick::text(node, place, faults),
            "master" => self.master = pick::text(node, place, faults),
            "backendMode" => self.backend_mode = pick::words(node, place, faults),
            "ec2DescribeInstancesQps" => {
                self.ec2_describe_instances_qps = pick::number(node, place, faults, (i64::MIN, i64::MAX));
            }
            "ec2DescribeInstancesBurst" => {
                self.ec2_describe_instances_burst = pick::number(node, place, faults, (i64::MIN, i64::MAX));
            }
            "ec2DescribeInstancesRoleARN" => {
                self.ec2_describe_instances_role_arn = pick::text(node, place, faults);
            }
            "sourceARN" => self.source_arn = pick::text(node, place, faults),
            "ec2" => self.ec2 = Ec2Keys::pick(node, place, unknown, faults),
            "nodeName" => self.node_name = pick::parsed(node, place, faults, words::node_name),
            "scrubbedAccounts" => {
                keys::warn_of_lost_digits(node, place, faults);
                self.scrubbed_accounts = pick::words(node, place, faults);
            }
            "dynamicfilepath" => self.dynamic_file_path = pick::text(node, place, faults),
            "dynamicfileUserIDStrict" => self.dynamic_file_user_id_strict = pick::boolean(node, place, faults),
            "dynamicBackendModePath" => self.dynamic_backend_mode_path = pick::text(node, place, faults),
            "rolePaths" => self.role_paths = pick::parsed(node, place, faults, words::role_paths),
            "clientCAFile" => self.client_ca_file = pick::text(node, place, faults),
            "audiences" => self.audiences = pick::words(node, place, faults),
            "denyStatus" => self.deny_status = pick::parsed(node, place, faults, words::deny_status),
            "healthAddress" => {
                self.health_address = pick::parsed(node, place, faults, |text| pick::socket_address(text, HEALTH_PORT));
            }
            "metricsAddress" => self.metrics_on_health = pick::parsed(node, place, faults, words::metrics_address),
            "decisionLog" => self.decision_log = pick::parsed(node, place, faults, words::decision_log),
            "sts" => self.sts = StsKeys::pick(node, place, unknown, faults),
            "identityCache" => self.identity_cache = IdentityCacheKeys::pick(node, place, unknown, faults),
            _ => self.entries.take(key, node, place, unknown, faults),
        }
    }
}

impl StsKeys {
    fn pick(node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        each(node, place, STS, unknown, faults, |key, node, place, faults| match key {
            "timeout" => keys.timeout = pick::duration(node, place, faults),
            "maxInFlight" => keys.max_in_flight = pick::number(node, place, faults, (1, 4096)),
            "strictPreflight" => keys.strict_preflight = pick::boolean(node, place, faults),
            "allowedRegions" => keys.allowed_regions = pick::words(node, place, faults),
            "connectTo" => keys.connect_to = pick::parsed(node, place, faults, pick::host_and_port),
            "caBundle" => keys.ca_bundle = pick::text(node, place, faults),
            _ => {}
        });
        keys
    }
}

impl Ec2Keys {
    fn pick(node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        each(node, place, EC2, unknown, faults, |key, node, place, faults| {
            if key == "instanceProfiles" {
                keys.instance_profiles = pick::words(node, place, faults);
            }
        });
        keys
    }
}

impl IdentityCacheKeys {
    fn pick(node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        each(node, place, IDENTITY_CACHE, unknown, faults, |key, node, place, faults| match key {
            "freshFor" => keys.fresh_for = pick::duration(node, place, faults),
            "staleFor" => keys.stale_for = pick::duration(node, place, faults),
            "maxEntries" => keys.max_entries = pick::number(node, place, faults, (1, 10_000_000)),
            _ => {}
        });
        keys
    }
}
