//! The JSON files of the dynamic sources: exact types, all or nothing, what is told and where.

use iam_bridge::clock::UnixSeconds;
use iam_bridge::diagnostic::Diagnostic;
use iam_bridge::iam::Partition;
use iam_bridge::mapping::{AuthenticationMode, Entry, MappingTable, SourceKind, TableSettings};
use iam_bridge::sources::keys::{self, DynamicFile, ModeNeeds};

use super::config::key_settings;
use super::mapping::{ask, chain};

fn read(text: &str, strict: bool) -> Result<DynamicFile, Vec<Diagnostic>> {
    keys::parse_dynamic_file("dynamic.json", text.as_bytes(), strict, key_settings())
}

fn codes(faults: &[Diagnostic]) -> Vec<String> {
    let shown = |fault: &Diagnostic| {
        let at = fault.at.map_or_else(String::new, |at| format!("{}:{} ", at.line, at.column));
        format!("{at}{} {}", fault.code, fault.key).trim_end().to_owned()
    };
    faults.iter().map(shown).collect()
}

#[test]
fn a_dynamic_file_is_taken_as_the_reference_takes_it() {
    for (strict, text) in [
        (false, "{}"),
        (false, " {}\n\n"),
        (false, "null"),
        (false, r#"{"mapRoles": null, "mapUsers": [], "mapAccounts": null}"#),
        (false, r#"{"MAPROLES": [{"RoleArn": "arn:aws:iam::1:role/R", "UserName": "u", "GROUPS": ["g"]}]}"#),
        (false, r#"{"mapRoles": [{"rolearn": "not an arn", "username": "u", "groups": null}]}"#),
        (false, r#"{"mapRoles": [{"rolearn": "r"}]}"#),
        (false, r#"{"mapRoles": [{"rolearn": "r", "groups": [null]}]}"#),
        (false, r#"{"mapRoles": [{"rolearn": "r", "username": null, "sso": null}]}"#),
        (false, r#"{"mapAccounts": ["111122223333", "12", "", null]}"#),
        (false, r#"{"version": "1", "lastupdateddatetime": "soon", "ClusterID": "c", "more": {"a": [1]}}"#),
        (false, r#"{"mapRoles": [{"rolearn": "r", "username": "u", "comment": 5}]}"#),
        (false, r#"{"mapUsers": [{"userarn": "u", "rolearn": 5}]}"#),
        (true, r#"{"mapRoles": [{"userid": "AROA", "username": "u"}]}"#),
        (true, r#"{"mapUsers": [{"userid": "AIDA", "userarn": "u"}]}"#),
        (true, r#"{"mapRoles": [{"principalId": "AROA"}]}"#),
        (true, "{\"mapRoles\": [{\"userid\": \"A\", \"sso\": {\"permissionSetName\": \"x\"}}]}"),
    ] {
        let faults = read(text, strict).map(|_| ()).map_err(|faults| codes(&faults));
        assert_eq!(faults, Ok(()), "{text}");
    }
}

#[test]
fn one_fault_refuses_the_whole_dynamic_file() {
    let good = r#"{"rolearn": "arn:aws:iam::1:role/R", "username": "u", "userid": "AROA"}"#;
    let mut wrong = Vec::new();
    for (strict, text, expected) in [
        (false, String::new(), "1:1 empty-file"),
        (false, " \n\t".to_owned(), "1:1 empty-file"),
        (false, "{\"mapRoles\": [".to_owned(), "1:14 json-syntax"),
        (false, "{} {}".to_owned(), "1:4 json-syntax"),
        (false, "{}x".to_owned(), "1:3 json-syntax"),
        (false, "mapRoles:\n- rolearn: a\n".to_owned(), "1:1 json-syntax"),
        (false, "{'mapRoles': []}".to_owned(), "1:2 json-syntax"),
        (false, "[]".to_owned(), "1:1 bad-type"),
        (false, "\"text\"".to_owned(), "1:1 bad-type"),
        (false, "{\"Version\": 1}".to_owned(), "1:13 bad-type Version"),
        (false, "{\"LastUpdatedDateTime\": 1}".to_owned(), "1:25 bad-type LastUpdatedDateTime"),
        (false, "{\"mapRoles\": {}}".to_owned(), "1:14 bad-type mapRoles"),
        (false, "{\"mapRoles\": \"[]\"}".to_owned(), "1:14 bad-type mapRoles"),
        (false, format!("{{\"mapRoles\": [{good},\n\"r\"]}}"), "2:1 bad-type mapRoles[1]"),
        (false, format!("{{\"mapRoles\": [{good},\nnull]}}"), "2:1 no-principal mapRoles[1]"),
        (false, format!("{{\"mapRoles\": [{good},\n{{}}]}}"), "2:1 no-principal mapRoles[1]"),
        (false, format!("{{\"mapRoles\": [{good},\n{{\"rolearn\": \"\"}}]}}"), "2:1 no-principal mapRoles[1]"),
        (
            false,
            "{\"mapRoles\": [{\"rolearn\": \"r\", \"groups\": \"g\"}]}".to_owned(),
            "1:42 bad-type mapRoles[0].groups",
        ),
        (
            false,
            "{\"mapRoles\": [{\"rolearn\": \"r\", \"groups\": [1]}]}".to_owned(),
            "1:43 bad-type mapRoles[0].groups[0]",
        ),
        (
            false,
            "{\"mapRoles\": [{\"rolearn\": \"r\", \"username\": true}]}".to_owned(),
            "1:44 bad-type mapRoles[0].username",
        ),
        (false, "{\"mapUsers\": [{\"username\": \"r\"}]}".to_owned(), "1:15 no-principal mapUsers[0]"),
        (
            false,
            "{\"mapRoles\": [{\"rolearn\": \"r\", \"useridd\": \"A\"}]}".to_owned(),
            "1:32 misspelt-guard mapRoles[0].useridd",
        ),
        (false, "{\"mapRoles\": [{\"rolearn\": \"r\", \"userid\": 5}]}".to_owned(), "1:42 bad-type mapRoles[0].userid"),
        (
            false,
            "{\"mapRoles\": [{\"rolearn\": \"r\", \"notAfter\": \"never\"}]}".to_owned(),
            "1:44 bad-time mapRoles[0].notAfter",
        ),
        (false, "{\"mapRoles\": [], \"maproles\": []}".to_owned(), "1:18 duplicate-key maproles"),
        (
            false,
            "{\"mapRoles\": [{\"sso\": {\"permissionSetName\": \"P\", \"accountID\": \"111122223333\"}}]}".to_owned(),
            "1:23 sso-not-read mapRoles[0].sso",
        ),
        (false, "{\"mapAccounts\": [111122223333]}".to_owned(), "1:18 bad-type mapAccounts[0]"),
        (false, "{\"mapAccounts\": \"111122223333\"}".to_owned(), "1:17 bad-type mapAccounts"),
        (true, "{\"mapRoles\": [{\"rolearn\": \"arn:aws:iam::1:role/R\"}]}".to_owned(), "1:15 no-userid mapRoles[0]"),
        (
            true,
            "{\"mapUsers\": [{\"userarn\": \"u\", \"userid\": \"\"}]}".to_owned(),
            "1:42 empty-guard mapUsers[0].userid",
        ),
        (
            true,
            "{\"mapRoles\": [{\"userid\": \"A\", \"rolearnLike\": \"arn:aws:iam::1:role/R*\"}]}".to_owned(),
            "1:46 pattern-beside-userid mapRoles[0].rolearnLike",
        ),
    ] {
        let faults = read(&text, strict).map(|_| ()).map_err(|faults| codes(&faults)).unwrap_err();
        if faults.first().map(String::as_str) != Some(expected) {
            wrong.push(format!("{text}: {faults:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let utf16 = keys::parse_dynamic_file("f", b"{\"mapRoles\": [\"\xff\"]}", false, key_settings()).unwrap_err();
    assert_eq!(codes(&utf16), ["1:16 not-utf-8"]);
    let nested = format!("{{\"x\": {}", "[".repeat(100_000));
    assert!(read(&nested, false).is_err());
}

#[test]
fn what_is_good_and_doubtful_in_a_dynamic_file_is_told() {
    let text = r#"{
  "LastUpdatedDateTime": "soon", "more": 1,
  "mapRoles": [
    {"rolearn": "arn:aws:iam::1:role/R", "username": "u", "sso": {"permissionSetName": "x"}, "note": 1},
    {"rolearn": "nonsense", "username": "u"}, {"rolearn": "nonsense", "username": "u"},
    {"rolearn": "ARN:aws:iam::1:role/r", "username": "u"}
  ]
}"#;
    let read = read(text, false).unwrap();
    assert_eq!(
        codes(&read.warnings),
        [
            "2:34 unknown-key more",
            "2:26 bad-time LastUpdatedDateTime",
            "4:94 unknown-key mapRoles[0].note",
            "4:66 sso-not-read mapRoles[0].sso",
            "5:17 arn-never-matches mapRoles[1].rolearn",
            "5:59 arn-never-matches mapRoles[2].rolearn",
            "6:5 repeated-entry mapRoles",
        ]
    );
    assert_eq!(read.updated, None);
}

#[test]
fn the_time_of_a_file_is_a_text_of_seconds() {
    for (text, expected) in [
        ("\"1735689600\"", Some(1_735_689_600)),
        ("\"-5\"", Some(-5)),
        ("\"\"", None),
        ("null", None),
        ("\"1.5\"", None),
    ] {
        let file = format!("{{\"lastUpdatedDateTime\": {text}, \"backendMode\": \"MountedFile\"}}");
        let updated = expected.map(UnixSeconds);
        assert_eq!(read(&file, false).unwrap().updated, updated, "{text}");
        assert_eq!(
            keys::parse_backend_mode_file("f", file.as_bytes(), ModeNeeds::ALL).unwrap().updated,
            updated,
            "{text}"
        );
    }
}

#[test]
fn a_strict_hit_is_final_and_the_last_of_two_wins() {
    let table = |text: &str| {
        let read = read(text, true).unwrap();
        let settings = TableSettings { source: SourceKind::DynamicFile, partition: Partition::Aws };
        chain(vec![MappingTable::new(settings, read.roles, read.users, read.accounts)])
    };
    let alice = "arn:aws:sts::111122223333:assumed-role/Dev/alice";
    let twice =
        r#"{"mapRoles": [{"userid": "AROAEXAMPLE1", "username": "a"}, {"userid": "AROAEXAMPLE1", "username": "b"}]}"#;
    assert_eq!(ask(&table(twice), alice).unwrap().username, "b");
    assert_eq!(codes(&read(twice, true).unwrap().warnings), ["1:60 repeated-entry mapRoles"]);
    // A role that is not the caller's is not passed over for the user behind it.
    let role_then_user = r#"{"mapRoles": [{"userid": "AIDAEXAMPLE1", "rolearn": "arn:aws:iam::1:role/x"}], "mapUsers": [{"userid": "AIDAEXAMPLE1", "username": "bob"}]}"#;
    assert!(ask(&table(role_then_user), "arn:aws:iam::111122223333:user/Bob").is_err());
    let user = r#"{"mapUsers": [{"userid": "AIDAEXAMPLE1", "userarn": "ARN:aws:iam::111122223333:user/BOB", "username": "bob"}]}"#;
    assert_eq!(ask(&table(user), "arn:aws:iam::111122223333:user/Bob").unwrap().username, "bob");
}

#[test]
fn a_backend_mode_file_names_sources_that_run_here() {
    use SourceKind::{AccessEntry, AccessEntryFile, Crd, DynamicFile, EksAccessEntries, EksConfigMap, MountedFile};
    let read = |modes: &str, needs: ModeNeeds| {
        let text = format!("{{\"Version\": \"1\", \"BACKENDMODE\": {modes}}}");
        let read = keys::parse_backend_mode_file("m.json", text.as_bytes(), needs);
        read.map(|read| {
            (
                read.modes,
                codes(&read.warnings).iter().map(|told| told.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>(),
            )
        })
        .map_err(|faults| faults[0].code)
    };
    let told = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    for (modes, expected) in [
        ("\"MountedFile\"", Ok((vec![MountedFile], told(&[])))),
        ("\"EKSConfigMap CRD MountedFile\"", Ok((vec![EksConfigMap, Crd, MountedFile], told(&[])))),
        ("\" CRD  DynamicFile \"", Ok((vec![Crd, DynamicFile], told(&[])))),
        ("\"File ConfigMap\"", Ok((vec![MountedFile, EksConfigMap], told(&["deprecated-backend-mode"; 2])))),
        ("\"CRD CRD\"", Ok((vec![Crd], told(&["backend-mode-twice"])))),
        ("\"\"", Err("no-backend-mode")),
        ("\"  \"", Err("no-backend-mode")),
        ("null", Err("no-backend-mode")),
        ("[\"CRD\"]", Err("bad-type")),
        ("5", Err("bad-type")),
        ("\"CRD,MountedFile\"", Err("bad-backend-mode")),
        ("\"crd\"", Err("bad-backend-mode")),
        ("\"CRD Foo\"", Err("bad-backend-mode")),
        (
            "\"AccessEntryFile EKSAccessEntries AccessEntry\"",
            Ok((vec![AccessEntryFile, EksAccessEntries, AccessEntry], told(&[]))),
        ),
        ("\"EKSConfigMap AccessEntry\"", Ok((vec![EksConfigMap, AccessEntry], told(&["entries-behind-aws-auth"])))),
        ("\"AccessEntry EKSConfigMap\"", Ok((vec![AccessEntry, EksConfigMap], told(&[])))),
    ] {
        assert_eq!(read(modes, ModeNeeds::ALL), expected, "{modes}");
    }
    let none = ModeNeeds { dynamic_file: false, access_entry_file: false, eks: false, mode: None };
    assert_eq!(read("\"DynamicFile\"", none), Err("no-dynamic-file"));
    assert_eq!(read("\"AccessEntryFile\"", none), Err("no-access-entry-file"));
    assert_eq!(read("\"EKSAccessEntries\"", none), Err("no-eks-access-entries"));
    let under = |mode| ModeNeeds { mode: Some(mode), ..ModeNeeds::ALL };
    assert_eq!(read("\"AccessEntry\"", under(AuthenticationMode::ConfigMap)), Err("authentication-mode"));
    assert_eq!(read("\"EKSConfigMap\"", under(AuthenticationMode::Api)), Err("authentication-mode"));
    for text in
        ["", "{}", "null", "[]", "CRD", "{\"backendMode\": \"CRD\"} x", "{\"backendMode\": \"CRD\", \"Version\": 1}"]
    {
        assert!(keys::parse_backend_mode_file("m.json", text.as_bytes(), ModeNeeds::ALL).is_err(), "{text}");
    }
}

/// A table of 100 000 roles holds one such value a role.
#[test]
fn an_entry_stays_small() {
    assert!(size_of::<Entry>() <= 120, "{} bytes", size_of::<Entry>());
}
