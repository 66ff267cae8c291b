//! Config keys of access entries: what is read, what contradicts what, all faults at once.

use std::path::PathBuf;
use std::time::Duration;

use iam_bridge::diagnostic::Severity;
use iam_bridge::mapping::{AccessPolicyMode, AuthenticationMode, SourceKind};
use iam_bridge::sources::{ModeFrom, Pins};

use super::config::load;

fn config(keys: &str) -> String {
    format!("clusterID: c\nserver:\n{keys}")
}

/// Codes of what is told of these keys, errors with `!` before them.
fn told(keys: &str) -> Vec<String> {
    let faults = load("c.yaml", &config(keys), &[]).map_or_else(|faults| faults, |resolved| resolved.warnings);
    let mark = |severity| if severity == Severity::Error { "!" } else { "" };
    faults.iter().map(|fault| format!("{}{} {}", mark(fault.severity), fault.code, fault.key)).collect()
}

#[test]
fn the_keys_are_read() {
    let text = config(
        r#"
  backendMode: [AccessEntryFile, EKSAccessEntries, AccessEntry, EKSConfigMap]
  stateDir: /var/state
  accessEntryFile: /etc/entries.yaml
  cluster: {accountId: "012345678901"}
  authenticationMode: mirror
  accessPolicies: {mode: off, namespaceScope: false}
  eksAccessEntries: {clusterName: prod, region: eu-central-1, roleArn: "arn:aws:iam::111122223333:role/Mirror", externalId: x, interval: 30s, qps: 40, endpoint: "https://eks.internal:8443", pin: iam, maxStale: 0}
"#,
    );
    let settings = load("c.yaml", &text, &["--strict-config"]).unwrap().settings;
    let sources = settings.sources;
    assert_eq!(sources.access_entry_file, Some(PathBuf::from("/etc/entries.yaml")));
    assert_eq!(sources.cluster_account.unwrap().to_string(), "012345678901");
    assert_eq!(sources.authentication_mode, ModeFrom::Mirror);
    assert_eq!((sources.policies, settings.policies.mode), (AccessPolicyMode::Off, AccessPolicyMode::Off));
    assert!(!settings.policies.namespace_scope);
    let eks = sources.eks.unwrap();
    assert_eq!((eks.cluster_name.as_str(), eks.region.as_str()), ("prod", "eu-central-1"));
    assert_eq!(eks.role_arn.as_deref(), Some("arn:aws:iam::111122223333:role/Mirror"));
    assert_eq!((eks.external_id.as_deref(), eks.endpoint.as_deref()), (Some("x"), Some("https://eks.internal:8443")));
    assert_eq!((eks.interval, eks.max_stale, eks.qps), (Duration::from_secs(30), Duration::ZERO, 40));
    assert_eq!((eks.pin, eks.state_dir), (Pins::Iam, PathBuf::from("/var/state")));
}

#[test]
fn what_is_left_out_has_its_default() {
    let text = config("  backendMode: [EKSAccessEntries]\n  eksAccessEntries: {clusterName: c, region: us-east-1}\n");
    let settings = load("c.yaml", &text, &[]).unwrap().settings;
    let eks = settings.sources.eks.unwrap();
    assert_eq!((eks.interval.as_secs(), eks.max_stale.as_secs(), eks.qps), (15, 24 * 60 * 60, 5));
    assert_eq!((eks.pin, eks.role_arn, eks.endpoint), (Pins::None, None, None));
    assert_eq!(eks.state_dir, PathBuf::from("/var/aws-iam-authenticator"));
    let mode = ModeFrom::Config(AuthenticationMode::ApiAndConfigMap);
    assert_eq!((settings.sources.authentication_mode, settings.sources.policies), (mode, AccessPolicyMode::Rbac));
    assert!(settings.policies.namespace_scope);
}

#[test]
fn a_source_needs_its_settings_and_settings_their_source() {
    let cases = [
        ("  backendMode: [AccessEntryFile]\n", vec!["!access-entry-file server.accessEntryFile"]),
        ("  accessEntryFile: /e.yaml\n", vec!["access-entry-file server.accessEntryFile"]),
        ("  accessEntryFile: \"\"\n", vec![]),
        ("  accessEntryFile: /e.yaml\n  dynamicBackendModePath: /m.json\n", vec![]),
        (
            "  backendMode: [EKSAccessEntries]\n",
            vec![
                "!eks-access-entries server.eksAccessEntries.clusterName",
                "!eks-access-entries server.eksAccessEntries.region",
            ],
        ),
        (
            "  eksAccessEntries: {clusterName: c, region: us-east-1}\n",
            vec!["eks-access-entries server.eksAccessEntries.clusterName"],
        ),
        ("  eksAccessEntries: {clusterName: c, region: us-east-1}\n  dynamicBackendModePath: /m.json\n", vec![]),
        ("  eksAccessEntries: {interval: 15s}\n", vec![]),
    ];
    for (keys, expected) in cases {
        assert_eq!(told(keys), expected, "{keys}");
    }
}

