//! What each access policy allows on a real API server, held against the table of its rules.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use iam_bridge::clock::Clock;
use iam_bridge::demo::sts::Principal;
use iam_bridge::kubernetes::{ClusterAccess, connect};
use iam_bridge::rbac::{AccessPolicy, PolicyRule};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use secrecy::ExposeSecret;

use super::entry_rig::{BASE, ENTRIES, EntryRig, POLICIES, with_policy};
use super::rig::CLUSTER_ID;
use crate::harness::bridge::token;

/// Reviews under way at once.
const AT_ONCE: usize = 8;

/// A right: group, resource with its subresource, verb.
type Right = (String, String, String);

/// What no table need name, and what people ask for that some policy has not.
const BESIDE: [(&str, &str, &str); 16] = [
    ("", "nodes", "get"),
    ("", "persistentvolumes", "list"),
    ("", "pods/eviction", "create"),
    ("", "pods/ephemeralcontainers", "patch"),
    ("", "serviceaccounts/token", "create"),
    ("", "users", "impersonate"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    ("certificates.k8s.io", "certificatesigningrequests", "create"),
    ("coordination.k8s.io", "leases", "get"),
    ("example.com", "widgets", "get"),
    ("example.com", "widgets", "create"),
    ("iam-bridge.dev", "accessentries", "create"),
    ("metrics.k8s.io", "pods", "get"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    ("rbac.authorization.k8s.io", "clusterroles", "bind"),
    ("rbac.authorization.k8s.io", "roles", "escalate"),
];

/// Every right that is worth asking about: each resource that some policy names, with each verb that any names.
fn rights() -> BTreeSet<Right> {
    let named = |rule: &PolicyRule| !rule.resources.contains(&"*".to_owned());
    let rules: Vec<PolicyRule> = AccessPolicy::ALL.into_iter().flat_map(AccessPolicy::rules).filter(named).collect();
    let verbs: BTreeSet<&String> = rules.iter().flat_map(|rule| &rule.verbs).filter(|verb| *verb != "*").collect();
    let mut rights: BTreeSet<Right> =
        BESIDE.map(|(group, resource, verb)| (group.to_owned(), resource.to_owned(), verb.to_owned())).into();
    for rule in &rules {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                rights.extend(verbs.iter().map(|verb| (group.clone(), resource.clone(), (*verb).clone())));
            }
        }
    }
    rights
}

/// What the table says.
fn allows(policy: AccessPolicy, (group, resource, verb): &Right) -> bool {
    let has = |list: &[String], word: &String| list.contains(word) || list.iter().any(|any| any == "*");
    policy
        .rules()
        .iter()
        .any(|rule| has(&rule.api_groups, group) && has(&rule.resources, resource) && has(&rule.verbs, verb))
}

/// What a principal may do, asked of the API server under a token of its own.
struct Asker {
    reviews: Api<SelfSubjectAccessReview>,
}

impl Asker {
    async fn of(rig: &EntryRig, name: &str, principal: &Principal) -> Self {
        let token = token(principal, CLUSTER_ID, Clock::system().now());
        rig.cluster.write_kubeconfig(name, &format!("    token: {}\n", token.expose_secret()));
        let kubeconfig = Some(rig.cluster.kubeconfig(name));
        let client = connect(&ClusterAccess { kubeconfig, ..ClusterAccess::default() }).await.unwrap();
        Self { reviews: Api::all(client) }
    }

    async fn ask(&self, spec: SelfSubjectAccessReviewSpec) -> bool {
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let answer = self.reviews.create(&PostParams::default(), &review).await.unwrap();
        answer.status.unwrap().allowed
    }

    /// In a namespace, or in all where none is named.
    async fn may(&self, (group, resource, verb): &Right, namespace: Option<&str>) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = ResourceAttributes {
            group: Some(group.clone()),
            resource: Some(resource.to_owned()),
            subresource: Some(subresource.to_owned()),
            verb: Some(verb.clone()),
            namespace: namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        self.ask(spec).await
    }

    async fn may_ask_for(&self, path: &str) -> bool {
        let attributes = NonResourceAttributes { path: Some(path.to_owned()), verb: Some("get".to_owned()) };
        let spec = SelfSubjectAccessReviewSpec { non_resource_attributes: Some(attributes), ..Default::default() };
        self.ask(spec).await
    }

    /// What differs from what is expected.
    async fn differences(
        &self,
        rights: &BTreeSet<Right>,
        namespace: Option<&str>,
        expected: impl Fn(&Right) -> bool,
    ) -> Vec<String> {
        let asked = stream::iter(rights).map(|right| async move { (right, self.may(right, namespace).await) });
        let answers: Vec<(&Right, bool)> = asked.buffer_unordered(AT_ONCE).collect().await;
        let wrong = answers.into_iter().filter(|(right, may)| expected(right) != *may);
        wrong.map(|(right, may)| format!("{right:?}: {may}")).collect()
    }
}

