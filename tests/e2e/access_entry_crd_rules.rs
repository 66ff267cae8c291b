//! What a real API server accepts and refuses by the shipped CRD of access entries: each rule and each bound, with its
//! message, beside neighbours that pass; and that what passes is read alike from an object and from a file.

use iam_bridge::diagnostic::Severity;
use iam_bridge::document::{self, Faults, Format, Place};
use iam_bridge::mapping::{AccessEntry, AccessEntryForm, AccessEntryRules, Origin};
use iam_bridge::sources::keys::{self, AccessEntryFileSettings};
use serde_json::{Value, json};

use super::access_entry_crd::{install, object};
use super::rig::Rig;
use crate::harness::cluster::Cluster;
use crate::harness::process::{Said, run, run_ok};

const ROLE: &str = "arn:aws:iam::111122223333:role/Dev";
const USER: &str = "arn:aws:iam::111122223333:user/Bob";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const ROLE_ID: &str = "AROAEXAMPLEEXAMPLE";

/// A spec for a role, with these members.
fn of(principal: &str, members: impl Into<Value>) -> Value {
    let members: Value = members.into();
    let mut spec = json!({ "principalArn": principal });
    spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    spec
}

fn given(policy: &str, scope: impl Into<Value>) -> Value {
    let scope: Value = scope.into();
    of(ROLE, json!({"policyAssociations": [{"policy": policy, "accessScope": scope}]}))
}

fn in_namespaces(namespaces: impl Into<Value>) -> Value {
    let namespaces: Value = namespaces.into();
    given("AmazonEKSViewPolicy", json!({"type": "namespace", "namespaces": namespaces}))
}

fn many(number: usize, prefix: &str) -> Value {
    (0..number).map(|at| Value::from(format!("{prefix}{at}"))).collect()
}

fn accepted() -> Vec<Value> {
    let named = |username: &str| of(ROLE, json!({ "username": username }));
    let typed = |entry_type: &str| of(ROLE, json!({ "type": entry_type }));
    let mut specs = vec![
        of(ROLE, json!({})),
        of(USER, json!({})),
        of(ROOT, json!({})),
        of("arn:aws:iam::111122223333:role/a/long/path/Dev+=,.@_-x", json!({})),
        of(&format!("arn:aws:iam::111122223333:role/{}/{}", "p".repeat(509), "n".repeat(64)), json!({})),
        of("arn:aws-cn:iam::111122223333:role/Dev", json!({})),
        of("arn:aws-us-gov:iam::111122223333:user/team/Bob", json!({})),
        of("arn:aws-iso-b:iam::111122223333:role/Dev", json!({})),
        typed("STANDARD"),
        typed("EC2_LINUX"),
        typed("EC2_WINDOWS"),
        typed("FARGATE_LINUX"),
        typed("HYBRID_LINUX"),
        of(ROLE, json!({"type": "EC2_LINUX", "kubernetesGroups": [], "policyAssociations": []})),
        named("dev"),
        named(":john{{SessionName}}"),
        named("jo:hn{{SessionNameRaw}}-{{AccountID}}-{{AccessKeyID}}"),
        named("{{AccountID}}"),
        named("Émile Zola"),
        named("my-system:admin"),
        named(&"u".repeat(512)),
        of(USER, json!({"username": "bob-{{AccessKeyID}}"})),
        of(ROLE, json!({"kubernetesGroups": ["a", "my-system:x", "x".repeat(253)]})),
        of(ROLE, json!({"kubernetesGroups": many(100, "g")})),
        of(ROLE, json!({"principalId": ROLE_ID})),
        of(USER, json!({"principalId": "AIDAEXAMPLEEXAMPLE"})),
        of(ROOT, json!({"principalId": "111122223333"})),
        of(ROLE, json!({"notBefore": "2030-01-01T00:00:00Z", "expiresAt": "2030-01-01T00:00:01+00:00"})),
        of(ROLE, json!({"expiresAt": "2001-01-01T00:00:00.5Z"})),
        of(ROLE, json!({"reason": "r".repeat(256)})),
        in_namespaces(json!(["dev-*", "*", "a", "0"])),
        in_namespaces(json!(["n".repeat(63)])),
        in_namespaces(many(100, "n")),
        given("AmazonEKSViewPolicy", json!({"type": "cluster", "namespaces": []})),
        of(
            ROLE,
            json!({"policyAssociations": [{
                "policy": "AmazonEKSEditPolicy", "accessScope": {"type": "cluster"}, "expiresAt": "2030-01-01T00:00:00Z",
            }]}),
        ),
    ];
    for policy in iam_bridge::rbac::AccessPolicy::ALL {
        specs.push(given(policy.as_str(), json!({"type": "cluster"})));
    }
    specs
}

