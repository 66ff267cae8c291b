//! Flags, environment, file and defaults → `server::Settings`, or every fault at once.
//!
//! The checks come in the reference's order: the mapping keys, the cluster id, the partition, the backend modes; then
//! ours. A fault says the flag or the place in the file that its value came from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::env::Env;
use super::feature_gates::FeatureGates;
use super::file::{Given, HEALTH_PORT, ServerKeys, TopKeys};
use super::judge::{From, Judge};
use super::modes::modes;
use super::pick::{text_of, values};
use super::{access_entries, flags, node_names};
use crate::authenticator::CacheSettings;
use crate::aws::{ConnectorSettings, Ec2Settings, StsSettings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{self, Faults, Place};
use crate::iam::Partition;
use crate::kubernetes::ClusterAccess;
use crate::live::Live;
use crate::mapping::{PolicyReadiness, ScrubbedAccounts};
use crate::server::{Limits, Settings};
use crate::sources::keys::KeySettings;
use crate::sources::{FileText, FirstReading, Reading, SourceSettings};
use crate::token::{ClusterId, TokenRules};

/// `server.port` when nothing says another.
pub const PORT: u16 = 21_362;
/// `server.address` when nothing says another.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// `server.stateDir` when nothing says another.
pub const STATE_DIR: &str = "/var/aws-iam-authenticator";
/// `server.generateKubeconfig` when nothing says another.
pub const GENERATE_KUBECONFIG: &str = "/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml";
/// `server.hostname` when nothing says another.
pub const HOSTNAME: &str = "localhost";
/// The longest `server.identityCache.staleFor`: a token lives no longer.
const LONGEST_STALE: Duration = Duration::from_secs(15 * 60);
/// Bounds of `server.sts.timeout`; the API server itself waits 30 s.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// What was typed, resolved.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// For [`crate::server::start`].
    pub settings: Settings,
    /// `server.sts.connectTo` and `caBundle`, for the connector that start takes.
    pub connector: ConnectorSettings,
    /// `--feature-gates`.
    pub gates: FeatureGates,
    /// What works and is probably not meant; to be logged.
    pub warnings: Vec<Diagnostic>,
    /// `log-verbosity` of the file.
    pub log_verbosity: Option<String>,
    /// `backendMode`, names as written.
    pub backend_mode: Vec<String>,
}

/// Resolves the settings of `server`: explicit flag, then environment, then config file, then default.
///
/// # Errors
/// Every fault, those of the file in its order.
pub fn settings(global: &flags::Global, typed: &flags::Server, env: &Env) -> Result<Resolved, Vec<Diagnostic>> {
    let file = global.config.as_deref().map(FileText::load).transpose().map_err(|fault| vec![fault])?;
    resolve(file.as_ref(), global, typed, env)
}

