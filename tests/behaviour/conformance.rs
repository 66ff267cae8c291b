//! One suite of mapping cases through every source: its own text, its own parser, one table, one search.
//!
//! All sources answer the same unless a case says which differs, and why.

mod entries;
mod formats;

use iam_bridge::iam::VerifiedIdentity;
use iam_bridge::mapping::MappingError;
use serde_json::{Value, json};

use self::formats::Reader::{Crd, DynamicFile, DynamicFileStrict, EksConfigMap, MountedFile};
use self::formats::{Reader, unique_id};
use super::mapping::{NOW, answer, chain};

const DEV: &str = "arn:aws:iam::111122223333:role/Dev";
const BOB: &str = "arn:aws:iam::111122223333:user/Bob";
const ALICE_AS_DEV: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice";
const VIEWER: &str = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcdef/alice";

/// Who differs, what comes out there, and why.
type Difference = (Reader, &'static str, &'static str);

struct Case {
    name: &'static str,
    lists: Value,
    caller: &'static str,
    outcome: &'static str,
    differences: Vec<Difference>,
}

const REFUSED: &str = "the last good table stays";
const ONE_FAULT: &str = "one fault of the file refuses all of it";
const EXACT_ONLY: &str = "an object names one ARN; there is no such key";
const NO_LIST: &str = "there is no list of accounts";
const BY_ID: &str = "looked up by the unique id, which the caller has";
const ID_FIRST: &str = "looked up by the unique id; the ARN must then be the caller's";
const SCHEMA: &str = "the API server takes no object of another type";

fn case(name: &'static str, lists: Value, caller: &'static str, outcome: &'static str) -> Case {
    Case { name, lists, caller, outcome, differences: Vec::new() }
}

impl Case {
    fn but(mut self, reader: Reader, outcome: &'static str, reason: &'static str) -> Self {
        self.differences.push((reader, outcome, reason));
        self
    }

    /// Both kinds of local file that are refused as a whole.
    fn refused_by_files(self, reason: &'static str) -> Self {
        self.but(MountedFile, REFUSED, reason).but(DynamicFile, REFUSED, reason).but(DynamicFileStrict, REFUSED, reason)
    }
}

fn dev(more: Value) -> Value {
    let mut entry = json!({"rolearn": DEV, "username": "dev"});
    if let Value::Object(more) = more {
        entry.as_object_mut().unwrap().extend(more);
    }
    json!({"mapRoles": [entry]})
}

fn role(arn: &str) -> Value {
    json!({"mapRoles": [{"rolearn": arn, "username": "dev"}]})
}

fn sso(members: Value) -> Value {
    let mut entry = json!({"username": "viewer"});
    entry["sso"] = members;
    json!({"mapRoles": [entry]})
}

