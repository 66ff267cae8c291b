//! Why a principal maps or not: the code, the hint, and one line that says what to do.

use iam_bridge::authenticator::Denial;
use iam_bridge::aws::StsError;
use iam_bridge::explain::{self, Decision, Explanation, Outcome, Principal};
use iam_bridge::live::Live;
use iam_bridge::mapping::{Chain, DenyEntry, DenyList, DenyText, EntryText, NodeNames, SourceKind};
use iam_bridge::token::TokenError;

use super::mapping::{NOW, chain, file, like, origin, role, sso, table, user};

const DEV: &str = "arn:aws:iam::111122223333:role/Dev";
const DEV_ALICE: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice";

fn explained(chain: &Chain, arn: &str) -> Explanation {
    let principal =
        Principal { arn, user_id: Some("AROAEXAMPLE2"), access_key_id: Some("ASIAEXAMPLE1"), ..Principal::default() };
    let (identity, _) = explain::caller(&principal).unwrap();
    explain::explain(chain, &identity, NOW, &NodeNames::Unavailable)
}

/// The refusal as `code+hint`, and its remedy.
fn told(explanation: &Explanation) -> (String, String) {
    assert_eq!(explanation.decision, Decision::Refused);
    let codes: Vec<&str> = explanation.reason.into_iter().chain(explanation.hints.iter().copied()).collect();
    let remedy = explanation.remedy.clone().unwrap();
    assert!(!remedy.is_empty() && !remedy.contains('\n'), "{remedy:?}");
    let text = explanation.render();
    assert!(text.starts_with("refused: ") && text.contains(&remedy) && text.contains(codes[0]), "{text}");
    (codes.join("+"), remedy)
}

fn pinned(id: &str) -> EntryText {
    EntryText { user_id: Some(id.to_owned()), ..role(DEV, "dev", &[]) }
}

#[test]
fn u4_twelve_common_mistakes_are_each_told_with_code_and_remedy() {
    let of = |roles: &[EntryText], arn: &str| told(&explained(&file(roles, &[], &[]), arn));
    let view = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcdef/alice";
    let ended = EntryText { not_after: Some("2031-05-06T07:08:09Z".to_owned()), ..role(DEV, "dev", &[]) };
    let wrong_cluster = StsError::Refused { status: 403, code: "SignatureDoesNotMatch".to_owned() };
    let seen = [
        ("path", of(&[role("arn:aws:iam::111122223333:role/team/Dev", "dev", &[])], DEV_ALICE)),
        ("case", of(&[pinned("aroaexample2")], DEV_ALICE)),
        ("account", of(&[role("arn:aws:iam::111122223334:role/Dev", "dev", &[])], DEV_ALICE)),
        ("partition", of(&[role("arn:aws-cn:iam::111122223333:role/Dev", "dev", &[])], DEV_ALICE)),
        ("root ARN", of(&[role("arn:aws:iam::111122223333:root", "dev", &[])], DEV_ALICE)),
        ("wrong cluster id", told(&explain::refused(&Denial::Sts(wrong_cluster)))),
        ("expired token", told(&explain::refused(&Denial::Token(TokenError::Expired)))),
        ("expired entry", of(&[ended], DEV_ALICE)),
        ("SSO suffix", of(&[sso("View", "111122223333", "", "v")], &view.replace("_0", "_Only_0"))),
        ("recreated role", of(&[pinned("AROAEXAMPLE1")], DEV_ALICE)),
        ("empty username", of(&[role(DEV, "", &[])], DEV_ALICE)),
        ("nobody near", of(&[], view)),
    ];
    let expected = [
        ("path", "not_mapped+path_ignored", "write `arn:aws:iam::111122223333:role/Dev`, without the path"),
        ("case", "unique_id_mismatch+case_only", "write userid `AROAEXAMPLE2` in the entry at config.yaml:1"),
        ("account", "not_mapped+account_differs", "add an entry with `rolearn: arn:aws:iam::111122223333:role/Dev`"),
        (
            "partition",
            "not_mapped+partition_differs",
            "add an entry with `rolearn: arn:aws:iam::111122223333:role/Dev`",
        ),
        ("root ARN", "not_mapped+root_only", "add an entry with `rolearn: arn:aws:iam::111122223333:role/Dev`"),
        ("wrong cluster id", "sts_refused+cluster_id_mismatch_suspected", "cluster id"),
        ("expired token", "token_expired", "make a new token"),
        ("expired entry", "expired_entry", "it ended at 2031-05-06T07:08:09Z"),
        ("SSO suffix", "not_mapped+sso_suffix", "rolearn"),
        ("recreated role", "unique_id_mismatch", "write userid `AROAEXAMPLE2`"),
        ("empty username", "empty_username", "give the entry at config.yaml:1 a username"),
        ("nobody near", "not_mapped", "sso: {permissionSetName: View, accountID: \"111122223333\"}"),
    ];
    for ((mistake, (code, remedy)), (name, expected, words)) in seen.iter().zip(expected) {
        assert_eq!((*mistake, code.as_str()), (name, expected));
        assert!(remedy.contains(words), "{mistake}: `{remedy}` lacks `{words}`");
    }
}

