//! What is wrong with an access entry: a closed list of classes, in the order they are judged.

use crate::mapping::{AccessScopeError, Origin};
use crate::rbac::UnknownPolicy;

/// A fault. [`AccessEntryError::class`] names its class.
///
/// Texts are as written; positions of associations and groups count from 0.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccessEntryError {
    /// An ARN of STS, or of another kind of IAM resource.
    #[error("`{0}` is no IAM role or user, and an access entry names one")]
    PrincipalKind(String),
    /// Not the ARN of a role, user or root.
    #[error("`{0}` is not the ARN of an IAM role or user")]
    PrincipalArn(String),
    /// A role that belongs to a service of AWS.
    #[error("`{0}` is a service-linked role, which has no access entry")]
    ServiceLinkedRole(String),
    /// No type, or none that may be written here.
    #[error("`{0}` is no type of access entry")]
    Type(String),
    /// A node type, and the principal is no role.
    #[error("type {0} holds for a role alone")]
    TypePrincipal(&'static str),
    /// A node type, and the role is of another account than the cluster.
    #[error("type {entry_type} holds for roles of the cluster's account {cluster} alone, and the role is of {account}")]
    TypeAccount {
        /// The type.
        entry_type: &'static str,
        /// The role's account.
        account: String,
        /// The cluster's account.
        cluster: String,
    },
    /// A node type beside a member that it does not go with.
    #[error("type {entry_type} goes without {key}")]
    TypeFields {
        /// The type.
        entry_type: &'static str,
        /// `username`, `kubernetesGroups` or `policyAssociations`.
        key: &'static str,
    },
    /// The username begins as no username of an entry may.
    #[error("username `{username}` begins with `{prefix}`")]
    ReservedUsername {
        /// The username.
        username: String,
        /// What it begins with.
        prefix: &'static str,
    },
    /// The username is none.
    #[error("username `{username}` {reason}")]
    Username {
        /// The username.
        username: String,
        /// Why.
        reason: &'static str,
    },
    /// The username's braces are no placeholders that may stand there.
    #[error("username `{username}` {reason}")]
    UsernameTemplate {
        /// The username.
        username: String,
        /// Why.
        reason: &'static str,
    },
    /// A group is none that an entry may give.
    #[error("group `{group}` {reason}")]
    GroupName {
        /// Which of the groups.
        at: usize,
        /// The group.
        group: String,
        /// Why.
        reason: &'static str,
    },
    /// No unique id of such a principal.
    #[error("`{id}` is no unique id of such a principal; expected {expected}")]
    PrincipalId {
        /// The id.
        id: String,
        /// What it looks like.
        expected: &'static str,
    },
    /// A policy that is not known.
    #[error("{source}")]
    Policy {
        /// Which of the associations.
        at: usize,
        /// Why.
        source: UnknownPolicy,
    },
    /// A policy's ARN where its name belongs.
    #[error("`{policy}` is an ARN, and the policy's name belongs here")]
    PolicyArn {
        /// Which of the associations.
        at: usize,
        /// The ARN.
        policy: String,
    },
    /// A policy that stands twice.
    #[error("`{policy}` stands in the entry twice")]
    PolicyTwice {
        /// Which of the associations.
        at: usize,
        /// The policy.
        policy: &'static str,
    },
    /// No scope.
    #[error("{source}")]
    AccessScope {
        /// Which of the associations.
        at: usize,
        /// Why.
        source: AccessScopeError,
    },
    /// No RFC 3339 date-time.
    #[error("`{text}` is no RFC 3339 date-time")]
    Timestamp {
        /// Which of the associations; `None` is the entry itself.
        at: Option<usize>,
        /// `notBefore` or `expiresAt`.
        key: &'static str,
        /// As written.
        text: String,
    },
    /// The entry would end before it begins.
    #[error("notBefore `{not_before}` is not earlier than expiresAt `{expires_at}`")]
    EmptyWindow {
        /// As written.
        not_before: String,
        /// As written.
        expires_at: String,
    },
    /// Another entry of the source names the same principal; sources judge this.
    #[error("`{principal}` has another entry, at {first}")]
    DuplicatePrincipal {
        /// The principal as this entry writes it.
        principal: String,
        /// The entry that names it too.
        first: Origin,
    },
}

