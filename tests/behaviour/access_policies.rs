//! The rules of the access policies, and what scopes mean.

use std::collections::BTreeSet;

use iam_bridge::clock::UnixSeconds;
use iam_bridge::mapping::{AccessScope, AccessScopeError, Grant, NamespacePattern};
use iam_bridge::rbac::AccessPolicy;
use proptest::prelude::*;

/// Every (group, resource, verb) of a policy.
fn allowed(policy: AccessPolicy) -> BTreeSet<(String, String, String)> {
    let mut allowed = BTreeSet::new();
    for rule in policy.rules() {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                allowed.extend(rule.verbs.iter().map(|verb| (group.clone(), resource.clone(), verb.clone())));
            }
        }
    }
    allowed
}

fn allows(policy: AccessPolicy, group: &str, resource: &str, verb: &str) -> bool {
    allowed(policy).contains(&(group.to_owned(), resource.to_owned(), verb.to_owned()))
}

#[test]
fn policies_allow_what_aws_publishes() {
    use AccessPolicy::{Admin, Edit, View};
    for (group, resource, verb, view, edit, admin) in [
        ("", "pods", "list", true, true, true),
        ("", "pods/log", "get", true, true, true),
        ("", "pods", "delete", false, true, true),
        ("", "pods/exec", "create", false, true, true),
        ("", "pods/exec", "get", false, true, true),
        ("", "pods/eviction", "create", false, false, false),
        ("", "secrets", "get", false, true, true),
        ("", "secrets", "update", false, true, true),
        ("", "serviceaccounts", "watch", true, true, true),
        ("", "serviceaccounts", "impersonate", false, true, true),
        ("", "serviceaccounts/token", "create", false, false, false),
        ("", "namespaces", "get", true, true, true),
        ("", "namespaces", "create", false, false, false),
        ("", "nodes", "get", false, false, false),
        ("", "endpoints", "get", true, true, true),
        ("", "endpoints", "update", false, false, false),
        ("", "events", "create", false, true, true),
        ("", "services/proxy", "deletecollection", false, true, true),
        ("apps", "deployments/scale", "patch", false, true, true),
        ("apps", "deployments/rollback", "get", false, false, false),
        ("apps", "deployments/rollback", "create", false, true, true),
        ("apps", "controllerrevisions", "list", true, true, true),
        ("apps", "controllerrevisions", "delete", false, false, false),
        ("apps", "statefulsets/status", "update", false, false, false),
        ("autoscaling", "horizontalpodautoscalers", "update", false, true, true),
        ("batch", "jobs", "create", false, true, true),
        ("discovery.k8s.io", "endpointslices", "watch", true, true, true),
        ("extensions", "ingresses", "patch", false, true, true),
        ("networking.k8s.io", "networkpolicies", "delete", false, true, true),
        ("policy", "poddisruptionbudgets", "create", false, true, true),
        ("coordination.k8s.io", "leases", "get", false, false, false),
        ("rbac.authorization.k8s.io", "rolebindings", "create", false, false, true),
        ("rbac.authorization.k8s.io", "roles", "watch", false, false, true),
        ("rbac.authorization.k8s.io", "clusterroles", "get", false, false, false),
        ("authorization.k8s.io", "localsubjectaccessreviews", "create", false, false, true),
        ("authorization.k8s.io", "localsubjectaccessreviews", "get", false, false, false),
    ] {
        let seen = [View, Edit, Admin].map(|policy| allows(policy, group, resource, verb));
        assert_eq!(seen, [view, edit, admin], "{verb} {resource}.{group}");
    }
    let counts = AccessPolicy::ALL.map(|policy| (policy.rules().len(), allowed(policy).len()));
    assert_eq!(counts, [(22, 389), (1, 3), (2, 1), (20, 372), (1, 3), (10, 168)]);
}

#[test]
fn each_policy_holds_the_one_before_it() {
    let [view, edit, admin] = [AccessPolicy::View, AccessPolicy::Edit, AccessPolicy::Admin].map(allowed);
    assert!(view.is_subset(&edit) && edit.is_subset(&admin));
    for policy in AccessPolicy::ALL.into_iter().filter(|policy| *policy != AccessPolicy::ClusterAdmin) {
        assert!(policy.rules().iter().all(|rule| rule.non_resource_urls.is_empty()), "{policy} reaches a URL");
        assert!(
            policy.rules().iter().all(|rule| !rule.verbs.iter().any(|verb| verb == "*")),
            "{policy} has every verb"
        );
    }
    for verb in ["get", "list", "watch"] {
        assert!(allows(AccessPolicy::SecretReader, "", "secrets", verb));
        assert!(allows(AccessPolicy::AdminView, "*", "*", verb));
    }
    assert!(allows(AccessPolicy::ClusterAdmin, "*", "*", "*"));
    let urls: Vec<_> = AccessPolicy::ClusterAdmin.rules().into_iter().flat_map(|rule| rule.non_resource_urls).collect();
    assert_eq!(urls, ["*"]);
}

#[test]
fn a_policy_is_known_by_its_name_and_by_its_arn_in_any_partition() {
    for policy in AccessPolicy::ALL {
        assert_eq!(AccessPolicy::of_name(policy.as_str()), Ok(policy));
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let arn = format!("arn:{partition}:eks::aws:cluster-access-policy/{policy}");
            assert_eq!(AccessPolicy::of_arn(&arn), Ok(policy));
            assert_eq!(AccessPolicy::known_name(&arn), policy.as_str());
        }
    }
    for bad in [
        "AmazonEKSViewPolicy",
        "arn:aws:iam::aws:policy/AmazonEKSViewPolicy",
        "arn:aws:eks:eu-west-1:aws:cluster-access-policy/AmazonEKSViewPolicy",
        "arn:aws:eks::111122223333:cluster-access-policy/AmazonEKSViewPolicy",
        "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy/x",
        "arn:aws:eks::aws:cluster-access-policy/amazoneksviewpolicy",
        "arn:aws:eks::aws:cluster-access-policy/AmazonEMRJobPolicy",
    ] {
        assert!(AccessPolicy::of_arn(bad).is_err(), "{bad}");
    }
}