#[test]
fn u4_what_works_here_and_not_everywhere_is_told_beside_the_answer() {
    for (roles, arn, doubt) in [
        (vec![role(DEV_ALICE, "dev", &[])], "arn:aws:sts::111122223333:assumed-role/Dev/bob", "session-arn"),
        (
            vec![role("arn:aws:iam::111122223333:user/Bob", "b", &[])],
            "arn:aws:iam::111122223333:user/Bob",
            "user-in-map-roles",
        ),
    ] {
        let explanation = explained(&file(&roles, &[], &[]), arn);
        assert_eq!(explanation.decision, Decision::Allowed);
        assert!(explanation.notes.iter().any(|note| note.starts_with(doubt)), "{:?}", explanation.notes);
    }
    let case = explained(&file(&[role("arn:aws:iam::111122223333:role/DEV", "dev", &[])], &[], &[]), DEV_ALICE);
    assert_eq!(case.decision, Decision::Allowed, "the case of a role's name does not count");
}

#[test]
fn u2_explain_follows_sso_entries() {
    let arn = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/alice";
    for partition in ["", "aws"] {
        let chain = file(&[sso("AdministratorAccess", "111122223333", partition, "admin")], &[], &[]);
        assert_eq!(explained(&chain, arn).decision, Decision::Allowed);
        let short = told(&explained(&chain, &arn.replace("def/", "de/")));
        assert_eq!(short.0, "not_mapped+sso_suffix");
        assert_eq!(told(&explained(&chain, &arn.replace("3333", "3334"))).0, "not_mapped+account_differs");
    }
    let old_suffix =
        role("arn:aws:iam::111122223333:role/AWSReservedSSO_AdministratorAccess_fedcba9876543210", "a", &[]);
    let (code, remedy) = told(&explained(&file(&[old_suffix], &[], &[]), arn));
    assert_eq!(code, "not_mapped+sso_suffix");
    assert!(remedy.contains("sso"), "{remedy}");
}