#[test]
fn all_values_that_cannot_be_are_told_at_once() {
    let keys = "  backendMode: [EKSAccessEntries]\n  cluster: {accountId: 12}\n  accessPolicies: {mode: maybe, namespaceScope: 7x, scope: a}\n  authenticationMode: api\n  eksAccessEntries: {clusterName: -c, region: Mars, roleArn: me, externalId: x, interval: 0, qps: 0, endpoint: eks, pin: sts, maxStale: soon, cluster: x}\n";
    assert_eq!(
        told(keys),
        [
            "!bad-value server.cluster.accountId",
            "!bad-value server.accessPolicies.mode",
            "!bad-value server.accessPolicies.namespaceScope",
            "unknown-key server.accessPolicies.scope",
            "!bad-value server.authenticationMode",
            "!bad-value server.eksAccessEntries.qps",
            "!bad-value server.eksAccessEntries.pin",
            "!bad-value server.eksAccessEntries.maxStale",
            "unknown-key server.eksAccessEntries.cluster",
            "!bad-value server.eksAccessEntries.clusterName",
            "!bad-value server.eksAccessEntries.region",
            "!bad-arn server.eksAccessEntries.roleArn",
            "!bad-value server.eksAccessEntries.endpoint",
            "!bad-value server.eksAccessEntries.interval",
        ]
    );
    let lone =
        "  backendMode: [EKSAccessEntries]\n  eksAccessEntries: {clusterName: c, region: us-east-1, externalId: x}\n";
    assert_eq!(told(lone), ["!external-id server.eksAccessEntries.externalId"]);
}

/// Both of them are named.
#[test]
fn an_authentication_mode_that_contradicts_the_sources_is_an_error() {
    let (file, eks) = ("  accessEntryFile: /e\n", "  eksAccessEntries: {clusterName: c, region: us-east-1}\n");
    for (mode, list, wrong) in [
        ("CONFIG_MAP", "AccessEntryFile, EKSConfigMap, EKSAccessEntries", vec!["AccessEntryFile", "EKSAccessEntries"]),
        ("API", "AccessEntryFile, EKSAccessEntries, EKSConfigMap", vec!["EKSConfigMap"]),
        ("API", "AccessEntryFile, EKSAccessEntries, MountedFile, CRD", vec![]),
        ("API_AND_CONFIG_MAP", "AccessEntryFile, EKSAccessEntries, EKSConfigMap", vec![]),
        ("mirror", "AccessEntryFile, EKSAccessEntries, EKSConfigMap", vec![]),
    ] {
        let text = config(&format!("  backendMode: [{list}]\n{file}{eks}  authenticationMode: {mode}\n"));
        let faults = load("c.yaml", &text, &[]).err().unwrap_or_default();
        assert_eq!(faults.len(), wrong.len(), "{mode} {list}: {faults:?}");
        for (fault, kind) in faults.iter().zip(wrong) {
            assert_eq!((fault.code, fault.key.as_str()), ("authentication-mode", "server.authenticationMode"));
            assert!(fault.what.contains(mode) && fault.what.contains(kind), "{fault}");
            assert_eq!(fault.at.unwrap().line, 6, "{fault}");
        }
    }
    assert_eq!(told("  authenticationMode: mirror\n"), ["!authentication-mode server.authenticationMode"]);
    assert_eq!(told("  authenticationMode: CONFIG_MAP\n"), [""; 0]);
}

#[test]
fn entries_behind_aws_auth_are_told_at_the_start() {
    let list = "  accessEntryFile: /e\n  backendMode: [EKSConfigMap, MountedFile, AccessEntryFile, AccessEntry]\n";
    assert_eq!(told(list), ["entries-behind-aws-auth server.backendMode"; 2]);
    let text = config(list);
    let warnings = load("c.yaml", &text, &["--strict-config"]).unwrap().warnings;
    assert!(warnings[0].what.contains("AccessEntryFile stands behind EKSConfigMap"), "{}", warnings[0]);
    assert!(warnings[1].what.contains("AccessEntry stands behind EKSConfigMap"), "{}", warnings[1]);
    assert_eq!(warnings[0].at.map(|at| (at.line, at.column)), Some((4, 44)));
    let before = "  accessEntryFile: /e\n  backendMode: [MountedFile, AccessEntryFile, EKSConfigMap]\n";
    assert_eq!(told(before), [""; 0]);
    assert_eq!(SourceKind::ALL.len(), 7, "a new source of entries belongs into this test");
}