fn principals() -> Vec<Case> {
    vec![
        case("exact role", dev(json!({"groups": ["g", "h"]})), ALICE_AS_DEV, "dev [g,h]"),
        case("another role of the account", role("arn:aws:iam::111122223333:role/Deploy"), ALICE_AS_DEV, "not mapped"),
        case("role in another case", role("arn:aws:iam::111122223333:role/DEV"), ALICE_AS_DEV, "dev []"),
        case("role ARN in capitals", role("ARN:AWS:IAM::111122223333:ROLE/DEV"), ALICE_AS_DEV, "dev []").but(
            MountedFile,
            REFUSED,
            "role ARNs are read as written, and must begin with `arn:`",
        ),
        case("user", json!({"mapUsers": [{"userarn": BOB, "username": "bob"}]}), BOB, "bob []"),
        case(
            "user ARN in capitals",
            json!({"mapUsers": [{"userarn": "ARN:AWS:IAM::111122223333:USER/BOB", "username": "bob"}]}),
            BOB,
            "bob []",
        ),
        case(
            "user with a path",
            json!({"mapUsers": [{"userarn": "arn:aws:iam::111122223333:user/team/Bob", "username": "bob"}]}),
            "arn:aws:iam::111122223333:user/team/Bob",
            "bob []",
        ),
        case(
            "user without the path the caller has",
            json!({"mapUsers": [{"userarn": BOB, "username": "bob"}]}),
            "arn:aws:iam::111122223333:user/team/Bob",
            "not mapped",
        )
        .but(DynamicFileStrict, "pinned to another", ID_FIRST),
        case(
            "assumed-role ARN as written",
            role(ALICE_AS_DEV),
            "arn:aws:sts::111122223333:assumed-role/Dev/bob",
            "dev []",
        )
        .but(EksConfigMap, "not mapped", "ARNs are compared as written")
        .but(DynamicFileStrict, "pinned to another", "only the path is taken off the ARN"),
        case("role ARN with a path", role("arn:aws:iam::111122223333:role/team/Dev"), ALICE_AS_DEV, "not mapped").but(
            DynamicFileStrict,
            "dev []",
            "the path is taken off the ARN",
        ),
        case("role in mapUsers", json!({"mapUsers": [{"userarn": DEV, "username": "dev"}]}), ALICE_AS_DEV, "dev []"),
        case("user in mapRoles", json!({"mapRoles": [{"rolearn": BOB, "username": "bob"}]}), BOB, "bob []"),
        case(
            "root names itself",
            json!({"mapUsers": [{"userarn": "arn:aws:iam::111122223333:root", "username": "root"}]}),
            "arn:aws:iam::111122223333:root",
            "root []",
        ),
        case(
            "root is not the account",
            json!({"mapUsers": [{"userarn": "arn:aws:iam::111122223333:root", "username": "root"}]}),
            BOB,
            "not mapped",
        ),
        case(
            "federated user",
            json!({"mapUsers": [{"userarn": "arn:aws:sts::111122223333:federated-user/fed", "username": "fed"}]}),
            "arn:aws:sts::111122223333:federated-user/fed",
            "fed []",
        ),
        case(
            "role of another partition",
            role(DEV),
            "arn:aws-cn:sts::111122223333:assumed-role/Dev/alice",
            "not mapped",
        )
        .but(DynamicFileStrict, "pinned to another", ID_FIRST),
        case("role of another account", role(DEV), "arn:aws:sts::444455556666:assumed-role/Dev/alice", "not mapped")
            .but(DynamicFileStrict, "pinned to another", ID_FIRST),
        case("what is no ARN", role("garbage"), ALICE_AS_DEV, "not mapped").but(MountedFile, REFUSED, ONE_FAULT),
        case("IAM group", role("arn:aws:iam::111122223333:group/Dev"), ALICE_AS_DEV, "not mapped")
            .but(MountedFile, REFUSED, ONE_FAULT)
            .but(DynamicFileStrict, "pinned to another", ID_FIRST),
        case("wildcard in rolearn", role("arn:aws:iam::111122223333:role/De*"), ALICE_AS_DEV, "not mapped").but(
            MountedFile,
            REFUSED,
            ONE_FAULT,
        ),
        case(
            "no ARN",
            json!({"mapRoles": [{"username": "dev", "userid": "AROADEV000000000000"}]}),
            ALICE_AS_DEV,
            "not mapped",
        )
        .but(MountedFile, REFUSED, ONE_FAULT)
        .but(DynamicFile, REFUSED, ONE_FAULT)
        .but(DynamicFileStrict, "dev []", "the unique id suffices"),
        case(
            "a bad entry before a good one",
            json!({"mapRoles": [{"username": "nobody"}, {"rolearn": DEV, "username": "dev"}]}),
            ALICE_AS_DEV,
            "dev []",
        )
        .refused_by_files(ONE_FAULT),
        case(
            "duplicate ARN",
            json!({"mapRoles": [{"rolearn": DEV, "username": "first"}, {"rolearn": DEV, "username": "last"}]}),
            ALICE_AS_DEV,
            "last []",
        )
        .but(Crd, "first []", "objects have no order but their age, and the older stays"),
        case(
            "role before user",
            json!({"mapRoles": [{"rolearn": DEV, "username": "role"}], "mapUsers": [{"userarn": DEV, "username": "user"}]}),
            ALICE_AS_DEV,
            "role []",
        ),
    ]
}

