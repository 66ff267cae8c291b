//! What no text of an access entry can do, whoever calls; and that a table answers as a walk over its entries would.

use iam_bridge::clock::UnixSeconds;
use iam_bridge::document::Format;
use iam_bridge::iam::VerifiedIdentity;
use iam_bridge::live::Live;
use iam_bridge::mapping::{
    AccessEntry, AccessEntryForm, AccessEntryRules, AccessEntryText, AssociationText, Chain, DenyEntry, DenyList,
    DenyText, Entry, KubernetesUser, MappingError, MappingTable, NodeNames, Origin, SourceKind, choose,
    repeated_entries,
};
use iam_bridge::sources::keys::{AccessEntryFileSettings, parse_access_entry_file};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const NOW: UnixSeconds = UnixSeconds(1_767_225_600);
const ROLE_ID: &str = "AROA1234567890EXAMPLE";

fn principal() -> impl Strategy<Value = String> {
    let path = select(&["", "", "path/", "a/b/"][..]);
    let name = select(&["dev", "Dev", "ops", "AWSReservedSSO_View_0123456789abcdef"][..]);
    let account = select(&["111122223333", "444455556666"][..]);
    let partition = select(&["aws", "aws-cn"][..]);
    (partition, account, path, name, 0..6_u8).prop_map(|(partition, account, path, name, kind)| match kind {
        0 => format!("arn:{partition}:iam::{account}:root"),
        1 => format!("arn:{partition}:iam::{account}:user/{path}{name}"),
        _ => format!("arn:{partition}:iam::{account}:role/{path}{name}"),
    })
}

fn caller_arn() -> impl Strategy<Value = String> {
    let session = select(&["alice", "system:", "system:masters", "i-0123456789abcdef0", "", "a@b"][..]);
    (principal(), session).prop_map(|(arn, session)| match arn.split_once(":iam::") {
        Some((partition, rest)) if rest.contains(":role/") => {
            let (account, role) = rest.split_once(":role/").unwrap();
            format!("{partition}:sts::{account}:assumed-role/{}/{session}", role.rsplit('/').next().unwrap())
        }
        _ => arn,
    })
}

