//! The config file and what flags, environment and file mean together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use iam_bridge::aws::NodeName;
use iam_bridge::config::env::Env;
use iam_bridge::config::feature_gates::{FeatureGateError, FeatureGates};
use iam_bridge::config::flags::{Command, Flags};
use iam_bridge::config::server::{Resolved, resolve};
use iam_bridge::diagnostic::{Diagnostic, Severity};
use iam_bridge::document::{self, Faults, Format, Node, Place, Value as Tree};
use iam_bridge::mapping::{EntryList, EntryText, SsoText};
use iam_bridge::sources::keys::{self, KeySettings};
use iam_bridge::sources::{FileText, SourceSettings};
use serde_json::{Map, Value, json};

use super::aws_auth;
use crate::harness::vectors::{Outcome, for_each};

#[test]
fn vectors_of_config_files_hold() {
    for_each("config_valid_invalid.json", 114, |case| match case.text("kind") {
        "server-config" => {
            server_config(case.text("format"), case.text("text"), &case.input["args"], &case.expect).into()
        }
        "aws-auth-data" => aws_auth::vector(&case.input["data"], case.expect.clone()),
        "dynamic-file" => {
            let strict = case.input["user_id_strict"] == json!(true);
            let read = keys::parse_dynamic_file("f", case.text("text").as_bytes(), strict, key_settings());
            let result = if read.is_ok() { "ok" } else { "error-keep-previous" };
            Outcome::equal(&case.expect["result"], &json!(result))
        }
        other => Outcome::unknown(other),
    });
}

fn server_config(format: &str, text: &str, args: &Value, expect: &Value) -> Result<(), String> {
    let args: Vec<&str> = args.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let resolved = load(&format!("config.{format}"), text, &args);
    match (expect["result"].as_str(), resolved) {
        (Some("ok"), Ok(resolved)) => {
            let seen = non_default(&resolved, format, text);
            if seen == expect["non_default"] { Ok(()) } else { Err(format!("saw {seen}")) }
        }
        (Some("error"), Err(faults)) => {
            let named = faults.iter().any(|fault| fault.severity == Severity::Error && !fault.code.is_empty());
            if named { Ok(()) } else { Err(format!("no error among {faults:?}")) }
        }
        (Some("ok"), Err(faults)) => Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")),
        (Some("error"), Ok(_)) => Err("it was accepted".to_owned()),
        (other, _) => Err(format!("unknown result {other:?}")),
    }
}

pub(crate) fn key_settings() -> KeySettings {
    SourceSettings::mounted_file("/nowhere".into()).key_settings()
}

/// What `server` makes of a file of this name and text, and of these flags.
pub(crate) fn load(name: &str, text: &str, args: &[&str]) -> Result<Resolved, Vec<Diagnostic>> {
    let format = iam_bridge::sources::format_of(Path::new(name)).map_err(|fault| vec![fault])?;
    let file = FileText { name: Arc::from(name), bytes: text.as_bytes().to_vec(), format };
    let line = ["iam-bridge", "server"].into_iter().chain(args.iter().copied());
    let flags = Flags::try_parse_from(line).expect("the flags are good");
    let Command::Server(server) = flags.command else { panic!("another command") };
    resolve(Some(&file), &flags.global, &server, &Env::default())
}