/// Specs, and words of the API server against each.
fn refused() -> Vec<(Value, &'static str)> {
    const ARN: &str = "spec.principalArn in body should match";
    const USERNAME: &str = "spec.username in body should match";
    const PREFIX: &str = "username must not start with system:, eks:, aws:, amazon: or iam:";
    const COLON: &str = "a colon must come before the session name";
    const SESSION: &str = "only a role has a session name";
    const NODE: &str = "a node type needs a role ARN";
    const NODE_MEMBERS: &str = "username, kubernetesGroups and policyAssociations are only allowed with type STANDARD";
    const GROUP: &str = "group must not start with system: or iam-bridge.dev:";
    const ID: &str = "principalId must be AROA... for a role, AIDA... for a user, the account id for root";
    const WINDOW: &str = "notBefore must be earlier than expiresAt";
    const SCOPE: &str = "namespaces are required with type namespace and forbidden with type cluster";
    let named = |username: &str| of(ROLE, json!({ "username": username }));
    let node = |members: Value| {
        let mut spec = of(ROLE, json!({"type": "EC2_LINUX"}));
        spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        spec
    };
    let in_group = |group: &str| of(ROLE, json!({ "kubernetesGroups": [group] }));
    let pinned = |principal: &str, id: &str| of(principal, json!({ "principalId": id }));
    let view = json!({"policy": "AmazonEKSViewPolicy", "accessScope": {"type": "cluster"}});
    vec![
        (json!({"username": "nobody"}), "spec.principalArn: Required value"),
        (of("no-arn", json!({})), ARN),
        (of("arn:aws:sts::111122223333:assumed-role/Dev/alice", json!({})), ARN),
        (of("arn:aws:iam::11112222333:role/Dev", json!({})), ARN),
        (of("arn:aws:iam::111122223333:group/Dev", json!({})), ARN),
        (of("arn:aws:iam:eu-west-1:111122223333:role/Dev", json!({})), ARN),
        (of("arn:aws:iam::111122223333:role/", json!({})), ARN),
        (of("arn:aws:iam::111122223333:role/De v", json!({})), ARN),
        (of(&format!("arn:aws:iam::111122223333:role/{}", "n".repeat(65)), json!({})), ARN),
        (of(&format!("arn:aws:iam::111122223333:role/{}", "x".repeat(700)), json!({})), "Too long"),
        (
            of(
                "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
                json!({}),
            ),
            "service-linked roles cannot have an access entry",
        ),
        (of(ROLE, json!({"type": "EC2"})), "Unsupported value: \"EC2\""),
        (of(ROLE, json!({"type": "standard"})), "Unsupported value: \"standard\""),
        (of(USER, json!({"type": "EC2_LINUX"})), NODE),
        (of(ROOT, json!({"type": "FARGATE_LINUX"})), NODE),
        (node(json!({"username": "n"})), NODE_MEMBERS),
        (node(json!({"kubernetesGroups": ["g"]})), NODE_MEMBERS),
        (node(json!({"policyAssociations": [view]})), NODE_MEMBERS),
        (named(""), "spec.username"),
        (named(&"u".repeat(513)), "Too long"),
        (named("a{b"), USERNAME),
        (named("x:{{EC2PrivateDNSName}}"), USERNAME),
        (named("x:{{sessionname}}"), USERNAME),
        (named("tab\there"), USERNAME),
        (named("system:admin"), PREFIX),
        (named("eks:admin"), PREFIX),
        (named("aws:admin"), PREFIX),
        (named("amazon:admin"), PREFIX),
        (named("iam:admin"), PREFIX),
        (named("john{{SessionName}}"), COLON),
        (named("john{{SessionNameRaw}}:x"), COLON),
        (of(USER, json!({"username": "bob:{{SessionName}}"})), SESSION),
        (of(ROOT, json!({"username": "root:{{SessionNameRaw}}"})), SESSION),
        (in_group("system:masters"), GROUP),
        (in_group("iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy"), GROUP),
        (in_group(""), "spec.kubernetesGroups[0]"),
        (in_group(&"x".repeat(254)), "Too long"),
        (in_group("x{{SessionName}}"), "spec.kubernetesGroups[0] in body should match"),
        (of(ROLE, json!({"kubernetesGroups": ["a", "a"]})), "Duplicate value: \"a\""),
        (of(ROLE, json!({"kubernetesGroups": many(101, "g")})), "Too many: 101"),
        (pinned(ROLE, "AROA"), "spec.principalId in body should match"),
        (pinned(ROLE, "aroaexampleexample"), "spec.principalId in body should match"),
        (pinned(ROLE, "AIDAEXAMPLEEXAMPLE"), ID),
        (pinned(USER, ROLE_ID), ID),
        (pinned(ROLE, "111122223333"), ID),
        (pinned(ROOT, "444455556666"), ID),
        (pinned(ROOT, ROLE_ID), ID),
        (of(ROLE, json!({"expiresAt": "tomorrow"})), "spec.expiresAt"),
        (of(ROLE, json!({"notBefore": "2030-01-01"})), "spec.notBefore"),
        (of(ROLE, json!({"notBefore": "2030-01-01T00:00:00Z", "expiresAt": "2030-01-01T00:00:00Z"})), WINDOW),
        (of(ROLE, json!({"notBefore": "2031-01-01T00:00:00Z", "expiresAt": "2030-01-01T00:00:00Z"})), WINDOW),
        (of(ROLE, json!({"reason": "r".repeat(257)})), "Too long"),
        (given("AmazonEKSNoSuchPolicy", json!({"type": "cluster"})), "Unsupported value: \"AmazonEKSNoSuchPolicy\""),
        (
            given("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", json!({"type": "cluster"})),
            "Unsupported value",
        ),
        (of(ROLE, json!({"policyAssociations": [view, view]})), "Duplicate value"),
        (of(ROLE, json!({"policyAssociations": [{"policy": "AmazonEKSViewPolicy"}]})), "accessScope: Required value"),
        (of(ROLE, json!({"policyAssociations": [{"accessScope": {"type": "cluster"}}]})), "policy: Required value"),
        (of(ROLE, json!({"policyAssociations": vec![view; 17]})), "Too many: 17"),
        (
            of(
                ROLE,
                json!({"policyAssociations": [{
                    "policy": "AmazonEKSViewPolicy", "accessScope": {"type": "cluster"}, "expiresAt": "soon",
                }]}),
            ),
            "spec.policyAssociations[0].expiresAt",
        ),
        (given("AmazonEKSViewPolicy", json!({})), "accessScope.type: Required value"),
        (given("AmazonEKSViewPolicy", json!({"type": "Cluster"})), "Unsupported value: \"Cluster\""),
        (given("AmazonEKSViewPolicy", json!({"type": "namespace"})), SCOPE),
        (in_namespaces(json!([])), SCOPE),
        (given("AmazonEKSViewPolicy", json!({"type": "cluster", "namespaces": ["a"]})), SCOPE),
        (in_namespaces(json!(["Dev"])), "should match"),
        (in_namespaces(json!(["-dev"])), "should match"),
        (in_namespaces(json!(["dev-"])), "should match"),
        (in_namespaces(json!(["dev?"])), "should match"),
        (in_namespaces(json!([""])), "namespaces[0]"),
        (in_namespaces(json!(["n".repeat(64)])), "Too long"),
        (in_namespaces(json!(["a", "a"])), "Duplicate value: \"a\""),
        (in_namespaces(many(101, "n")), "Too many: 101"),
    ]
}

