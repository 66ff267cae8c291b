//! One more entry in the text of mapRoles or mapUsers: what is there stays byte for byte.

use iam_bridge::mapping::{EntryList, EntryText};
use iam_bridge::sources::keys::{AppendError, append_entry};

use super::mapping::{role, sso, user};

const PLACE: &str = "kube-system/aws-auth";

fn dev() -> EntryText {
    role("arn:aws:iam::111122223333:role/Dev", "dev:{{SessionName}}", &["devs"])
}

fn append(value: &str) -> Result<String, AppendError> {
    append_entry(PLACE, Some(value), EntryList::Roles, &dev())
}

/// What was put in, and that nothing else changed.
fn added(value: &str) -> String {
    let new = append(value).unwrap_or_else(|error| panic!("{error}\n{value}"));
    let (old, bytes) = (value.as_bytes(), new.as_bytes());
    let common = old.iter().zip(bytes).take_while(|(old, new)| old == new).count();
    let (_, rest) = old.split_at(common);
    let put = bytes[common..].strip_suffix(rest).unwrap_or_else(|| panic!("{value:?} → {new:?}"));
    String::from_utf8(put.to_vec()).unwrap()
}

fn refused(value: &str) -> String {
    append(value).expect_err(value).to_string()
}

#[test]
fn an_empty_value_becomes_a_list() {
    let list =
        "- groups:\n  - devs\n  rolearn: arn:aws:iam::111122223333:role/Dev\n  username: \"dev:{{SessionName}}\"\n";
    assert_eq!(append_entry(PLACE, None, EntryList::Roles, &dev()).unwrap(), list);
    for empty in ["", "``", "\"\"", "''", "[]", "{}", "null", "~", "[]\n", "''\n", "[ ]"] {
        assert_eq!(append(empty).unwrap(), list, "{empty:?}");
    }
    for (value, expected) in [
        ("\n", format!("\n{list}")),
        ("  ", format!("  \n{list}")),
        ("# none yet\n", format!("# none yet\n{list}")),
        ("# none yet", format!("# none yet\n{list}")),
        ("[] # none yet\n", format!(" # none yet\n{list}")),
        ("---\n", format!("---\n{list}")),
        ("---\n[]\n# end\n", format!("---\n\n# end\n{list}")),
        (
            "[\n # none yet\n]\n",
            String::from(
                "[{\"groups\": [\"devs\"], \"rolearn\": \"arn:aws:iam::111122223333:role/Dev\", \"username\": \"dev:{{SessionName}}\"}\n # none yet\n]\n",
            ),
        ),
        ("\r\n", format!("\r\n{}", list.replace('\n', "\r\n"))),
    ] {
        assert_eq!(append(value).unwrap(), expected, "{value:?}");
    }
}

#[test]
fn an_entry_is_written_as_the_others_are() {
    for (value, expected) in [
        (
            "- rolearn: arn:aws:iam::111122223333:role/A\n  username: a\n",
            "\n- groups:\n  - devs\n  rolearn: arn:aws:iam::111122223333:role/Dev\n  username: \"dev:{{SessionName}}\"",
        ),
        // No final line feed.
        (
            "- rolearn: a\n  username: a",
            "\n- groups:\n  - devs\n  rolearn: arn:aws:iam::111122223333:role/Dev\n  username: \"dev:{{SessionName}}\"",
        ),
        // Indented, wide dash, deeper lists.
        (
            "    -   groups:\n          - g\n        rolearn: a\n        username: a\n",
            "\n    -   groups:\n          - devs\n        rolearn: arn:aws:iam::111122223333:role/Dev\n        username: \"dev:{{SessionName}}\"",
        ),
        // Carriage returns.
        (
            "- rolearn: a\r\n  username: a\r\n",
            "\r\n- groups:\r\n  - devs\r\n  rolearn: arn:aws:iam::111122223333:role/Dev\r\n  username: \"dev:{{SessionName}}\"",
        ),
        // The comment belongs to the entry above; that below is nobody's.
        (
            "- rolearn: a\n  username: a # who\n  # until May\n\n# - rolearn: b\n",
            "\n- groups:\n  - devs\n  rolearn: arn:aws:iam::111122223333:role/Dev\n  username: \"dev:{{SessionName}}\"",
        ),
        (
            "- {rolearn: a, username: a} # first\n- { rolearn: b, username: b }\n",
            "\n- {\"groups\": [\"devs\"], \"rolearn\": \"arn:aws:iam::111122223333:role/Dev\", \"username\": \"dev:{{SessionName}}\"}",
        ),
        (
            "[{rolearn: a, username: a}]",
            ", {\"groups\": [\"devs\"], \"rolearn\": \"arn:aws:iam::111122223333:role/Dev\", \"username\": \"dev:{{SessionName}}\"}",
        ),
        ("[\n  {rolearn: a, username: a}, # first\n  {rolearn: b, username: b} # second\n] # end\n", ""),
        (
            "---\n- rolearn: a\n  username: a\n...\n",
            "\n- groups:\n  - devs\n  rolearn: arn:aws:iam::111122223333:role/Dev\n  username: \"dev:{{SessionName}}\"",
        ),
    ] {
        if expected.is_empty() {
            let new = append(value).unwrap();
            assert!(new.contains("{rolearn: b, username: b}, # second\n  {\n"), "{new}");
            assert!(new.ends_with("\n] # end\n"), "{new}");
        } else {
            let ends = ['\r', '\n'];
            assert_eq!(added(value).trim_matches(ends), expected.trim_matches(ends), "{value:?}");
        }
    }
    let below = append("- rolearn: a\n  username: a # who\n  # until May\n\n# - rolearn: b\n").unwrap();
    assert!(below.starts_with("- rolearn: a\n  username: a # who\n  # until May\n- groups:"), "{below}");
    assert!(below.ends_with("SessionName}}\"\n\n# - rolearn: b\n"), "{below}");
}