/// Every setting that differs from its default, by the names of the vector file.
fn non_default(resolved: &Resolved, format: &str, text: &str) -> Value {
    let settings = &resolved.settings;
    let (sources, ec2) = (&settings.sources, &settings.ec2);
    let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default();
    let mut seen = Map::new();
    let mut put = |name: &str, value: Value, default: Value| {
        if value != default {
            seen.insert(name.to_owned(), value);
        }
    };
    put("ClusterID", json!(settings.rules.cluster_id.as_str()), json!("c1"));
    put("PartitionID", json!(settings.rules.partition.as_str()), json!("aws"));
    put("HostPort", json!(settings.address.port()), json!(21362));
    put("Address", json!(settings.address.ip().to_string()), json!("127.0.0.1"));
    put("Hostname", json!(settings.hostname), json!("localhost"));
    put("StateDir", json!(settings.state_dir), json!("/var/aws-iam-authenticator"));
    let kubeconfig = json!("/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml");
    put("GenerateKubeconfigPath", json!(settings.generate_kubeconfig), kubeconfig);
    put("KubeconfigPregenerated", json!(settings.kubeconfig_pregenerated), json!(false));
    put("Kubeconfig", json!(path(&sources.cluster.kubeconfig)), json!(""));
    put("Master", json!(sources.cluster.master.clone().unwrap_or_default()), json!(""));
    put("BackendMode", json!(resolved.backend_mode), json!(["MountedFile"]));
    put("SourceARN", json!(ec2.source_arn.clone().unwrap_or_default()), json!(""));
    put("ServerEC2DescribeInstancesRoleARN", json!(ec2.role_arn.clone().unwrap_or_default()), json!(""));
    put("EC2DescribeInstancesQps", json!(ec2.qps), json!(15));
    put("EC2DescribeInstancesBurst", json!(ec2.burst), json!(5));
    put("DynamicFilePath", json!(path(&sources.dynamic_file)), json!(""));
    put("DynamicFileUserIDStrict", json!(sources.dynamic_user_id_strict), json!(false));
    put("DynamicBackendModePath", json!(path(&sources.backend_mode_file)), json!(""));
    let mut scrubbed: Vec<&String> = sources.scrubbed.0.iter().collect();
    scrubbed.sort();
    put("ScrubbedAWSAccounts", json!(scrubbed), json!([]));

    let format = if format == "json" { Format::Json } else { Format::Yaml };
    let document = document::parse("again", text, format).expect("it was read before");
    let mut faults = Faults::new("again".into());
    let server = document.root().member("server");
    let of = |key| server.and_then(|server: Node<'_>| server.member(key));
    put("RoleMappings", entries(of("mapRoles"), EntryList::Roles, &mut faults), json!([]));
    put("UserMappings", entries(of("mapUsers"), EntryList::Users, &mut faults), json!([]));
    let accounts = keys::parse_accounts(of("mapAccounts"), &"again".into(), &mut faults);
    let accounts: Vec<String> = accounts.into_iter().map(|account| account.id).collect();
    put("AutoMappedAWSAccounts", json!(accounts), json!([]));
    let reserved: Map<String, Value> =
        keys::reserved_entries(of("reservedPrefixConfig"), Severity::Warning, &mut faults)
            .into_iter()
            .map(|entry| {
                let value = json!({"backendmode": entry.backend_mode, "usernamePrefixReserveList": entry.prefixes});
                (entry.backend_mode, value)
            })
            .collect();
    put("ReservedPrefixConfig", Value::Object(reserved), json!({}));
    Value::Object(seen)
}

/// Entries as the vectors spell them.
fn entries(list: Option<Node<'_>>, kind: EntryList, faults: &mut Faults) -> Value {
    let Some(Tree::List(items)) = list.map(Node::value) else { return json!([]) };
    let texts = items.map(|item| keys::entry_text(item, kind, &Place::Root, Severity::Warning, faults).expect("good"));
    texts.map(entry).collect()
}

/// An entry as the vectors spell it.
pub(crate) fn entry(text: EntryText) -> Value {
    let groups = (!text.groups.is_empty()).then_some(text.groups);
    let mut entry = json!({"username": text.username, "groups": groups});
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            entry[key] = value;
        }
    };
    put("rolearn", text.role_arn.map(Value::from));
    put("userarn", text.user_arn.map(Value::from));
    put("userid", text.user_id.map(Value::from));
    put("sso", text.sso.map(sso));
    entry
}

fn sso(text: SsoText) -> Value {
    let mut sso = json!({"permissionSetName": text.permission_set_name, "accountID": text.account_id});
    if !text.partition.is_empty() {
        sso["partition"] = text.partition.into();
    }
    sso
}

/// Codes and places of the faults of a YAML file.
fn faults(text: &str) -> Vec<String> {
    let listed = match load("c.yaml", text, &[]) {
        Ok(resolved) => resolved.warnings,
        Err(faults) => faults,
    };
    let place = |fault: &Diagnostic| fault.at.map_or_else(String::new, |at| format!("{}:{} ", at.line, at.column));
    listed.iter().map(|fault| format!("{}{} {}", place(fault), fault.code, fault.key)).collect()
}

#[test]
fn every_fault_of_a_file_is_told_at_once_with_its_place() {
    let text = "\
server:
  partition: aws-mars
  port: 443s
  bogus: 1
  mapRoles:
  - rolearn: garbage
    username: a
  - username: b
  backendMode: [Foo, Foo]
  identityCache:
    freshFor: 20m
";
    let seen = faults(text);
    for expected in [
        "3:9 bad-value server.port",
        "4:3 unknown-key server.bogus",
        "6:14 bad-role-arn server.mapRoles[0].rolearn",
        "8:5 no-principal server.mapRoles[1]",
        "bad-cluster-id clusterID",
        "2:14 bad-partition server.partition",
        "9:17 bad-backend-mode server.backendMode",
        "9:22 backend-mode-twice server.backendMode",
        "11:15 bad-cache-ages server.identityCache.freshFor",
    ] {
        assert!(seen.iter().any(|fault| fault == expected), "{expected} is not among {seen:#?}");
    }
}

