//! The files of `config/`, and the reference's own example.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use iam_bridge::config::client_keys::ClientKeys;
use iam_bridge::config::file::known_keys;
use iam_bridge::config::server::Resolved;
use iam_bridge::document::{self, Document, Format, Node, Value};

use super::config::load;
use super::mapping::ask;

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

/// Everything but the file's name and the mappings it holds.
fn shown(resolved: &Resolved) -> String {
    let settings = &resolved.settings;
    let sources = &settings.sources;
    format!(
        "{:#?}",
        (
            (
                &settings.rules,
                &settings.sts,
                &settings.cache,
                settings.address,
                &settings.hostname,
                &settings.state_dir
            ),
            (&settings.generate_kubeconfig, settings.kubeconfig_pregenerated, &settings.client_ca_file),
            (&settings.audiences, settings.deny_status, settings.health_address, settings.metrics_on_health),
            (&settings.decision_log, &sources.backend_modes, sources.partition, sources.role_paths, &sources.scrubbed),
            (&sources.dynamic_file, sources.dynamic_user_id_strict, &sources.cluster, &resolved.backend_mode),
            (&sources.backend_mode_file, sources.sso_roles, &resolved.connector, &settings.ec2, resolved.gates),
            (&sources.access_entry_file, &sources.eks, sources.cluster_account, sources.authentication_mode),
            (sources.policies, settings.policies),
        )
    )
}

#[test]
fn complete_yaml_shows_every_key_with_its_default() {
    let text = shipped("complete.yaml");
    let complete = load("complete.yaml", &text, &["--strict-config"]).unwrap();
    assert_eq!(complete.warnings, [], "it is an example to follow");
    let least = load("least.yaml", "clusterID: prod.example.com\n", &[]).unwrap();
    assert_eq!(shown(&complete), shown(&least));

    let document = document::parse("complete.yaml", &text, Format::Yaml).unwrap();
    let expected: BTreeSet<String> = known_keys().map(|key| key.to_ascii_lowercase()).collect();
    assert_eq!(keys(&document), expected);
    let client = ClientKeys::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/complete.yaml")).unwrap();
    let least = ClientKeys {
        cluster_id: Some("prod.example.com".to_owned()),
        log_verbosity: Some("info".to_owned()),
        token_only: Some(false),
        forward_session_name: Some(false),
        cache: Some(false),
        ..ClientKeys::default()
    };
    assert_eq!(client, least);
}