impl AccessEntryError {
    /// Its class, a stable word in snake case, for metrics: `principal_arn`, ….
    #[must_use]
    pub const fn class(&self) -> &'static str {
        self.words().0
    }

    /// The same in kebab case, for diagnostics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.words().1
    }

    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::PrincipalKind(_) => ("principal_kind", "principal-kind"),
            Self::PrincipalArn(_) => ("principal_arn", "principal-arn"),
            Self::ServiceLinkedRole(_) => ("service_linked_role", "service-linked-role"),
            Self::Type(_) => ("type", "type"),
            Self::TypePrincipal(_) => ("type_principal", "type-principal"),
            Self::TypeAccount { .. } => ("type_account", "type-account"),
            Self::TypeFields { .. } => ("type_fields", "type-fields"),
            Self::ReservedUsername { .. } => ("reserved_username", "reserved-username"),
            Self::Username { .. } => ("username", "username"),
            Self::UsernameTemplate { .. } => ("username_template", "username-template"),
            Self::GroupName { .. } => ("group_name", "group-name"),
            Self::PrincipalId { .. } => ("principal_id", "principal-id"),
            Self::Policy { .. } | Self::PolicyArn { .. } | Self::PolicyTwice { .. } => ("policy", "policy"),
            Self::AccessScope { .. } => ("access_scope", "access-scope"),
            Self::Timestamp { .. } | Self::EmptyWindow { .. } => ("timestamp", "timestamp"),
            Self::DuplicatePrincipal { .. } => ("duplicate_principal", "duplicate-principal"),
        }
    }

    /// Path of the member below the entry: `principalArn`, `policyAssociations[1].accessScope`, ….
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::PrincipalKind(_)
            | Self::PrincipalArn(_)
            | Self::ServiceLinkedRole(_)
            | Self::TypePrincipal(_)
            | Self::TypeAccount { .. }
            | Self::DuplicatePrincipal { .. } => "principalArn".to_owned(),
            Self::Type(_) => "type".to_owned(),
            Self::TypeFields { key, .. } | Self::Timestamp { at: None, key, .. } => (*key).to_owned(),
            Self::ReservedUsername { .. } | Self::Username { .. } | Self::UsernameTemplate { .. } => {
                "username".to_owned()
            }
            Self::GroupName { at, .. } => format!("kubernetesGroups[{at}]"),
            Self::PrincipalId { .. } => "principalId".to_owned(),
            Self::Policy { at, .. } | Self::PolicyArn { at, .. } | Self::PolicyTwice { at, .. } => {
                format!("policyAssociations[{at}].policy")
            }
            Self::AccessScope { at, source } => {
                let inner = match source {
                    AccessScopeError::Type(_) => ".type",
                    AccessScopeError::NamespacesOfCluster | AccessScopeError::Namespace(_) => ".namespaces",
                    AccessScopeError::NoNamespaces => "",
                };
                format!("policyAssociations[{at}].accessScope{inner}")
            }
            Self::Timestamp { at: Some(at), key, .. } => format!("policyAssociations[{at}].{key}"),
            Self::EmptyWindow { .. } => "expiresAt".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::PrincipalKind(text) if text.contains(":assumed-role/") => {
                "name the session's role: arn:PARTITION:iam::ACCOUNT:role/NAME".to_owned()
            }
            Self::PrincipalKind(_) | Self::PrincipalArn(_) => {
                "write arn:PARTITION:iam::ACCOUNT:role/NAME, or …:user/NAME".to_owned()
            }
            Self::ServiceLinkedRole(_) => "remove the entry; services of AWS do not log in by it".to_owned(),
            Self::Type(_) => {
                "write STANDARD for people, or EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX or HYBRID_LINUX for nodes"
                    .to_owned()
            }
            Self::TypePrincipal(_) => "name the role of the nodes, or write type STANDARD".to_owned(),
            Self::TypeAccount { .. } => "name a role of that account, or write type STANDARD".to_owned(),
            Self::TypeFields { .. } => "remove it: the type says what nodes get".to_owned(),
            Self::ReservedUsername { .. } => "begin it with a word of your own".to_owned(),
            Self::Username { .. } => "give a name, or leave username out".to_owned(),
            Self::UsernameTemplate { .. } => {
                "the placeholders are {{SessionName}} and {{SessionNameRaw}} of a role, with a colon somewhere before \
                 them, {{AccountID}} and {{AccessKeyID}}"
                    .to_owned()
            }
            Self::GroupName { .. } => "name a group of your own, and bind it to what it may do".to_owned(),
            Self::PrincipalId { .. } => "write the RoleId or UserId that IAM shows, or remove the key".to_owned(),
            Self::Policy { .. } => {
                let known: Vec<&str> = crate::rbac::AccessPolicy::ALL.iter().map(|policy| policy.as_str()).collect();
                format!("the policies are {}", known.join(", "))
            }
            Self::PolicyArn { .. } => "write what stands behind its last `/`".to_owned(),
            Self::PolicyTwice { .. } => "write it once, with all namespaces in one scope".to_owned(),
            Self::AccessScope { .. } => {
                "write `type: cluster` alone, or `type: namespace` and a list of namespaces; `*` stands for any run \
                 of characters"
                    .to_owned()
            }
            Self::Timestamp { .. } => "write it as 2026-12-31T18:00:00Z".to_owned(),
            Self::EmptyWindow { .. } => "let notBefore come first".to_owned(),
            Self::DuplicatePrincipal { .. } => {
                "keep one entry: roles are compared by account and name, without case and path".to_owned()
            }
        }
    }
}