fn patterns_and_accounts() -> Vec<Case> {
    let view = json!({"permissionSetName": "View", "accountID": "111122223333"});
    let in_partition =
        |partition: &str| json!({"permissionSetName": "View", "accountID": "111122223333", "partition": partition});
    let not_in_files = "sso is not read there, and the entry has no rolearn";
    let no_file = |case: Case| case.but(DynamicFile, REFUSED, not_in_files);
    let no_sso = |case: Case| no_file(case).but(Crd, "not mapped", EXACT_ONLY);
    let like = |pattern: &str| json!({"mapRoles": [{"rolearnLike": pattern, "username": "dev"}]});
    let account = |id: &str| json!({"mapAccounts": [id]});
    vec![
        no_sso(case("sso", sso(view.clone()), VIEWER, "viewer []")),
        no_sso(case("sso in its partition", sso(in_partition("aws")), VIEWER, "viewer []")),
        no_file(case("sso in another partition", sso(in_partition("aws-cn")), VIEWER, "not mapped"))
            .but(DynamicFileStrict, "viewer []", BY_ID),
        no_file(case("sso with another suffix", sso(view), "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_Only/alice", "not mapped"))
            .but(DynamicFileStrict, "viewer []", BY_ID),
        case("sso beside rolearn", json!({"mapRoles": [{"rolearn": DEV, "sso": in_partition("aws"), "username": "dev"}]}), ALICE_AS_DEV, "dev []")
            .but(MountedFile, REFUSED, "an entry names one principal")
            .but(EksConfigMap, "not mapped", "an entry names one principal"),
        case("rolearnLike", like("arn:aws:iam::111122223333:role/De*"), ALICE_AS_DEV, "dev []")
            .but(Crd, "not mapped", EXACT_ONLY)
            .but(DynamicFileStrict, REFUSED, "one unique id is one role"),
        case("rolearnLike of another name", like("arn:aws:iam::111122223333:role/Ops*"), ALICE_AS_DEV, "not mapped")
            .but(DynamicFileStrict, REFUSED, "one unique id is one role"),
        case("exact before rolearnLike", json!({"mapRoles": [{"rolearnLike": "arn:aws:iam::111122223333:role/D*", "username": "like"}, {"rolearn": DEV, "username": "exact"}]}), ALICE_AS_DEV, "exact []")
            .but(DynamicFileStrict, REFUSED, "one unique id is one role"),
        case("account list", account("111122223333"), ALICE_AS_DEV, "arn:aws:iam::111122223333:role/Dev []")
            .but(Crd, "not mapped", NO_LIST),
        case("another account", account("444455556666"), ALICE_AS_DEV, "not mapped"),
        case("account in another partition", account("111122223333"), "arn:aws-cn:sts::111122223333:assumed-role/Dev/alice", "not mapped"),
        case("account with lost zeros", account("11122223333"), "arn:aws:sts::011122223333:assumed-role/Dev/alice", "not mapped"),
        case("entry before account list", json!({"mapRoles": [{"rolearn": DEV, "username": "dev"}], "mapAccounts": ["111122223333"]}), ALICE_AS_DEV, "dev []"),
    ]
}