#[test]
fn odd_lists_keep_what_they_hold() {
    for value in [
        "- &first\n  rolearn: a\n  username: a\n- <<: *first\n  rolearn: b\n",
        "-\n  rolearn: a\n  username: a\n",
        "- # first\n  rolearn: a\n  username: a\n",
        "- rolearn: a\n  username: |+\n    a\n\n\n",
        "- rolearn: >-\n    a\n  username: a\n\n\n",
        "- 'rolearn': \"a\"\n  \"username\": 'a'\n  unknown: {x: [y, # z\n    w]}\n",
        "- rolearn: a\n- just a text\n-\n",
        "- RoleARN: a\n  Username: ä # ünïcode\n",
        "[{rolearn: a, username: a},]",
        "[\n  {rolearn: a, username: a},\n]",
        "- rolearn: a\n  username: 012345\n  groups: g\n",
        "- rolearn: a\n  rolearn: b\n  username: !!str 012\n",
    ] {
        added(value);
    }
}

#[test]
fn values_that_an_older_reader_takes_for_something_else_stand_in_quotes() {
    for (name, written) in [
        ("bob", "bob"),
        ("system:masters", "system:masters"),
        ("arn:aws:iam::1:role/x", "arn:aws:iam::1:role/x"),
        ("y", "\"y\""),
        ("No", "\"No\""),
        ("on", "\"on\""),
        ("null", "\"null\""),
        ("~", "\"~\""),
        ("012345678901", "\"012345678901\""),
        ("1e3", "\"1e3\""),
        ("0x1f", "\"0x1f\""),
        ("1_000", "\"1_000\""),
        (".inf", "\".inf\""),
        ("2031-05-06", "\"2031-05-06\""),
        ("12:30:45", "\"12:30:45\""),
        ("{{SessionName}}", "\"{{SessionName}}\""),
        ("@bob", "\"@bob\""),
        ("*all", "\"*all\""),
        ("&a", "\"&a\""),
        ("!a", "\"!a\""),
        ("%a", "\"%a\""),
        ("`a", "\"`a\""),
        ("- a", "\"- a\""),
        ("a: b", "\"a: b\""),
        ("a:", "\"a:\""),
        ("a #b", "\"a #b\""),
        ("a\nb", "\"a\\nb\""),
        ("a ", "\"a \""),
        ("=", "\"=\""),
        ("<<", "\"<<\""),
        ("a\u{85}b", "\"a\\u0085b\""),
        ("quote\"d", "\"quote\\\"d\""),
    ] {
        let entry = user("arn:aws:iam::111122223333:user/bob", name);
        let new = append_entry(PLACE, None, EntryList::Users, &entry).unwrap();
        assert!(new.contains(&format!("\n  username: {written}\n")), "{name:?}: {new}");
    }
}