#[test]
fn the_whole_walk_is_told_and_later_steps_are_not_asked() {
    let first = table(SourceKind::EksConfigMap, &[], &[], &["444455556666"]);
    let second = table(
        SourceKind::MountedFile,
        &[like("arn:aws:iam::111122223333:role/D*", "like"), role(DEV, "dev:{{SessionName}}", &["g"])],
        &[],
        &["111122223333"],
    );
    let explanation = explained(&chain(vec![first, second]), DEV_ALICE);
    let steps: Vec<(&str, Outcome)> = explanation.steps.iter().map(|step| (step.source, step.outcome)).collect();
    assert_eq!(
        steps,
        [
            ("deny", Outcome::Passed),
            ("EKSConfigMap", Outcome::Missed),
            ("MountedFile", Outcome::Matched),
            ("MountedFile", Outcome::NotAsked),
            ("MountedFile", Outcome::NotAsked),
        ]
    );
    let user = explanation.user.as_ref().unwrap();
    assert_eq!((user.username.as_str(), user.groups.as_slice()), ("dev:alice", &["g".to_owned()][..]));
    insta::assert_snapshot!(explanation.render(), @r#"
    allowed: user `dev:alice`, groups `g`

    caller
      ARN            arn:aws:sts::111122223333:assumed-role/Dev/alice
      canonical ARN  arn:aws:iam::111122223333:role/Dev
      unique id      AROAEXAMPLE2
      session name   alice
      access key id  ASIAEXAMPLE1

    steps
      1. deny: passed
      2. EKSConfigMap: no match (none of 1 names the caller)
      3. MountedFile: matched: `arn:aws:iam::111122223333:role/Dev` at config.yaml:2
      4. MountedFile: not asked: `arn:aws:iam::111122223333:role/D*` at config.yaml:1 (names the caller too; an earlier step decides)
      5. MountedFile: not asked: `mapAccounts` at config.yaml:1 (names the caller too; an earlier step decides)

    names
      username       `dev:{{SessionName}}` → `dev:alice`
      groups         `g` → `g`

    user
      username       dev:alice
      uid            aws-iam-authenticator:111122223333:AROAEXAMPLE2
      groups         g
      extra          accessKeyId: ASIAEXAMPLE1
      extra          arn: arn:aws:sts::111122223333:assumed-role/Dev/alice
      extra          canonicalArn: arn:aws:iam::111122223333:role/Dev
      extra          principalId: AROAEXAMPLE2
      extra          sessionName: alice
      extra          sigs.k8s.io/aws-iam-authenticator/principalId: AROAEXAMPLE2
    "#);
}

#[test]
fn a_deny_entry_decides_before_all_sources() {
    let text =
        DenyText { account: Some("111122223333".to_owned()), reason: Some("left".to_owned()), ..DenyText::default() };
    let deny = DenyList::new(vec![DenyEntry::parse(&text, origin(7)).unwrap()]);
    let chain = Chain { deny: Live::fixed(deny), ..file(&[role(DEV, "dev", &[])], &[], &[]) };
    let explanation = explained(&chain, DEV_ALICE);
    let (code, remedy) = told(&explanation);
    assert_eq!(code, "denied");
    assert!(remedy.contains("config.yaml:7"), "{remedy}");
    assert_eq!(explanation.steps[0].outcome, Outcome::Denied);
    assert_eq!(explanation.steps[1].outcome, Outcome::NotAsked);
}

#[test]
fn a_caller_is_what_sts_would_send() {
    let of = |arn: &str| {
        let (identity, notes) = explain::caller(&Principal { arn, ..Principal::default() }).unwrap();
        let text = |value: Option<&str>| value.map(str::to_owned);
        (identity.arn().to_owned(), text(identity.user_id()), text(identity.session_name()), notes.len())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(of(DEV_ALICE), (DEV_ALICE.to_owned(), None, some("alice"), 0));
    assert_eq!(of("arn:aws:iam::111122223333:role/team/Dev"), (DEV.to_owned(), None, None, 2));
    let root = "arn:aws:iam::111122223333:root";
    assert_eq!(of(root), (root.to_owned(), some("111122223333"), some(""), 0));
    let bob = "arn:aws:iam::111122223333:user/team/Bob";
    assert_eq!(of(bob), (bob.to_owned(), None, some(""), 0));
    assert!(explain::caller(&Principal { arn: "Dev", ..Principal::default() }).is_err());
}

#[test]
fn what_is_not_known_of_a_caller_is_asked_for() {
    let identity = explain::caller(&Principal { arn: DEV_ALICE, ..Principal::default() }).unwrap().0;
    let ask =
        |entry: EntryText| told(&explain::explain(&file(&[entry], &[], &[]), &identity, NOW, &NodeNames::Unavailable));
    let (code, remedy) = ask(pinned("AROAEXAMPLE1"));
    assert!(code == "unique_id_mismatch" && remedy.contains("give the caller's unique id"), "{code} {remedy}");
    let (code, remedy) = ask(role(DEV, "dev:{{AccessKeyID}}", &[]));
    assert!(code == "template_failed" && remedy.contains("AccessKeyID"), "{code} {remedy}");
    let (code, _) = ask(role(DEV, "system:node:{{EC2PrivateDNSName}}", &[]));
    assert_eq!(code, "node_lookup_unavailable");
}

#[test]
fn a_slip_in_a_name_is_near() {
    let explanation = explained(
        &file(&[role("arn:aws:iam::111122223333:role/Developers", "d", &[])], &[], &[]),
        &DEV_ALICE.replace("Dev", "Developer"),
    );
    assert_eq!(explanation.nearest.len(), 1);
    assert_eq!(told(&explanation).0, "not_mapped");
    let users = [user("arn:aws:iam::111122223333:user/Robert", "bob")];
    let explanation = explained(&file(&[], &users, &[]), "arn:aws:iam::111122223333:user/Rupert");
    assert!(explanation.nearest[0].cure.contains("userarn"), "{:?}", explanation.nearest);
}