#[test]
fn e2e_each_rule_of_the_crd_refuses_what_it_must_and_accepts_its_neighbours() {
    let Some(rig) = Rig::get() else { return };
    install(&rig.cluster);
    let (accepted, refused) = (accepted(), refused());
    assert!(accepted.len() + refused.len() >= 100, "{} and {}", accepted.len(), refused.len());

    let bad: Vec<Value> =
        refused.iter().enumerate().map(|(at, (spec, _))| object(&format!("bad-{at}"), spec)).collect();
    let said = create(&rig.cluster, &bad);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("bad-0"), "{said:?}");
    // One message begins with each object that is refused.
    let messages: Vec<&str> = said.stderr.split("AccessEntry.iam-bridge.dev \"").skip(1).collect();
    for (at, (spec, words)) in refused.iter().enumerate() {
        let head = format!("bad-{at}\" is invalid");
        let message = messages.iter().find(|message| message.starts_with(&head));
        assert!(
            message.is_some_and(|message| message.contains(words)),
            "{spec}\nwanted: {words}\nsaid: {message:?} of {}",
            said.stderr
        );
    }

    let good: Vec<Value> = accepted.iter().enumerate().map(|(at, spec)| object(&format!("good-{at}"), spec)).collect();
    let said = create(&rig.cluster, &good);
    assert_eq!(said.code, Some(0), "all pass: {}", said.stderr);
    let kept: Vec<Value> =
        serde_json::Deserializer::from_str(&said.stdout).into_iter().collect::<Result<_, _>>().unwrap();
    let kept: Vec<Value> = kept.into_iter().flat_map(items).collect();
    assert_eq!(kept.len(), good.len());
    for (kept, written) in kept.iter().zip(&good) {
        assert_eq!(kept["metadata"]["name"], written["metadata"]["name"]);
        for manifest in [kept, written] {
            assert_eq!(of_object(kept), of_file(manifest), "{kept}");
        }
    }
}