/// As [`settings`], with the file read already: `check` and tests.
///
/// # Errors
/// As there.
pub fn resolve(
    file: Option<&FileText>,
    global: &flags::Global,
    typed: &flags::Server,
    env: &Env,
) -> Result<Resolved, Vec<Diagnostic>> {
    let name: Arc<str> = file.map_or_else(|| "".into(), |file| Arc::clone(&file.name));
    let bytes: &[u8] = file.map_or(&[], |file| &file.bytes);
    let format = file.map_or(document::Format::Yaml, |file| file.format);
    let text = document::utf8(&name, bytes).map_err(|fault| vec![fault])?;
    let document = document::parse(&name, text, format)?;
    let unknown = if typed.strict_config == Some(true) { Severity::Error } else { Severity::Warning };
    let mut faults = Faults::new(name);
    if let Some(second) = document.second() {
        let what = "a second document begins here, which is not read".to_owned();
        faults.add(unknown, second, &Place::Root, "second-document", what, "write everything into the first");
    }
    let root = document.root();
    let top = TopKeys::pick(root, unknown, &mut faults);
    let server = ServerKeys::pick(root, unknown, &mut faults);
    let mut judge = Judge { faults };
    let gates = gates(global, &mut judge);
    // The mapping keys come first, as in the reference, and need the partition; whether it is one is told in its turn.
    let (partition_from, partition_text) = partition_text(typed, &server);
    let partition = partition_text.parse().unwrap_or(Partition::Aws);
    let key_settings = KeySettings {
        partition,
        role_paths: server.role_paths.map(|given| given.value).unwrap_or_default(),
        sso_roles: gates.sso_role_match,
        unknown,
    };
    let reading = Reading::pick(bytes, root, key_settings, &mut judge.faults);
    let reading = file.map(|_| FirstReading::new(reading)).unwrap_or_default();
    let cluster_id = cluster_id(global, env, &top, &mut judge);
    if let Err(error) = partition_text.parse::<Partition>() {
        let (what, cure) = (format!("invalid partition: {error}"), "write one of them, in lower case");
        judge.error(partition_from, "server.partition", "bad-partition", what, cure);
    }
    let (modes, backend_mode) = modes(typed, &server, &mut judge);
    let state_dir = path(&typed.state_dir, &server.state_dir, STATE_DIR);
    let sources = SourceSettings {
        backend_modes: modes.iter().map(|(_, kind)| *kind).collect(),
        config_file: global.config.clone().or_else(|| file.map(|file| PathBuf::from(&*file.name))),
        backend_mode_file: text_of(&server.dynamic_backend_mode_path).map(PathBuf::from),
        dynamic_file: text_of(&server.dynamic_file_path).map(PathBuf::from),
        dynamic_user_id_strict: server.dynamic_file_user_id_strict.is_some_and(|given| given.value),
        access_entry_file: access_entries::file(&server, &modes, &mut judge),
        eks: access_entries::mirror(&server, &modes, env, state_dir, &mut judge),
        cluster_account: server.entries.cluster_account.map(|given| given.value),
        authentication_mode: access_entries::mode(&server, &modes, &mut judge),
        policies: access_entries::policies(&server.entries).mode,
        policy_readiness: Live::fixed(PolicyReadiness::default()),
        cluster: cluster(typed, &server),
        reports: true,
        partition,
        role_paths: key_settings.role_paths,
        sso_roles: gates.sso_role_match,
        unknown_keys: unknown,
        scrubbed: ScrubbedAccounts(values(&server.scrubbed_accounts).collect()),
        first_reading: reading,
    };
    let ec2 = node_names::settings(typed, &server, env, unknown, &mut judge);
    let settings = rest(typed, &server, cluster_id, env, (sources, ec2), &mut judge);
    let connector = ConnectorSettings {
        connect_to: text_of(&server.sts.connect_to),
        ca_bundle: text_of(&server.sts.ca_bundle).map(PathBuf::from),
    };
    let failed = judge.faults.any_error();
    let list = judge.faults.into_list();
    match settings {
        Some(settings) if !failed => Ok(Resolved {
            settings,
            connector,
            gates,
            warnings: list,
            log_verbosity: text_of(&top.log_verbosity),
            backend_mode,
        }),
        _ => Err(list),
    }
}

/// Where the API server is, for the sources that live there.
fn cluster(typed: &flags::Server, server: &ServerKeys) -> ClusterAccess {
    ClusterAccess {
        kubeconfig: typed.kubeconfig.clone().or_else(|| text_of(&server.kubeconfig).map(PathBuf::from)),
        context: None,
        master: typed.master.clone().or_else(|| text_of(&server.master)),
    }
}

fn gates(global: &flags::Global, judge: &mut Judge) -> FeatureGates {
    FeatureGates::parse(&global.feature_gates).unwrap_or_else(|errors| {
        for error in errors {
            judge.error(From::Flag("--feature-gates"), "", "bad-feature-gate", error.to_string(), "");
        }
        FeatureGates::default()
    })
}

