//! Keys of access entries and access policies under `server`, typed, each with its place.

use std::time::Duration;

use super::pick::Given;
use super::schema::{Schema, each};
use super::{pick, words};
use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place};
use crate::iam::AccountId;
use crate::mapping::AccessPolicyMode;
use crate::sources::{ModeFrom, Pins, keys};

/// Where access entries come from, and what becomes of their policies.
#[derive(Clone, Debug, Default)]
pub struct EntryKeys {
    /// `accessEntryFile`
    pub file: Option<Given<String>>,
    /// `cluster.accountId`
    pub cluster_account: Option<Given<AccountId>>,
    /// `authenticationMode`
    pub mode: Option<Given<ModeFrom>>,
    /// `accessPolicies.mode`
    pub policies: Option<Given<AccessPolicyMode>>,
    /// `accessPolicies.namespaceScope`
    pub namespace_scope: Option<Given<bool>>,
    /// `eksAccessEntries`
    pub eks: EksKeys,
}

/// Keys under `server.eksAccessEntries`.
#[derive(Clone, Debug, Default)]
pub struct EksKeys {
    /// `clusterName`
    pub cluster_name: Option<Given<String>>,
    /// `region`
    pub region: Option<Given<String>>,
    /// `roleArn`
    pub role_arn: Option<Given<String>>,
    /// `externalId`
    pub external_id: Option<Given<String>>,
    /// `interval`
    pub interval: Option<Given<Duration>>,
    /// `qps`
    pub qps: Option<Given<u32>>,
    /// `endpoint`
    pub endpoint: Option<Given<String>>,
    /// `pin`
    pub pin: Option<Given<Pins>>,
    /// `maxStale`
    pub max_stale: Option<Given<Duration>>,
}

pub(super) const CLUSTER_KEYS: &[&str] = &["accountId"];
pub(super) const POLICY_KEYS: &[&str] = &["mode", "namespaceScope"];
pub(super) const EKS_KEYS: &[&str] =
    &["clusterName", "region", "roleArn", "externalId", "interval", "qps", "endpoint", "pin", "maxStale"];
/// Calls to EKS in a second.
const QPS: (u32, u32) = (1, 1_000);

impl EntryKeys {
    /// Takes one key under `server`, if it is one of these.
    pub(super) fn take(
        &mut self,
        key: &str,
        node: Node<'_>,
        place: &Place<'_>,
        unknown: Severity,
        faults: &mut Faults,
    ) {
        match key {
            "accessEntryFile" => self.file = pick::text(node, place, faults),
            "authenticationMode" => self.mode = pick::parsed(node, place, faults, words::authentication_mode),
            "cluster" => each(node, place, Schema::of(CLUSTER_KEYS), unknown, faults, |_, node, place, faults| {
                keys::warn_of_lost_digits(node, place, faults);
                self.cluster_account = pick::parsed(node, place, faults, str::parse::<AccountId>);
            }),
            "accessPolicies" => {
                each(node, place, Schema::of(POLICY_KEYS), unknown, faults, |key, node, place, faults| match key {
                    "mode" => self.policies = pick::parsed(node, place, faults, words::policy_mode),
                    _ => self.namespace_scope = pick::boolean(node, place, faults),
                });
            }
            "eksAccessEntries" => self.eks = EksKeys::pick(node, place, unknown, faults),
            _ => {}
        }
    }
}

impl EksKeys {
    fn pick(node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        each(node, place, Schema::of(EKS_KEYS), unknown, faults, |key, node, place, faults| match key {
            "clusterName" => keys.cluster_name = pick::text(node, place, faults),
            "region" => keys.region = pick::text(node, place, faults),
            "roleArn" => keys.role_arn = pick::text(node, place, faults),
            "externalId" => keys.external_id = pick::text(node, place, faults),
            "interval" => keys.interval = pick::duration(node, place, faults),
            "qps" => keys.qps = pick::number(node, place, faults, QPS),
            "endpoint" => keys.endpoint = pick::text(node, place, faults),
            "pin" => keys.pin = pick::parsed(node, place, faults, words::pins),
            _ => keys.max_stale = pick::duration(node, place, faults),
        });
        keys
    }
}