#[test]
fn every_member_that_was_given_is_written() {
    let entry = EntryText {
        user_id: Some("AROAEXAMPLE1".to_owned()),
        not_before: Some("2031-05-06T07:08:09Z".to_owned()),
        not_after: Some("2031-06-06T07:08:09Z".to_owned()),
        reason: Some("on call: #42".to_owned()),
        groups: vec!["devs".to_owned(), "no".to_owned()],
        ..sso("View", "012345678901", "aws-cn", "viewer")
    };
    let new = append_entry(PLACE, Some("- rolearn: a\n  username: a\n"), EntryList::Roles, &entry).unwrap();
    insta::assert_snapshot!(new, @r#"
    - rolearn: a
      username: a
    - groups:
      - devs
      - "no"
      notAfter: "2031-06-06T07:08:09Z"
      notBefore: "2031-05-06T07:08:09Z"
      reason: "on call: #42"
      sso:
        accountID: "012345678901"
        partition: aws-cn
        permissionSetName: View
      userid: AROAEXAMPLE1
      username: viewer
    "#);
}

#[test]
fn an_entry_that_is_there_is_not_added_again() {
    for there in [
        "- rolearn: arn:aws:iam::111122223333:role/Dev\n",
        "# first\n- rolearn: 'ARN:AWS:IAM::111122223333:ROLE/DEV'\n  username: other\n",
        "[{username: a}, {RoleArn: \"arn:aws:iam::111122223333:role/dev\"}]",
    ] {
        let words = refused(there);
        let line = if there.starts_with('#') { 2 } else { 1 };
        assert_eq!(
            words,
            format!(
                "cannot add duplicate role ARN \"arn:aws:iam::111122223333:role/Dev\": {PLACE}/mapRoles:{line} names it already"
            )
        );
    }
    let session = "- rolearn: arn:aws:sts::111122223333:assumed-role/Dev/alice\n";
    assert!(append(session).is_ok(), "an entry that matches nobody stands in nobody's way");
    let view = |account: &str, partition: &str| {
        let there = "- sso:\n    permissionSetName: VIEW\n    accountID: 012345678901\n  username: v\n";
        append_entry(PLACE, Some(there), EntryList::Roles, &sso("View", account, partition, "v"))
    };
    let words = view("012345678901", "aws").unwrap_err().to_string();
    assert!(words.contains("\"arn:aws:iam::012345678901:role/AWSReservedSSO_View_*\""), "{words}");
    assert!(view("012345678901", "").is_err());
    assert!(view("012345678902", "aws").is_ok() && view("012345678901", "aws-cn").is_ok());
    let bob = |arn: &str| {
        append_entry(PLACE, Some("- userarn: arn:aws:iam::1:user/Bob\n"), EntryList::Users, &user(arn, "bob"))
    };
    assert!(bob("arn:aws:iam::1:user/bob").unwrap_err().to_string().starts_with("cannot add duplicate user ARN"));
    assert!(bob("arn:aws:iam::1:user/Rob").is_ok());
}

#[test]
fn what_cannot_be_edited_safely_is_refused_with_its_place_and_a_cure() {
    for (value, place, words) in [
        ("- rolearn: a\n username: a\n", "2:", "check indentation"),
        ("- rolearn: {{a}}\n", "1:", "quotes"),
        ("- rolearn: a\n\tusername: a\n", "2:", "indent with blanks"),
        ("- rolearn: a\n---\n- rolearn: b\n", "2:1", "remove the `---`"),
        ("rolearn: a\nusername: a\n", "1:1", "begin each entry with `- `"),
        ("just a text", "1:1", "begin each entry with `- `"),
        ("- !!map {rolearn: a}\n", "1:3", "remove it"),
        ("{ # none\n}\n", "1:1", "by hand"),
        ("[]\n...\n", "1:1", "by hand"),
        ("---\n...\n", "1:1", "by hand"),
    ] {
        let said = refused(value);
        assert!(said.starts_with(&format!("{PLACE}/mapRoles:{place}")), "{value:?}: {said}");
        assert!(said.contains("mapRoles") && said.contains(words), "{value:?}: {said}");
    }
}

#[test]
fn a_list_that_would_be_too_long_for_the_source_is_refused() {
    let list = |length: usize| "- rolearn: a\n  username: a\n".repeat(length);
    let said = refused(&list(20_000));
    assert!(said.contains("too-many-entries: mapRoles: the list has 20001 items"), "{said}");
    let said = refused(&format!("{}#{}\n", list(1), "x".repeat(1024 * 1024)));
    assert!(said.contains("too-large: mapRoles: "), "{said}");
}