#[test]
fn a_typo_does_not_open_a_door() {
    let entry = |line: &str| {
        format!(
            "clusterID: c\nserver:\n  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/A\n    username: a\n    {line}\n"
        )
    };
    for (line, code) in [
        ("useridd: AROAX", Some("misspelt-guard")),
        ("usreid: AROAX", Some("misspelt-guard")),
        ("principalID: AROAX", None),
        ("USERID: AROAX", None),
        ("not_before: \"2030-01-01T00:00:00Z\"", Some("misspelt-guard")),
        ("notafter: 2030-01-01T00:00:00Z", None),
        ("expireAt: 2030-01-01T00:00:00Z", Some("misspelt-guard")),
        ("userid: ''", Some("empty-guard")),
        ("userid:", Some("empty-guard")),
        ("notAfter: tomorrow", Some("bad-time")),
        ("comment: hello", Some("unknown-key")),
    ] {
        let seen = load("c.yaml", &entry(line), &[]);
        let is_error = code.is_some_and(|code| code != "unknown-key");
        assert_eq!(seen.is_err(), is_error, "{line}");
        let listed = seen.map_or_else(|faults| faults, |resolved| resolved.warnings);
        assert_eq!(
            listed.iter().find(|fault| Some(fault.code) == code).map(|fault| fault.code),
            code,
            "{line}: {listed:?}"
        );
    }
}

#[test]
fn unknown_keys_warn_and_are_errors_when_one_asks_for_it() {
    let text = "clusterID: c\nserver:\n  ports: 1\n  mapRole: []\ndefaultRole: x\n";
    let warnings = load("c.yaml", text, &[]).unwrap().warnings;
    let cures: Vec<&str> = warnings.iter().map(|fault| fault.cure.as_str()).collect();
    assert_eq!(cures, ["the key that is read is `role`", "did you mean `port`?", "did you mean `mapRoles`?"]);
    assert!(load("c.yaml", text, &["--strict-config"]).is_err());
}

#[test]
fn keys_of_later_versions_are_refused_by_name() {
    let faults = load("c.yaml", "clusterID: c\nserver:\n  webIdentity: {}\n", &[]).unwrap_err();
    assert_eq!((faults[0].code, faults[0].key.as_str()), ("not-available", "server.webIdentity"));
}