fn cluster_id(global: &flags::Global, env: &Env, top: &TopKeys, judge: &mut Judge) -> Option<ClusterId> {
    let (from, text) = match (&global.cluster_id, &env.cluster_id, &top.cluster_id) {
        (Some(typed), _, _) => (From::Flag("--cluster-id"), typed.as_str()),
        (None, Some(variable), _) => (From::Flag("KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID"), variable.as_str()),
        (None, None, Some(given)) => (From::File(given.at), given.value.as_str()),
        (None, None, None) => (From::Nowhere, ""),
    };
    let cure = "set clusterID in the config file, or give --cluster-id";
    ClusterId::parse(text)
        .map_err(|error| judge.error(from, "clusterID", "bad-cluster-id", error.to_string(), cure))
        .ok()
}

fn partition_text<'a>(typed: &'a flags::Server, server: &'a ServerKeys) -> (From, &'a str) {
    match (&typed.partition, &server.partition) {
        (Some(typed), _) => (From::Flag("--partition"), typed),
        (None, Some(given)) => (From::File(given.at), &given.value),
        (None, None) => (From::Nowhere, Partition::Aws.as_str()),
    }
}

fn path(flag: &Option<PathBuf>, given: &Option<Given<String>>, default: &str) -> PathBuf {
    flag.clone().or_else(|| text_of(given).map(PathBuf::from)).unwrap_or_else(|| Path::new(default).to_owned())
}

/// Everything whose faults do not depend on others.
fn rest(
    typed: &flags::Server,
    server: &ServerKeys,
    cluster_id: Option<ClusterId>,
    env: &Env,
    (sources, ec2): (SourceSettings, Ec2Settings),
    judge: &mut Judge,
) -> Option<Settings> {
    let client_ca_file = text_of(&server.client_ca_file).map(PathBuf::from);
    let ip = address(typed, server, client_ca_file.is_some(), judge);
    let port = typed.port.or_else(|| server.port.map(|given| given.value)).unwrap_or(PORT);
    let switch = |flag: Option<bool>, given: Option<Given<bool>>, default| {
        flag.or_else(|| given.map(|given| given.value)).unwrap_or(default)
    };
    let health = SocketAddr::from((Ipv6Addr::UNSPECIFIED, HEALTH_PORT));
    // Every check runs before a missing value ends the work.
    let (sts, cache) = (sts(server, judge), cache(server, judge));
    let (allowed_regions, audiences) = (regions(server, judge), audiences(server, judge));
    let (cluster_id, ip) = (cluster_id?, ip?);
    let rules = TokenRules {
        partition: sources.partition,
        cluster_id,
        instance_region: None,
        strict_preflight: switch(None, server.sts.strict_preflight, true),
        allowed_regions,
    };
    Some(Settings {
        rules,
        sts,
        cache,
        sources,
        policies: access_entries::policies(&server.entries),
        ec2,
        address: SocketAddr::new(ip, port),
        hostname: typed.hostname.clone().or_else(|| text_of(&server.hostname)).unwrap_or_else(|| HOSTNAME.to_owned()),
        state_dir: path(&typed.state_dir, &server.state_dir, STATE_DIR),
        generate_kubeconfig: path(&typed.generate_kubeconfig, &server.generate_kubeconfig, GENERATE_KUBECONFIG),
        kubeconfig_pregenerated: switch(typed.kubeconfig_pregenerated, server.kubeconfig_pregenerated, false),
        metrics_on_health: client_ca_file.is_some() || switch(None, server.metrics_on_health, false),
        client_ca_file,
        audiences,
        deny_status: server.deny_status.map(|given| given.value).unwrap_or_default(),
        health_address: server.health_address.map_or(health, |given| given.value),
        decision_log: server.decision_log.as_ref().map(|given| given.value.clone()).unwrap_or_default(),
        metadata: env.aws.metadata.clone(),
        limits: Limits::default(),
    })
}