#[test]
fn labels_of_policies_are_a_closed_set() {
    let known = |text| AccessPolicy::known_name(text);
    assert_eq!(known("arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"), "AmazonEKSAutoNodePolicy");
    assert_eq!(known("AmazonSagemakerHyperpodSystemNamespacePolicy"), "AmazonSagemakerHyperpodSystemNamespacePolicy");
    for unknown in ["", "/", "AmazonEKSNewPolicy", "amazoneksviewpolicy", "other"] {
        assert_eq!(known(unknown), "other", "{unknown}");
    }
}

fn pattern(text: &str) -> NamespacePattern {
    NamespacePattern::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_pattern_is_the_name_of_a_namespace_with_stars() {
    let longest = "a".repeat(63);
    for good in ["a", "*", "dev-*", "*-dev", "a*b*c", "0", "**", longest.as_str()] {
        assert_eq!(NamespacePattern::parse(good).map(|pattern| pattern.to_string()).as_deref(), Ok(good));
    }
    let too_long = "a".repeat(64);
    for bad in ["", "-a", "a-", "A", "a_b", "a.b", "a?", "a b", "é", "a,b", too_long.as_str()] {
        assert_eq!(NamespacePattern::parse(bad), Err(AccessScopeError::Namespace(bad.to_owned())), "{bad}");
    }
}

#[test]
fn a_scope_says_where_and_nothing_beside_it() {
    let scope = |kind: &str, names: &[&str]| {
        AccessScope::parse(kind, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(scope("cluster", &[]), Ok(AccessScope::Cluster));
    assert_eq!(scope("cluster", &["a"]), Err(AccessScopeError::NamespacesOfCluster));
    assert_eq!(scope("namespace", &[]), Err(AccessScopeError::NoNamespaces));
    assert_eq!(scope("Cluster", &[]), Err(AccessScopeError::Type("Cluster".to_owned())));
    assert_eq!(scope("", &["a"]), Err(AccessScopeError::Type(String::new())));
    let some = scope("namespace", &["prod", "dev-*", "prod"]).unwrap();
    assert_eq!(some.namespaces().iter().map(NamespacePattern::as_str).collect::<Vec<_>>(), ["dev-*", "prod"]);
    assert!(some.reaches("dev-a") && some.reaches("prod") && !some.reaches("dev") && !some.reaches("kube-system"));
    assert!(AccessScope::Cluster.reaches("kube-system") && scope("namespace", &["*"]).unwrap().reaches("kube-system"));
}

fn grant(names: &[String]) -> Grant {
    let scope = AccessScope::parse("namespace", names).unwrap();
    Grant { policy: AccessPolicy::View, scope, expires_at: None }
}

#[test]
fn the_name_of_a_namespace_cannot_pass_for_the_hash_of_others() {
    let many: Vec<String> = (0..40).map(|number| format!("team-{number:02}")).collect();
    let hashed = grant(&many).group();
    let (_, scope) = hashed.rsplit_once(':').unwrap();
    assert!(scope.starts_with("sha256-") && scope.len() == 39, "{hashed}");
    assert_ne!(grant(&[scope.to_owned()]).group(), hashed);
    assert_eq!(grant(&["sha256".to_owned()]).group(), "iam-bridge.dev:policy:AmazonEKSViewPolicy:sha256");
}

#[test]
fn a_grant_ends_at_the_second_that_is_written() {
    let grant = Grant { expires_at: Some(UnixSeconds(100)), ..grant(&["a".to_owned()]) };
    assert!(!grant.is_over(UnixSeconds(99)) && grant.is_over(UnixSeconds(100)));
    assert!(!Grant { expires_at: None, ..grant }.is_over(UnixSeconds(i64::MAX)));
}

/// A star takes none or one more character: the definition, and slow.
fn naive(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            naive(rest, name) || name.split_first().is_some_and(|(_, name)| naive(pattern, name))
        }
        (Some((wanted, rest)), Some((seen, name))) => wanted == seen && naive(rest, name),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_as_its_definition_says(text in "[ab*]{1,9}", name in "[ab]{0,10}") {
        prop_assert_eq!(pattern(&text).matches(&name), naive(text.as_bytes(), name.as_bytes()));
    }

    #[test]
    fn a_group_does_not_depend_on_order_or_repetition(names in prop::collection::vec("[a-c]{1,3}|sha256-[ab]|[a-c]\\*", 1..60), turn in 0..60_usize) {
        let group = grant(&names).group();
        let mut other = names.clone();
        other.rotate_left(turn % names.len());
        other.extend(names.iter().take(turn).cloned());
        prop_assert_eq!(&grant(&other).group(), &group);
        prop_assert!(group.len() <= 300);
    }

    /// Who has a group has what its bindings give: two scopes may not meet in one.
    #[test]
    fn unlike_scopes_have_unlike_groups(one in prop::collection::vec("[ab]{1,30}|sha256-[ab]", 1..12), other in prop::collection::vec("[ab]{1,30}|sha256-[ab]", 1..12)) {
        let (one, other) = (grant(&one), grant(&other));
        prop_assert_eq!(one.scope == other.scope, one.group() == other.group());
    }
}