fn guards() -> Vec<Case> {
    let twice = |last: Value| {
        let mut lists = dev(json!({"notAfter": "2001-01-01T00:00:00Z"}));
        lists["mapUsers"] = last;
        lists
    };
    let pinned_to_other = || {
        let mut lists = dev(json!({"userid": "AROAOLD000000000000"}));
        lists["mapAccounts"] = json!(["111122223333"]);
        lists
    };
    let lost = |name, lists| {
        case(name, lists, ALICE_AS_DEV, "not mapped")
            .refused_by_files("a guard that is none would leave the entry open")
    };
    vec![
        case("pin", dev(json!({"userid": "AROADEV000000000000"})), ALICE_AS_DEV, "dev []"),
        case("pin to another", dev(json!({"userid": "AROAOLD000000000000"})), ALICE_AS_DEV, "pinned to another")
            .but(DynamicFileStrict, "not mapped", "looked up by the unique id: the entry is not the caller's at all"),
        case("pin in another case", dev(json!({"userid": "aroadev000000000000"})), ALICE_AS_DEV, "pinned to another")
            .but(DynamicFileStrict, "not mapped", "looked up by the unique id: the entry is not the caller's at all"),
        case("pin to another, account listed", pinned_to_other(), ALICE_AS_DEV, "pinned to another")
            .but(DynamicFileStrict, "arn:aws:iam::111122223333:role/Dev []", "looked up by the unique id: the list is asked next"),
        case("id of the caller, ARN of another, account listed", json!({"mapRoles": [{"rolearn": "arn:aws:iam::111122223333:role/Ops", "username": "ops", "userid": "AROADEV000000000000"}], "mapAccounts": ["111122223333"]}), ALICE_AS_DEV, "arn:aws:iam::111122223333:role/Dev []")
            .but(Crd, "not mapped", NO_LIST)
            .but(DynamicFileStrict, "pinned to another", "a hit is final"),
        case("within the window", dev(json!({"notBefore": "2001-01-01T00:00:00Z", "notAfter": "2040-01-01T00:00:00Z"})), ALICE_AS_DEV, "dev []"),
        case("before the window", dev(json!({"notBefore": "2040-01-01T00:00:00Z"})), ALICE_AS_DEV, "not valid yet"),
        case("after the window", dev(json!({"notAfter": "2001-01-01T00:00:00+02:00"})), ALICE_AS_DEV, "expired"),
        case("expired, and a good entry behind it", twice(json!([{"userarn": DEV, "username": "user"}])), ALICE_AS_DEV, "expired"),
        lost("misspelt guard", dev(json!({"useridd": "AROADEV000000000000"})))
            .but(Crd, "dev []", "the API server drops keys its schema does not have"),
        lost("empty pin", dev(json!({"userid": ""}))),
        lost("time that is none", dev(json!({"notAfter": "tomorrow"}))),
        lost("window of no length", dev(json!({"notBefore": "2030-01-01T00:00:00Z", "notAfter": "2030-01-01T00:00:00Z"}))),
        case("unknown key", dev(json!({"comment": "hello"})), ALICE_AS_DEV, "dev []"),
        case("reason", dev(json!({"reason": "on call"})), ALICE_AS_DEV, "dev []"),
    ]
}