/// Names made of the pieces that rules are about.
fn name() -> impl Strategy<Value = String> {
    let piece = select(
        &[
            "system:",
            "system",
            ":",
            "masters",
            "nodes",
            "node:",
            "iam-bridge.dev:",
            "policy:",
            "eks:",
            "{{SessionName}}",
            "{{SessionNameRaw}}",
            "{{AccountID}}",
            "{{AccessKeyID}}",
            "{{EC2PrivateDNSName}}",
            "{",
            "}",
            "{{",
            "x",
            "-",
            " ",
            "\u{7}",
            "é",
        ][..],
    );
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn instant() -> impl Strategy<Value = String> {
    select(&["2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "soon", ""][..])
        .prop_map(str::to_owned)
}

fn association() -> impl Strategy<Value = AssociationText> {
    let policy = select(
        &[
            "AmazonEKSViewPolicy",
            "AmazonEKSEditPolicy",
            "AmazonEMRJobPolicy",
            "",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEMRJobPolicy",
        ][..],
    );
    let namespaces = prop::collection::vec(select(&["dev-*", "prod", "*", "-", "A"][..]).prop_map(str::to_owned), 0..3);
    (policy, select(&["cluster", "namespace", "x"][..]), namespaces, option::weighted(0.3, instant())).prop_map(
        |(policy, scope_type, namespaces, expires_at)| {
            let (policy, scope_type) = (policy.to_owned(), scope_type.to_owned());
            AssociationText { policy, scope_type, namespaces, expires_at }
        },
    )
}

fn text() -> impl Strategy<Value = AccessEntryText> {
    let types = select(
        &["STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "EC2", "HYPERPOD_LINUX", "x"][..],
    );
    let id = select(&[ROLE_ID, "AIDA1234567890EXAMPLE", "111122223333", "", "AROA"][..]);
    (
        principal(),
        option::of(types.prop_map(str::to_owned)),
        option::of(name()),
        prop::collection::vec(name(), 0..4),
        option::weighted(0.3, id.prop_map(str::to_owned)),
        option::weighted(0.3, instant()),
        option::weighted(0.3, instant()),
        prop::collection::vec(association(), 0..3),
    )
        .prop_map(
            |(
                principal_arn,
                entry_type,
                username,
                kubernetes_groups,
                principal_id,
                not_before,
                expires_at,
                associations,
            )| {
                let reason = None;
                AccessEntryText {
                    principal_arn,
                    entry_type,
                    username,
                    kubernetes_groups,
                    principal_id,
                    not_before,
                    expires_at,
                    reason,
                    associations,
                }
            },
        )
}

fn form() -> impl Strategy<Value = AccessEntryForm> {
    select(&[AccessEntryForm::Eks, AccessEntryForm::File, AccessEntryForm::Object][..])
}

fn parse(text: &AccessEntryText, form: AccessEntryForm) -> Option<AccessEntry> {
    AccessEntry::parse(text, &AccessEntryRules { form, cluster_account: None }, Origin::default()).ok()
}

fn chain(entries: Vec<Entry>) -> Chain {
    let table = MappingTable::of_access_entries(SourceKind::AccessEntryFile, entries);
    Chain { tables: vec![Live::fixed(table)], ..Chain::default() }
}

fn caller(arn: &str, id: Option<&str>) -> VerifiedIdentity {
    let session =
        arn.split_once(":assumed-role/").map_or("", |(_, rest)| rest.split_once('/').map_or("", |(_, name)| name));
    VerifiedIdentity::from_arn(arn, id, Some(session), Some("system:AKIA")).unwrap()
}

fn answer(chain: &Chain, identity: &VerifiedIdentity) -> Result<KubernetesUser, MappingError> {
    let names = [("i-0123456789abcdef0".to_owned(), "ip-10-0-0-1.ec2.internal".to_owned())].into();
    choose(chain, identity, NOW)?.render(identity, &NodeNames::Known(names))
}

const NODE_GROUPS: [&str; 4] =
    ["system:nodes", "system:bootstrappers", "system:node-proxier", "eks:kube-proxy-windows"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_entry_yields_a_name_of_the_system_or_a_group_of_policies_but_its_own(text in text(), form in form(), arn in caller_arn()) {
        let Some(AccessEntry { entry, unsupported }) = parse(&text, form) else { return Ok(()) };
        prop_assert!(form == AccessEntryForm::Eks || unsupported.is_empty());
        let is_node = entry.access_type().unwrap().is_node();
        let own: Vec<String> = entry.grants().iter().filter(|grant| !grant.is_over(NOW)).map(|grant| grant.group()).collect();
        let Ok(user) = answer(&chain(vec![entry]), &caller(&arn, Some(ROLE_ID))) else { return Ok(()) };
        prop_assert!(!user.username.trim().is_empty());
        prop_assert_eq!(user.username.starts_with("system:"), is_node);
        prop_assert!(!is_node || user.username.starts_with("system:node:"));
        for group in &user.groups {
            let allowed = !group.starts_with("system:") || (is_node && NODE_GROUPS.contains(&group.as_str()));
            prop_assert!(allowed && (!group.starts_with("iam-bridge.dev:") || own.contains(group)), "{}", group);
        }
        prop_assert!(own.iter().all(|group| user.groups.contains(group)));
        let mut once = user.groups.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), user.groups.len());
    }

    #[test]
    fn pins_windows_and_the_deny_list_hold_whatever_else_the_entry_says(text in text(), form in form(), arn in caller_arn(), known in any::<bool>()) {
        let Some(AccessEntry { entry, .. }) = parse(&text, form) else { return Ok(()) };
        let identity = caller(&arn, known.then_some("AROA9999999990EXAMPLE"));
        let pinned = entry.pin().is_some();
        let (begins, ends) = (entry.not_before(), entry.expires_at());
        let mut chain = chain(vec![entry]);
        if answer(&chain, &identity).is_ok() {
            prop_assert!(!pinned, "a pin admitted another id");
            prop_assert!(begins.is_none_or(|begin| begin <= NOW) && ends.is_none_or(|end| NOW < end));
        }
        let denied = DenyText { account: Some(identity.account_id().to_owned()), ..DenyText::default() };
        chain.deny = Live::fixed(DenyList::new(vec![DenyEntry::parse(&denied, Origin::default()).unwrap()]));
        let refused = matches!(answer(&chain, &identity), Err(MappingError::Denied { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn a_table_answers_as_a_walk_over_its_entries(principals in prop::collection::vec(principal(), 0..12), arn in caller_arn()) {
        let entries: Vec<Entry> = principals.iter().enumerate().map(|(number, principal)| {
            let text = AccessEntryText { principal_arn: principal.clone(), username: Some(format!("u{number}")), ..AccessEntryText::default() };
            parse(&text, AccessEntryForm::File).unwrap().entry
        }).collect();
        let key = |arn: &str| {
            let (owner, resource) = arn.split_once(":role/").unwrap_or((arn, ""));
            format!("{owner}/{}", resource.rsplit('/').next().unwrap()).to_ascii_lowercase()
        };
        let canonical = caller(&arn, None).canonical_arn().as_str().to_owned();
        let walked = principals.iter().rposition(|principal| key(principal) == key(&canonical)).map(|number| format!("u{number}"));
        let named = entries.iter().rposition(|entry| entry.names(caller(&arn, None).canonical_arn())).map(|number| format!("u{number}"));
        // Several entries of one principal do not come to a table; all that repeats is told.
        let mut keys: Vec<String> = principals.iter().map(|principal| key(principal)).collect();
        keys.sort();
        let unlike = { let mut once = keys.clone(); once.dedup(); once.len() };
        prop_assert_eq!(repeated_entries(&entries).len(), keys.len() - unlike);
        let user = answer(&chain(entries), &caller(&arn, Some(ROLE_ID))).ok().map(|user| user.username);
        prop_assert_eq!(&user, &walked);
        prop_assert_eq!(&user, &named);
    }

    #[test]
    fn a_file_is_read_or_refused_whatever_stands_in_it(pieces in prop::collection::vec(
        select(&["kind: AccessEntry\n", "kind: AccessEntryList\n", "items:\n", "- ", "  ", "spec:\n", "principalArn: ", "arn:aws:iam::1:role/x", "\n",
            "policyAssociations: ", "[", "{", "]", "}", "accessScope: {type: cluster}", "null", "---\n", "accessEntry: ", "associatedAccessPolicies: ", "1", "\"", ": "][..]), 0..24)) {
        let settings = AccessEntryFileSettings { cluster_account: None, unknown: iam_bridge::diagnostic::Severity::Error };
        for format in [Format::Yaml, Format::Json] {
            if let Err(faults) = parse_access_entry_file("f", &pieces.concat(), format, &settings) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}

#[test]
fn a_hundred_thousand_entries_of_one_kind_are_small() {
    assert!(size_of::<Entry>() <= 136, "an entry takes {} bytes beside its texts", size_of::<Entry>());
}