/// The comments of complete.yaml hold entries; they are good ones.
#[test]
fn the_entries_in_the_comments_of_complete_yaml_work() {
    let text: String = shipped("complete.yaml")
        .lines()
        .map(|line| match line.strip_prefix("  # ") {
            // Comments of the list above, not sentences.
            Some(entry) if entry.starts_with("- ") || entry.starts_with("  ") => format!("  {entry}\n"),
            _ => format!("{line}\n"),
        })
        .collect::<String>()
        .replace("mapRoles: []", "mapRoles:")
        .replace("mapUsers: []", "mapUsers:")
        .replace("deny: []", "deny:")
        .replace("reservedPrefixConfig: []", "reservedPrefixConfig:");
    let resolved = load("complete.yaml", &text, &["--strict-config"]).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(resolved.warnings, []);
    let document = document::parse("complete.yaml", &text, Format::Yaml).unwrap();
    let count = |key| match document.root().member("server").unwrap().member(key).map(Node::value) {
        Some(Value::List(items)) => items.count(),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(["mapRoles", "mapUsers", "deny", "reservedPrefixConfig"].map(count), [3, 1, 4, 1]);
}

#[test]
fn minimal_yaml_is_accepted_without_a_doubt() {
    let resolved = load("minimal.yaml", &shipped("minimal.yaml"), &["--strict-config"]).unwrap();
    assert_eq!(resolved.warnings, []);
}

#[test]
fn kubeconfig_exec_yaml_calls_get_token_as_the_binary_takes_it() {
    let text = shipped("kubeconfig-exec.yaml");
    let document = document::parse("kubeconfig-exec.yaml", &text, Format::Yaml).unwrap();
    let Some(Value::List(mut users)) = document.root().member("users").map(Node::value) else { panic!("no users") };
    let exec = users.next().and_then(|user| user.member("user")).and_then(|user| user.member("exec")).unwrap();
    let text = |key: &str| exec.member(key).unwrap().scalar().unwrap().text.to_owned();
    assert_eq!(text("apiVersion"), "client.authentication.k8s.io/v1");
    let Value::List(args) = exec.member("args").unwrap().value() else { panic!("no args") };
    let line = std::iter::once(text("command")).chain(args.map(|arg| arg.scalar().unwrap().text.to_owned()));
    let flags = <iam_bridge::config::flags::Flags as clap::Parser>::try_parse_from(line).unwrap();
    assert_eq!(flags.global.cluster_id.as_deref(), Some("prod.example.com"));
}

/// The shape of the reference's `deploy/example.yaml`: `roleARN`, one role twice, placeholders, an empty account list.
#[tokio::test]
async fn the_references_example_config_works_unchanged() {
    let text = "\
clusterID: my-dev-cluster.example.com
server:
  mapRoles:
  - roleARN: arn:aws:iam::000000000000:role/KubernetesAdmin
    username: kubernetes-admin
    groups:
    - system:masters
  - roleARN: arn:aws:iam::000000000000:role/KubernetesNode
    username: aws:{{AccountID}}:instance:{{SessionName}}
    groups:
    - system:bootstrappers
    - aws:instances
  - roleARN: arn:aws:iam::000000000000:role/KubernetesNode
    username: system:node:{{EC2PrivateDNSName}}
    groups:
    - system:nodes
    - system:bootstrappers
  - roleARN: arn:aws:iam::000000000000:role/KubernetesAdmin
    username: admin:{{SessionName}}
    groups:
    - system:masters
  - roleARN: arn:aws:iam::000000000000:role/KubernetesUsers
    username: '{{AccountID}}-{{SessionNameRaw}}'
    groups:
    - developers
  mapUsers:
  - userARN: arn:aws:iam::000000000000:user/Alice
    username: alice
    groups:
    - system:masters
  mapAccounts:
  # - \"012345678901\"
";
    let args = [
        "--state-dir=/var/aws-iam-authenticator",
        "--generate-kubeconfig=/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml",
    ];
    let resolved = load("config.yaml", text, &args).unwrap();
    let codes: BTreeSet<&str> = resolved.warnings.iter().map(|fault| fault.code).collect();
    assert!(codes.contains("repeated-entry"), "{codes:?}");

    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, text).unwrap();
    let metrics = std::sync::Arc::new(iam_bridge::telemetry::Metrics::new().unwrap());
    let settings = iam_bridge::sources::SourceSettings::mounted_file(path);
    let (chain, _sources) =
        iam_bridge::sources::start(&settings, metrics, iam_bridge::clock::Clock::system()).await.unwrap();
    let chain = chain.now();
    for (arn, expected) in [
        ("arn:aws:sts::000000000000:assumed-role/KubernetesAdmin/jo", Some("admin:jo")),
        ("arn:aws:sts::000000000000:assumed-role/KubernetesUsers/a@b", Some("000000000000-a@b")),
        ("arn:aws:sts::000000000000:assumed-role/KubernetesNode/i-0123456789abcdef0", None),
        ("arn:aws:iam::000000000000:user/Alice", Some("alice")),
        ("arn:aws:iam::000000000000:user/Bob", None),
    ] {
        assert_eq!(ask(&chain, arn).ok().map(|user| user.username).as_deref(), expected, "{arn}");
    }
}

/// Lower-case paths of the keys of a config: two levels, and the third of `sts` and `identityCache`.
fn keys(document: &Document<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Value::Map(members) = document.root().value() else { panic!("no map") };
    for member in members {
        let path = member.key.to_ascii_lowercase();
        if path == "server" {
            collect("server", member.value, &mut found);
        }
        found.insert(path);
    }
    found
}

fn collect(prefix: &str, node: Node<'_>, found: &mut BTreeSet<String>) {
    let Value::Map(members) = node.value() else { return };
    for member in members {
        let path = format!("{prefix}.{}", member.key.to_ascii_lowercase());
        collect(&path, member.value, found);
        found.insert(path);
    }
}