fn address(typed: &flags::Server, server: &ServerKeys, guarded: bool, judge: &mut Judge) -> Option<IpAddr> {
    const KEY: &str = "server.address";
    let (from, text) = match (&typed.address, &server.address) {
        (Some(typed), _) => (From::Flag("--address"), typed.as_str()),
        (None, Some(given)) => (From::File(given.at), given.value.as_str()),
        (None, None) => return Some(ADDRESS),
    };
    match text.parse::<IpAddr>() {
        Ok(ip) => {
            if !ip.is_loopback() && !guarded {
                let what = format!("everybody who reaches `{ip}` may ask for verdicts and spend STS calls");
                judge.warning(from, KEY, "open-address", what, "listen on 127.0.0.1, or set clientCAFile");
            }
            Some(ip)
        }
        Err(_) => {
            judge.error(
                from,
                KEY,
                "bad-address",
                format!("`{text}` is not an IP address"),
                "write one, such as 127.0.0.1",
            );
            None
        }
    }
}

fn sts(server: &ServerKeys, judge: &mut Judge) -> StsSettings {
    let mut settings = StsSettings::default();
    if let Some(timeout) = server.sts.timeout {
        settings.timeout = timeout.value;
        if timeout.value < TIMEOUT.0 || timeout.value > TIMEOUT.1 {
            let what = format!("`{:?}` is not from 100 ms to 60 s", timeout.value);
            judge.error(From::File(timeout.at), "server.sts.timeout", "bad-value", what, "the API server waits 30 s");
        }
    }
    if let Some(places) = server.sts.max_in_flight {
        settings.max_in_flight = usize::try_from(places.value).unwrap_or(settings.max_in_flight);
    }
    settings
}

fn cache(server: &ServerKeys, judge: &mut Judge) -> CacheSettings {
    let keys = server.identity_cache;
    let mut settings = CacheSettings::default();
    settings.fresh_for = keys.fresh_for.map_or(settings.fresh_for, |given| given.value);
    settings.stale_for = keys.stale_for.map_or(settings.stale_for, |given| given.value);
    settings.max_entries = keys.max_entries.map_or(settings.max_entries, |given| u64::from(given.value));
    if settings.fresh_for > settings.stale_for {
        let at = keys.fresh_for.or(keys.stale_for).map_or(From::Nowhere, |given| From::File(given.at));
        let what = format!("freshFor {:?} is longer than staleFor {:?}", settings.fresh_for, settings.stale_for);
        let cure = "write freshFor ≤ staleFor ≤ 15m; their defaults are 150s and 5m";
        judge.error(at, "server.identityCache.freshFor", "bad-cache-ages", what, cure);
    }
    if settings.stale_for > LONGEST_STALE {
        let at = keys.stale_for.map_or(From::Nowhere, |given| From::File(given.at));
        let what = format!("staleFor {:?} is longer than 15 min, the life of a token", settings.stale_for);
        judge.error(at, "server.identityCache.staleFor", "bad-cache-ages", what, "write 15m or less");
    }
    settings
}

fn regions(server: &ServerKeys, judge: &mut Judge) -> Vec<String> {
    let form = |region: &str| {
        (1..=32).contains(&region.len())
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let regions = server.sts.allowed_regions.iter().flat_map(|given| &given.value);
    for region in regions.clone().filter(|region| !form(&region.value)) {
        let what = format!("`{}` is not the name of a region", region.value);
        let cure = "write names such as eu-central-1; `global` stands for sts.amazonaws.com";
        judge.error(From::File(region.at), "server.sts.allowedRegions", "bad-region", what, cure);
    }
    // An empty list would allow all, which nobody means who wrote one.
    if let Some(given) = server.sts.allowed_regions.as_ref().filter(|given| given.value.is_empty()) {
        let what = "the list of allowed regions is empty".to_owned();
        judge.error(
            From::File(given.at),
            "server.sts.allowedRegions",
            "bad-region",
            what,
            "name one, or remove the key",
        );
    }
    regions.map(|region| region.value.clone()).collect()
}

fn audiences(server: &ServerKeys, judge: &mut Judge) -> Vec<String> {
    let audiences = server.audiences.iter().flat_map(|given| &given.value);
    for audience in audiences.clone().filter(|audience| audience.value.trim().is_empty()) {
        judge.error(
            From::File(audience.at),
            "server.audiences",
            "bad-value",
            "an audience is empty".to_owned(),
            "remove it",
        );
    }
    audiences.map(|audience| audience.value.clone()).collect()
}