fn names() -> Vec<Case> {
    let named = |username: &str| dev(json!({"username": username}));
    let lost = |name, lists, outcome| {
        case(name, lists, ALICE_AS_DEV, outcome)
            .but(Crd, "not mapped", SCHEMA)
            .but(DynamicFile, REFUSED, ONE_FAULT)
            .but(DynamicFileStrict, REFUSED, ONE_FAULT)
    };
    vec![
        case("empty username", named(""), ALICE_AS_DEV, "empty username"),
        case("no username", json!({"mapRoles": [{"rolearn": DEV}]}), ALICE_AS_DEV, "empty username").but(
            Crd,
            "not mapped",
            SCHEMA,
        ),
        case(
            "session name",
            named("dev:{{SessionName}}"),
            "arn:aws:sts::111122223333:assumed-role/Dev/a@b",
            "dev:a-b []",
        ),
        case(
            "raw session name",
            named("dev:{{SessionNameRaw}}"),
            "arn:aws:sts::111122223333:assumed-role/Dev/a@b",
            "dev:a@b []",
        ),
        case(
            "account and key",
            dev(json!({"groups": ["{{AccountID}}", "k:{{AccessKeyID}}"]})),
            ALICE_AS_DEV,
            "dev [111122223333,k:ASIAEXAMPLE1]",
        ),
        case("unknown placeholder", named("dev:{{SessionTag}}"), ALICE_AS_DEV, "dev:{{SessionTag}} []"),
        case("node that is none", named("system:node:{{EC2PrivateDNSName}}"), ALICE_AS_DEV, "template"),
        case(
            "node whose name is not known",
            named("system:node:{{EC2PrivateDNSName}}"),
            "arn:aws:sts::111122223333:assumed-role/Dev/i-0123456789abcdef0",
            "template",
        ),
        case(
            "system: brought in by a session",
            named("{{SessionNameRaw}}"),
            "arn:aws:sts::111122223333:assumed-role/Dev/system:node:x",
            "reserved",
        ),
        case("reserved username", named("system:anonymous"), ALICE_AS_DEV, "reserved"),
        case("reserved group", dev(json!({"groups": ["g", "system:unauthenticated"]})), ALICE_AS_DEV, "reserved"),
        case("empty group", dev(json!({"groups": [""]})), ALICE_AS_DEV, "reserved"),
        case("system:masters", dev(json!({"groups": ["system:masters"]})), ALICE_AS_DEV, "dev [system:masters]"),
        lost("username a number", dev(json!({"username": 42})), "empty username").but(
            MountedFile,
            "42 []",
            "any scalar is made a text",
        ),
        lost("username a boolean", dev(json!({"username": true})), "empty username").but(
            MountedFile,
            "1 []",
            "any scalar is made a text",
        ),
        lost("groups a text", dev(json!({"groups": "g,h"})), "dev []").but(
            MountedFile,
            "dev [g,h]",
            "a text is split at commas",
        ),
        lost("a number among the groups", dev(json!({"groups": ["g", 7]})), "dev [g]").but(
            MountedFile,
            "dev [g,7]",
            "any scalar is made a text",
        ),
    ]
}

/// What a reader makes of a case, in words.
fn outcome(reader: Reader, case: &Case) -> String {
    let Ok(table) = reader.table(&case.lists) else { return REFUSED.to_owned() };
    let session =
        case.caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/')).map(|(_, name)| name);
    let identity = VerifiedIdentity::from_arn(
        case.caller,
        Some(unique_id(case.caller)),
        Some(session.unwrap_or_default()),
        Some("ASIAEXAMPLE1"),
    );
    match answer(&chain(vec![table]), &identity.unwrap(), NOW) {
        Ok(user) => format!("{} [{}]", user.username, user.groups.join(",")),
        Err(MappingError::NotMapped) => "not mapped".to_owned(),
        Err(MappingError::UniqueIdMismatch(_)) => "pinned to another".to_owned(),
        Err(MappingError::NotYetValid(_)) => "not valid yet".to_owned(),
        Err(MappingError::ExpiredEntry(_)) => "expired".to_owned(),
        Err(MappingError::Template { .. }) => "template".to_owned(),
        Err(MappingError::EmptyUsername(_)) => "empty username".to_owned(),
        Err(MappingError::Reserved { .. }) => "reserved".to_owned(),
        Err(MappingError::Denied { .. }) => "denied".to_owned(),
    }
}

#[test]
fn every_source_answers_the_same_but_where_the_suite_says_why() {
    let cases: Vec<Case> = [principals(), patterns_and_accounts(), guards(), names()].into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for unknown in entries::cases().filter(|name| cases.iter().all(|case| case.name != *name)) {
        wrong.push(format!("there is no case `{unknown}`"));
    }
    for mut case in cases {
        case.differences.extend(entries::differences(case.name, case.outcome));
        let case = &case;
        for reader in Reader::ALL {
            let difference = case.differences.iter().rev().find(|(who, ..)| *who == reader);
            let (expected, reason) = difference.map_or((case.outcome, ""), |(_, outcome, reason)| (*outcome, *reason));
            let seen = outcome(reader, case);
            if seen != expected {
                wrong.push(format!("{reader:?}: {}: expected {expected} {reason}, saw {seen}", case.name));
            }
            if difference.is_some() && expected == case.outcome {
                wrong.push(format!("{reader:?}: {}: the difference is none", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