#[test]
fn our_own_keys_are_read() {
    let text = r#"
clusterID: c
server:
  clientCAFile: /ca.pem
  audiences: [https://a, https://b]
  denyStatus: 200
  healthAddress: 127.0.0.1:9
  decisionLog: /var/log/d.json
  rolePaths: ignore
  sts: {timeout: 5, maxInFlight: "8", strictPreflight: false, allowedRegions: [global, eu-west-1], connectTo: "h:443", caBundle: /b}
  identityCache: {freshFor: 1m30s, staleFor: 600, maxEntries: 7}
  deny: [{account: 012345678901, reason: left}]
"#;
    let resolved = load("c.yaml", text, &[]).unwrap();
    let settings = resolved.settings;
    assert_eq!(settings.client_ca_file.as_deref(), Some(Path::new("/ca.pem")));
    assert!(settings.metrics_on_health, "behind client certificates metrics move to the health listener");
    assert_eq!(settings.audiences, ["https://a", "https://b"]);
    assert_eq!(settings.deny_status, iam_bridge::server::DenyStatus::Ok);
    assert_eq!(settings.health_address.to_string(), "127.0.0.1:9");
    assert_eq!(settings.decision_log, iam_bridge::server::DecisionLog::File("/var/log/d.json".into()));
    assert_eq!((settings.sts.timeout.as_secs(), settings.sts.max_in_flight), (5, 8));
    assert!(!settings.rules.strict_preflight);
    assert_eq!(settings.rules.allowed_regions, ["global", "eu-west-1"]);
    assert_eq!((settings.cache.fresh_for.as_secs(), settings.cache.stale_for.as_secs()), (90, 600));
    assert_eq!(settings.cache.max_entries, 7);
    assert_eq!(resolved.connector.connect_to.as_deref(), Some("h:443"));
    assert_eq!(resolved.connector.ca_bundle.as_deref(), Some(Path::new("/b")));
}

#[test]
fn how_nodes_get_their_names_is_read() {
    let text = "\
clusterID: c
server:
  nodeName: resourceName
  ec2: {instanceProfiles: [node, arn:aws:iam::111122223333:instance-profile/a/node]}
  ec2DescribeInstancesQps: -3
  ec2DescribeInstancesBurst: 99999999999
  ec2DescribeInstancesRoleARN: arn:aws:iam::111122223333:role/names
  sourceARN: arn:aws:eks:eu-central-1
";
    let resolved = load("c.yaml", text, &[]).unwrap();
    let ec2 = &resolved.settings.ec2;
    assert_eq!(ec2.node_name, NodeName::ResourceName);
    assert_eq!(ec2.instance_profiles, ["node", "arn:aws:iam::111122223333:instance-profile/a/node"]);
    assert_eq!((ec2.qps, ec2.burst), (1, u32::MAX), "what limits everything away is one a second");
    assert_eq!(ec2.role_arn.as_deref(), Some("arn:aws:iam::111122223333:role/names"));
    assert_eq!(faults(text), ["5:28 ec2-rate server.ec2DescribeInstancesQps", "8:14 bad-arn server.sourceARN"]);
    assert!(load("c.yaml", text, &["--strict-config"]).is_err(), "an ARN that is none is an error when one asks");
    let flag = load("c.yaml", text, &["--ec2-describeInstances-qps=7"]).unwrap();
    assert_eq!(flag.settings.ec2.qps, 7);
}

#[test]
fn values_that_cannot_work_are_refused() {
    for line in [
        "port: 65536",
        "address: localhost",
        "denyStatus: 401",
        "rolePaths: both",
        "metricsAddress: 1.2.3.4",
        "identityCache: {freshFor: 6m}",
        "identityCache: {staleFor: 16m}",
        "identityCache: {maxEntries: 0}",
        "sts: {connectTo: host}",
        "sts: {maxInFlight: 0}",
        "sts: {timeout: 10m}",
        "sts: {allowedRegions: [EU_WEST]}",
        "sts: {allowedRegions: []}",
        "sts: on",
        "audiences: {a: b}",
        "kubeconfigPregenerated: yes",
        "deny: [{}]",
        "deny: [{arn: ''}]",
        "deny: [{acount: '111122223333'}]",
        "healthAddress: nowhere",
        "nodeName: ip",
        "ec2: {instanceProfile: [a]}",
        "ec2: [a]",
        "ec2: {instanceProfiles: ['a b']}",
        "ec2: {instanceProfiles: [arn:aws:iam::111122223333:role/a]}",
        "ec2DescribeInstancesQps: many",
    ] {
        let text = format!("clusterID: c\nserver:\n  {line}\n");
        assert!(load("c.yaml", &text, &["--strict-config"]).is_err(), "{line} was accepted");
    }
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let file = FileText { name: "c.yaml".into(), bytes: b"clusterID: file\n".to_vec(), format: Format::Yaml };
    let cluster_id = |flag: Option<&str>, variable: Option<&str>| {
        let line = ["iam-bridge", "server"].into_iter().chain(flag.into_iter().flat_map(|flag| ["-i", flag]));
        let flags = Flags::try_parse_from(line).unwrap();
        let Command::Server(server) = flags.command else { panic!("another command") };
        let env = Env { cluster_id: variable.map(str::to_owned), ..Env::default() };
        resolve(Some(&file), &flags.global, &server, &env).unwrap().settings.rules.cluster_id.as_str().to_owned()
    };
    assert_eq!(cluster_id(None, None), "file");
    assert_eq!(cluster_id(None, Some("variable")), "variable");
    assert_eq!(cluster_id(Some("flag"), Some("variable")), "flag");
}

#[test]
fn types_of_files_are_told_by_their_extension() {
    for (name, good) in
        [("c.yaml", true), ("c.YML", true), ("c.json", true), ("c.toml", false), ("c", false), (".yaml", false)]
    {
        assert_eq!(iam_bridge::sources::format_of(Path::new(name)).is_ok(), good, "{name}");
    }
}

#[test]
fn feature_gates_are_the_references() {
    let gates = |items: &[&str]| FeatureGates::parse(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
    assert!(gates(&[]).unwrap().sso_role_match, "on by default");
    assert!(!gates(&["SSORoleMatch=false"]).unwrap().sso_role_match);
    assert!(gates(&["AllAlpha=false", "SSORoleMatch=true"]).unwrap().sso_role_match);
    assert!(gates(&["AllAlpha=true", "AllBeta=true"]).unwrap().configured_init_directories);
    assert_eq!(gates(&["Foo=true"]), Err(vec![FeatureGateError::Unknown("Foo".to_owned())]));
    assert!(gates(&["SSORoleMatch", "AllAlpha=maybe"]).is_err_and(|errors| errors.len() == 2));
}