/// In the cluster, in a namespace of theirs, and in one that is not.
#[test]
fn e2e_each_policy_allows_what_its_rules_say_where_its_scope_reaches_and_nothing_else() {
    let manifests = [[BASE].as_slice(), &ENTRIES, &POLICIES].concat();
    let Some(rig) = EntryRig::start(&manifests, "AccessEntry", "") else { return };
    rig.namespaces(&["theirs", "others"]);
    let rights = rights();
    assert!(rights.len() > 600, "{} rights", rights.len());
    for policy in AccessPolicy::ALL {
        let (wide, narrow) = (format!("{policy}-wide"), format!("{policy}-narrow"));
        let [of_cluster, of_namespace] = [&wide, &narrow].map(|role| rig.introduce(role, "rosa"));
        rig.apply_entry(&wide.to_lowercase(), &with_policy(&wide, policy.as_str(), &[]));
        rig.apply_entry(&narrow.to_lowercase(), &with_policy(&narrow, policy.as_str(), &["the*s"]));
        for (principal, role) in [(&of_cluster, &wide), (&of_namespace, &narrow)] {
            let username = format!("arn:aws:sts::111122223333:assumed-role/{role}/rosa");
            rig.server.until_judged(principal, Ok(&username));
        }
        let wanted = format!("iam-bridge.dev:policy:{policy}:the*s");
        rig.until_bound("theirs", &policy.object_name(), Some(&[&wanted]));
        let (wrong, paths) = rig.server.block_on(async {
            let wide = Asker::of(&rig, "wide", &of_cluster).await;
            let narrow = Asker::of(&rig, "narrow", &of_namespace).await;
            let mut wrong = Vec::new();
            for (place, differences) in [
                ("the cluster", wide.differences(&rights, None, |right| allows(policy, right)).await),
                (
                    "a scope that is there",
                    narrow.differences(&rights, Some("theirs"), |right| allows(policy, right)).await,
                ),
                ("another namespace", narrow.differences(&rights, Some("others"), |_| false).await),
                ("the cluster, by a scope", narrow.differences(&rights, None, |_| false).await),
            ] {
                wrong.extend(differences.into_iter().map(|difference| format!("{policy} in {place}: {difference}")));
            }
            (wrong, [wide.may_ask_for("/metrics").await, narrow.may_ask_for("/metrics").await])
        });
        assert!(wrong.is_empty(), "{} of {}: {:#?}", wrong.len(), rights.len(), wrong.get(..20).unwrap_or(&wrong));
        assert_eq!(paths, [policy == AccessPolicy::ClusterAdmin, false], "{policy}: /metrics");
    }
}

/// On EKS neither works; here RBAC sees what the holder has, and lets it be given on.
#[test]
fn e2e_a_holder_of_admin_makes_roles_of_what_it_holds_and_gives_nobody_more() {
    let manifests = [[BASE].as_slice(), &ENTRIES, &POLICIES].concat();
    let Some(rig) = EntryRig::start(&manifests, "AccessEntry", "") else { return };
    rig.namespaces(&["team", "others"]);
    let ada = rig.introduce("TeamAdmin", "ada");
    rig.apply_entry("team-admin", &with_policy("TeamAdmin", "AmazonEKSAdminPolicy", &["team"]));
    rig.until_may(&ada, &["get", "roles", "--namespace", "team"]);
    let bind = |role: &'static str| {
        vec!["create", "rolebinding", "given", "--group=people", "--namespace", "team", "--clusterrole", role]
    };
    for allowed in [
        vec!["create", "role", "reader", "--verb=get,list", "--resource=pods", "--namespace", "team"],
        vec!["create", "rolebinding", "reader", "--role=reader", "--group=people", "--namespace", "team"],
        bind("iam-bridge.dev:AmazonEKSViewPolicy"),
        vec!["delete", "rolebinding", "given", "--namespace", "team"],
    ] {
        let said = rig.kubectl(&ada, &allowed);
        assert_eq!(said.code, Some(0), "{allowed:?}: {said:?}");
    }
    for more in [
        bind("iam-bridge.dev:AmazonEKSClusterAdminPolicy"),
        bind("iam-bridge.dev:AmazonEKSAdminViewPolicy"),
        bind("cluster-admin"),
        vec!["create", "role", "token", "--verb=create", "--resource=serviceaccounts/token", "--namespace", "team"],
        vec!["create", "role", "reader", "--verb=get", "--resource=pods", "--namespace", "others"],
        vec![
            "create",
            "clusterrolebinding",
            "given",
            "--group=people",
            "--clusterrole=iam-bridge.dev:AmazonEKSViewPolicy",
        ],
    ] {
        rig.assert_forbidden(&ada, &more);
    }
}
