//! The rules of access policies, as data.
//!
//! Source: Amazon EKS User Guide, "Review access policy permissions", after November 2025. They are not those of the
//! built-in roles `view`, `edit` and `admin`: nothing is aggregated into them.

use super::PolicyRule;

/// A rule over resources of one API group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Empty is the core group.
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
}

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const WRITE_AND_READ: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// `AmazonEKSViewPolicy`, and the beginning of the next two.
pub(super) const VIEW: &[Rule] = &[
    Rule {
        group: "apps",
        resources: &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
        verbs: READ,
    },
    Rule {
        group: "autoscaling",
        resources: &["horizontalpodautoscalers", "horizontalpodautoscalers/status"],
        verbs: READ,
    },
    Rule { group: "batch", resources: &["cronjobs", "cronjobs/status", "jobs", "jobs/status"], verbs: READ },
    Rule { group: "discovery.k8s.io", resources: &["endpointslices"], verbs: READ },
    Rule {
        group: "extensions",
        resources: &[
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "ingresses",
            "ingresses/status",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "replicationcontrollers/scale",
        ],
        verbs: READ,
    },
    Rule { group: "networking.k8s.io", resources: &["ingresses", "ingresses/status", "networkpolicies"], verbs: READ },
    Rule { group: "policy", resources: &["poddisruptionbudgets", "poddisruptionbudgets/status"], verbs: READ },
    Rule {
        group: "",
        resources: &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
            "services/status",
        ],
        verbs: READ,
    },
    Rule {
        group: "",
        resources: &[
            "bindings",
            "events",
            "limitranges",
            "namespaces/status",
            "pods/log",
            "pods/status",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
        ],
        verbs: READ,
    },
    Rule { group: "", resources: &["namespaces"], verbs: READ },
];

/// What `AmazonEKSEditPolicy` adds.
pub(super) const EDIT: &[Rule] = &[
    Rule {
        group: "apps",
        resources: &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
        verbs: WRITE,
    },
    Rule { group: "autoscaling", resources: &["horizontalpodautoscalers"], verbs: WRITE },
    Rule { group: "batch", resources: &["cronjobs", "jobs"], verbs: WRITE },
    Rule {
        group: "extensions",
        resources: &[
            "daemonsets",
            "deployments",
            "deployments/rollback",
            "deployments/scale",
            "ingresses",
            "networkpolicies",
            "replicasets",
            "replicasets/scale",
            "replicationcontrollers/scale",
        ],
        verbs: WRITE,
    },
    Rule { group: "networking.k8s.io", resources: &["ingresses", "networkpolicies"], verbs: WRITE },
    Rule { group: "policy", resources: &["poddisruptionbudgets"], verbs: WRITE },
    Rule {
        group: "",
        resources: &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"],
        verbs: READ,
    },
    Rule { group: "", resources: &["serviceaccounts"], verbs: &["impersonate"] },
    Rule {
        group: "",
        resources: &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"],
        verbs: WRITE,
    },
    Rule {
        group: "",
        resources: &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
            "services/proxy",
        ],
        verbs: WRITE,
    },
];

/// What `AmazonEKSAdminPolicy` adds.
pub(super) const ADMIN: &[Rule] = &[
    Rule { group: "authorization.k8s.io", resources: &["localsubjectaccessreviews"], verbs: &["create"] },
    Rule { group: "rbac.authorization.k8s.io", resources: &["rolebindings", "roles"], verbs: WRITE_AND_READ },
];

/// `AmazonEKSAdminViewPolicy`: Secrets are in it.
pub(super) const ADMIN_VIEW: &[Rule] = &[Rule { group: "*", resources: &["*"], verbs: READ }];

/// `AmazonEKSSecretReaderPolicy`.
pub(super) const SECRET_READER: &[Rule] = &[Rule { group: "", resources: &["secrets"], verbs: READ }];

/// `AmazonEKSClusterAdminPolicy`: the only one that reaches URLs which are no resources.
pub(super) fn cluster_admin() -> Vec<PolicyRule> {
    let all = || vec!["*".to_owned()];
    vec![
        PolicyRule { api_groups: all(), resources: all(), verbs: all(), ..PolicyRule::default() },
        PolicyRule { non_resource_urls: all(), verbs: all(), ..PolicyRule::default() },
    ]
}

impl From<&Rule> for PolicyRule {
    fn from(rule: &Rule) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            api_groups: vec![rule.group.to_owned()],
            resources: owned(rule.resources),
            verbs: owned(rule.verbs),
            ..Self::default()
        }
    }
}