/// A list as kubectl prints it, or one object.
fn items(mut printed: Value) -> Vec<Value> {
    match printed.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => vec![printed],
    }
}

/// What an entry says, wherever it stands.
fn content(entry: &AccessEntry) -> String {
    let AccessEntry { entry, unsupported } = entry;
    format!("{:?} {:?} {:?} {:?} {unsupported:?}", entry.text(), entry.list(), entry.access_type(), entry.grants())
}

fn of_object(object: &Value) -> String {
    let text = object["spec"].to_string();
    let spec = document::parse("object", &text, Format::Json).unwrap();
    let rules = AccessEntryRules { form: AccessEntryForm::Object, cluster_account: None };
    let mut faults = Faults::new("object".into());
    let (origin, place) = (Origin::default(), Place::Key(&Place::Root, "spec"));
    let entry = keys::parse_access_entry(spec.root(), &rules, origin, &place, Severity::Error, &mut faults);
    content(&entry.unwrap_or_else(|| panic!("{object}: {:?}", faults.into_list())))
}

fn of_file(manifest: &Value) -> String {
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    let file = keys::parse_access_entry_file("file.json", &manifest.to_string(), Format::Json, &settings);
    let file = file.unwrap_or_else(|faults| panic!("{manifest}: {faults:?}"));
    let [entry] = &file.entries[..] else { panic!("one entry: {manifest}") };
    content(entry)
}

#[test]
fn e2e_principal_and_type_of_an_access_entry_never_change_and_unknown_keys_are_refused() {
    let Some(rig) = Rig::get() else { return };
    install(&rig.cluster);
    let lasting = of("arn:aws:iam::111122223333:role/Lasting", json!({"type": "STANDARD", "username": "lasting"}));
    let said = create_for_good(&rig.cluster, &object("lasting", &lasting));
    assert_eq!(said.code, Some(0), "{said:?}");
    let patch = |patch: Value| {
        let arguments =
            ["patch", "accessentries.iam-bridge.dev", "lasting", "--type=merge", "--patch", &patch.to_string()];
        run(rig.cluster.as_user("admin").args(arguments))
    };
    for (change, words) in [
        (json!({"principalArn": "arn:aws:iam::111122223333:role/Other"}), "principalArn is immutable"),
        (json!({"principalArn": "arn:aws:iam::111122223333:role/lasting"}), "principalArn is immutable"),
        (json!({"type": "EC2_LINUX", "username": null}), "type is immutable"),
        (json!({"username": "system:x"}), "username must not start with"),
    ] {
        let said = patch(json!({ "spec": change }));
        assert!(said.code != Some(0) && said.stderr.contains(words), "{change}: {said:?}");
    }
    for change in
        [json!({"username": "other"}), json!({"type": null}), json!({"kubernetesGroups": ["g"], "username": null})]
    {
        let said = patch(json!({ "spec": change }));
        assert_eq!(said.code, Some(0), "{change}: {said:?}");
    }
    run_ok(rig.cluster.as_user("admin").args(["delete", "accessentries.iam-bridge.dev", "lasting"]));
    for (spec, words) in [
        (of(ROLE, json!({"principalID": ROLE_ID})), "principalID"),
        (of(ROLE, json!({"access_policies": []})), "access_policies"),
        (of(ROLE, json!({"kubernetesGroups": "g"})), "spec.kubernetesGroups"),
        (of(ROLE, json!({"username": 5})), "spec.username"),
    ] {
        let said = create_for_good(&rig.cluster, &object("odd", &spec));
        assert!(said.code != Some(0) && said.stderr.contains(words), "{spec}: {said:?}");
    }
}

/// Has the API server alone judge objects, without keeping any; what passes is printed.
fn create(cluster: &Cluster, objects: &[Value]) -> Said {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    made(cluster, &list, &["--validate=false", "--dry-run=server", "--output", "json"])
}

fn create_for_good(cluster: &Cluster, object: &Value) -> Said {
    made(cluster, object, &[])
}

fn made(cluster: &Cluster, manifest: &Value, flags: &[&str]) -> Said {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest.to_string()).unwrap();
    run(cluster.as_user("admin").arg("create").args(flags).arg("--filename").arg(file.path()))
}
