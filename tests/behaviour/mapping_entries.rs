//! Entries as they are read: every fault at once, each with its member; doubts beside what loads.

use iam_bridge::mapping::{Entry, EntryList, EntryText, MappedAccount, RolePaths};

use super::mapping::{like, origin, parsed, role, sso, user};

const DEV: &str = "arn:aws:iam::111122223333:role/Dev";

/// (key, code) of each fault.
fn faults(list: EntryList, text: &EntryText) -> Vec<(&'static str, &'static str)> {
    match Entry::parse(list, text, RolePaths::Exact, origin(1)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| {
                assert!(!error.cure().is_empty() && !error.to_string().is_empty());
                (error.key(), error.code())
            })
            .collect(),
    }
}

fn dev() -> EntryText {
    role(DEV, "dev", &[])
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn faults_of_role_entries_name_their_member() {
    let both = EntryText { role_arn_like: some("arn:aws:iam::111122223333:role/D*"), ..dev() };
    let with_sso = EntryText { role_arn: some(DEV), ..sso("View", "111122223333", "", "v") };
    for (text, expected) in [
        (EntryText { role_arn: None, ..dev() }, ("", "no-principal")),
        (role("", "dev", &[]), ("", "no-principal")),
        (both, ("", "several-principals")),
        (with_sso, ("", "several-principals")),
        (role("garbage", "dev", &[]), ("rolearn", "bad-role-arn")),
        (role("ARN:aws:iam::111122223333:role/Dev", "dev", &[]), ("rolearn", "bad-role-arn")),
        (role("arn:aws-mars:iam::111122223333:role/Dev", "dev", &[]), ("rolearn", "bad-role-arn")),
        (role("arn:aws:iam::111122223333:group/Dev", "dev", &[]), ("rolearn", "bad-role-arn")),
        (role("arn:aws:iam::111122223333:role/*", "dev", &[]), ("rolearn", "wildcard-in-rolearn")),
        (like("arn:aws:iam::111122223333:role/Dev", "dev"), ("rolearnLike", "bad-role-pattern")),
        (like("arn:aws:iam::*:role/Dev", "dev"), ("rolearnLike", "bad-role-pattern")),
        (like("arn:aws:iam::111122223333:role/*", "system:node:x"), ("username", "privileged-pattern")),
        (sso("View", "1234", "", "v"), ("sso.accountID", "bad-sso")),
        (sso("View", "111122223333", "aws-us-govt", "v"), ("sso.partition", "bad-sso")),
        (sso("V*", "111122223333", "", "v"), ("sso.permissionSetName", "bad-sso")),
        (sso("", "111122223333", "", "v"), ("sso.permissionSetName", "bad-sso")),
        (EntryText { user_id: some(""), ..dev() }, ("userid", "empty-pin")),
        (EntryText { not_before: some("tomorrow"), ..dev() }, ("notBefore", "bad-time")),
        (EntryText { not_after: some(""), ..dev() }, ("notAfter", "bad-time")),
    ] {
        assert_eq!(faults(EntryList::Roles, &text), [expected], "{text:?}");
    }
}

#[test]
fn every_fault_of_an_entry_is_told() {
    let text = EntryText {
        role_arn: some("arn:aws:iam::111122223333:role/*"),
        user_id: some(" "),
        not_before: some("2027-01-01"),
        not_after: some("never"),
        ..sso("", "12", "mars", "x")
    };
    let codes: Vec<&str> = faults(EntryList::Roles, &text).into_iter().map(|(_, code)| code).collect();
    assert_eq!(
        codes,
        [
            "several-principals",
            "wildcard-in-rolearn",
            "bad-sso",
            "bad-sso",
            "bad-sso",
            "bad-time",
            "bad-time",
            "empty-pin"
        ]
    );
}

#[test]
fn user_entries_are_read_in_lower_case_and_ignore_members_of_roles() {
    let arn = "ARN:AWS:IAM::111122223333:USER/Path/Bob";
    let text = EntryText { role_arn: some("nonsense"), ..user(arn, "bob") };
    let entry = parsed(EntryList::Users, &text, 1);
    assert_eq!(entry.text(), user(arn, "bob"));
    assert_eq!(faults(EntryList::Users, &dev()), [("", "no-principal")], "rolearn is no userarn");
    assert_eq!(faults(EntryList::Users, &user("abc", "x")), [("userarn", "bad-user-arn")]);
    assert_eq!(faults(EntryList::Users, &user("", "x")), [("", "no-principal")]);
}

#[test]
fn privileged_names_need_leave_where_a_pattern_names_the_roles() {
    let pattern = like("arn:aws:iam::111122223333:role/node-*", "system:node:{{EC2PrivateDNSName}}");
    let pattern = EntryText { groups: vec!["system:nodes".to_owned(), "g".to_owned()], ..pattern };
    assert_eq!(
        faults(EntryList::Roles, &pattern),
        [("username", "privileged-pattern"), ("groups", "privileged-pattern")]
    );
    let allowed = EntryText { allow_privileged: true, ..pattern };
    assert_eq!(faults(EntryList::Roles, &allowed), []);
    assert_eq!(parsed(EntryList::Roles, &allowed, 1).text(), allowed);
    assert_eq!(faults(EntryList::Roles, &role(DEV, "system:admin", &["system:masters"])), []);
}

#[test]
fn times_are_rfc_3339_and_in_order() {
    for (text, good) in [
        ("2027-01-31T18:00:00Z", true),
        ("2027-01-31t18:00:00z", true),
        ("2027-01-31T18:00:00.5+02:00", true),
        ("2027-01-31 18:00:00Z", false),
        ("2027-01-31T18:00:00", false),
        ("2027-01-31T18:00Z", false),
        ("2027-01-31T18:00:00+0200", false),
        ("2027-02-30T18:00:00Z", false),
        ("2027-01-31T18:00:00.Z", false),
        ("2027-01-31T18:00:00Z[UTC]", false),
        ("2027-01-31", false),
        ("1800000000", false),
    ] {
        let entry = EntryText { not_after: some(text), ..dev() };
        assert_eq!(faults(EntryList::Roles, &entry).is_empty(), good, "{text}");
    }
    let window = |start: &str, end: &str| {
        faults(EntryList::Roles, &EntryText { not_before: some(start), not_after: some(end), ..dev() })
    };
    assert_eq!(window("2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z"), []);
    assert_eq!(window("2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"), [("notAfter", "empty-window")]);
}

#[test]
fn what_loads_and_is_doubtful_is_told() {
    let codes = |list, text: &EntryText| -> Vec<&'static str> {
        parsed(list, text, 1).warnings().into_iter().map(|warning| warning.code).collect()
    };
    let pinned = EntryText { user_id: some("AROA1:alice"), ..dev() };
    for (text, expected) in [
        (dev(), None),
        (role(DEV, "dev:{{SessionName}}", &["team:{{SessionNameRaw}}"]), None),
        (role("arn:aws:iam::111122223333:role/team/Dev", "dev", &[]), Some("role-path-never-matches")),
        (role("arn:aws:iam:eu-west-1:111122223333:role/Dev", "dev", &[]), Some("region-never-matches")),
        (role("arn:aws:iam::111122223333:role/De?", "dev", &[]), Some("wildcard-never-matches")),
        (role("arn:aws:iam::111122223333:root", "dev", &[]), Some("root-arn")),
        (role("arn:aws:sts::111122223333:assumed-role/Dev/alice", "dev", &[]), Some("session-arn")),
        (role("arn:aws:iam::111122223333:user/Bob", "dev", &[]), Some("user-in-map-roles")),
        (role(DEV, "", &[]), Some("empty-username")),
        (role(DEV, "{{SessionName}}", &[]), Some("free-username")),
        (role(DEV, "system:kube-proxy", &[]), Some("reserved-name")),
        (role(DEV, "dev", &["system:masters"]), Some("system-masters")),
        (role(DEV, "dev", &["system:serviceaccounts:x"]), Some("reserved-name")),
        (role(DEV, "dev", &["{{SessionName}}"]), Some("free-group")),
        (role(DEV, "dev", &[""]), Some("empty-group")),
        (role(DEV, "dev:{{ SessionName }}", &[]), Some("unknown-placeholder")),
        (role(DEV, "dev:{{SessionTag}}", &[]), Some("unknown-placeholder")),
        (role(DEV, "system:node:{{EC2PrivateDNSName}}", &[]), None),
        (pinned, Some("pin-never-matches")),
    ] {
        assert_eq!(codes(EntryList::Roles, &text), expected.into_iter().collect::<Vec<_>>(), "{text:?}");
    }
    let bob = "arn:aws:iam::111122223333:user/Bob";
    for (text, expected) in [
        (user(bob, "bob"), None),
        (user(bob, "bob:{{SessionName}}"), Some("session-of-a-user")),
        (user(DEV, "dev"), Some("role-in-map-users")),
        (user("arn:aws:iam::111122223333:user/*", "u"), Some("wildcard-never-matches")),
    ] {
        assert_eq!(codes(EntryList::Users, &text), expected.into_iter().collect::<Vec<_>>(), "{text:?}");
    }
}

#[test]
fn an_account_that_no_caller_can_have_is_told() {
    for (id, good) in [("012345678901", true), ("12345678901", false), ("", false), ("11112222333x", false)] {
        let account = MappedAccount { id: id.to_owned(), origin: origin(1) };
        assert_eq!(account.warnings().is_empty(), good, "{id}");
    }
}
