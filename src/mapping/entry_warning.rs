//! What loads and is probably not meant.

use super::access_entry::doubts;
use super::principal::{ExactArn, Principal};
use super::reserved::{MASTERS, is_reserved_group, is_reserved_username};
use super::{Entry, EntryList, MappedAccount, Placeholder, Template};
use crate::iam::{AccountId, CanonicalArn, PrincipalKind};

/// Groups that an access policy alone gives.
const POLICY_GROUPS: &str = "iam-bridge.dev:";

/// One doubt about an entry that loads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntryWarning {
    /// Stable diagnostic code, kebab-case.
    pub code: &'static str,
    /// Member it is about.
    pub key: &'static str,
    /// What is doubtful, with the value in backticks.
    pub what: String,
    /// What to do.
    pub cure: String,
}

impl Entry {
    /// What loads and is probably not meant: a role path that never matches, a root ARN, an empty username, …. An access
    /// entry without a pin has one doubt at least: these are for who asks, not for logs.
    #[must_use]
    pub fn warnings(&self) -> Vec<EntryWarning> {
        if let Some(access_type) = self.access_type() {
            return doubts(self, access_type);
        }
        let mut warnings = Vec::new();
        match self.principal() {
            Principal::Exact(exact) => principal_warnings(self.list(), exact, &mut warnings),
            Principal::Pattern(pattern) if pattern.0.lowercase().matches('/').count() > 1 => {
                warnings.push(EntryWarning {
                    code: "role-path-never-matches",
                    key: "rolearnLike",
                    what: format!("`{}` has a path, and STS never sends one: the entry matches nobody", pattern.1),
                    cure: "leave the path out, or set server.rolePaths to ignore".to_owned(),
                });
            }
            Principal::UserId(Some(exact)) => principal_warnings(self.list(), exact, &mut warnings),
            Principal::Pattern(_) | Principal::Sso(_) | Principal::UserId(None) => {}
        }
        if let Some(pin) = self.pin().filter(|pin| self.names_roles() && pin.contains(':')) {
            warnings.push(EntryWarning {
                code: "pin-never-matches",
                key: "userid",
                what: format!("`{pin}` holds a colon, which no role's unique id has: the entry matches nobody"),
                cure: "write the part before the colon".to_owned(),
            });
        }
        username_warnings(self.username(), &mut warnings);
        for group in self.groups() {
            group_warnings(group, &mut warnings);
        }
        for (key, template) in
            std::iter::once(("username", self.username())).chain(self.groups().iter().map(|group| ("groups", group)))
        {
            self.placeholder_warnings(key, template, &mut warnings);
        }
        warnings
    }

    fn names_roles(&self) -> bool {
        match self.principal() {
            Principal::Exact(exact) => exact.key().contains(":role/"),
            Principal::UserId(_) => self.list() == EntryList::Roles,
            Principal::Pattern(_) | Principal::Sso(_) => true,
        }
    }

    fn placeholder_warnings(&self, key: &'static str, template: &Template, warnings: &mut Vec<EntryWarning>) {
        let needs_session = |value: &Placeholder| {
            matches!(value, Placeholder::SessionName | Placeholder::SessionNameRaw | Placeholder::Ec2PrivateDnsName)
        };
        if !self.names_roles() && template.placeholders().any(|value| needs_session(&value)) {
            warnings.push(EntryWarning {
                code: "session-of-a-user",
                key,
                what: format!("`{template}` asks for a session name, and a user has none: it comes out empty"),
                cure: "write the name itself".to_owned(),
            });
        }
        if let Some(unknown) = template.literals().find_map(unknown_placeholder) {
            let near = Placeholder::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(unknown.trim()));
            let cure = match near {
                Some(known) => format!("write `{{{{{}}}}}`", known.as_str()),
                None => "the placeholders are {{AccountID}}, {{SessionName}}, {{SessionNameRaw}}, {{AccessKeyID}}, {{EC2PrivateDNSName}}".to_owned(),
            };
            warnings.push(EntryWarning {
                code: "unknown-placeholder",
                key,
                what: format!("`{{{{{unknown}}}}}` is no placeholder and stays as text"),
                cure,
            });
        }
    }
}

impl MappedAccount {
    /// What loads and never matches.
    #[must_use]
    pub fn warnings(&self) -> Vec<EntryWarning> {
        let cure = "write the twelve digits in quotes; without them YAML takes leading zeros away".to_owned();
        match self.id.parse::<AccountId>() {
            Ok(_) => Vec::new(),
            Err(_) => vec![EntryWarning {
                code: "account-never-matches",
                key: "",
                what: format!("`{}` is not twelve digits: no account has this id", self.id),
                cure,
            }],
        }
    }
}

fn principal_warnings(list: EntryList, exact: &ExactArn, warnings: &mut Vec<EntryWarning>) {
    let key = match list {
        EntryList::Roles => "rolearn",
        EntryList::Users => "userarn",
    };
    let written = exact.written();
    let matched = exact.key();
    let canonical = match CanonicalArn::parse(&matched) {
        Ok(canonical) if canonical.lowercase() == matched => canonical,
        // Where ARNs are not judged: a session's, a typo, half an ARN.
        Ok(_) | Err(_) => {
            warnings.push(EntryWarning {
                code: "arn-never-matches",
                key,
                what: format!("`{written}` is not the ARN of a role or user: the entry matches nobody"),
                cure: "write it as `arn:aws:iam::111122223333:role/NAME`, or `…:user/NAME`".to_owned(),
            });
            return;
        }
    };
    let written_kind = CanonicalArn::parse(written).map_or_else(|_| canonical.kind(), |arn| arn.kind());
    let mut warn = |code, what: String, cure: String| warnings.push(EntryWarning { code, key, what, cure });
    let role = || {
        format!("arn:{}:iam::{}:role/{}", canonical.partition(), canonical.account(), name_of(written, written_kind))
    };

    if canonical.kind() == PrincipalKind::Role && canonical.resource().matches('/').count() > 1 {
        warn(
            "role-path-never-matches",
            format!("`{written}` has a path, and STS never sends one: the entry matches nobody"),
            format!("write `{}`, or set server.rolePaths to ignore", role()),
        );
    } else if !canonical.sections().region.is_empty() {
        warn(
            "region-never-matches",
            format!("`{written}` has a region, and ARNs of IAM have none: the entry matches nobody"),
            "leave the fourth section empty".to_owned(),
        );
    } else if written.contains(['*', '?']) {
        warn(
            "wildcard-never-matches",
            format!("`{written}` holds a wildcard, which is taken as it is: the entry matches nobody"),
            "name each principal, or match roles with rolearnLike in mapRoles".to_owned(),
        );
    }
    match (written_kind, list) {
        (PrincipalKind::Root, _) => warn(
            "root-arn",
            format!("`{written}` is the account's root user alone, not the account's users and roles"),
            "name roles or users, or put the account into mapAccounts".to_owned(),
        ),
        (PrincipalKind::AssumedRole, _) => warn(
            "session-arn",
            format!("`{written}` names one session, and the entry holds for every session of the role"),
            format!("write `{}`", role()),
        ),
        (PrincipalKind::User, EntryList::Roles) => warn(
            "user-in-map-roles",
            format!("`{written}` is a user; it works here, and not in every source"),
            "move it to mapUsers as userarn".to_owned(),
        ),
        (PrincipalKind::Role, EntryList::Users) => warn(
            "role-in-map-users",
            format!("`{written}` is a role; it works here, and not in every source"),
            "move it to mapRoles as rolearn".to_owned(),
        ),
        (PrincipalKind::User | PrincipalKind::Role | PrincipalKind::FederatedUser, _) => {}
    }
}

/// The role's name in an ARN as written.
fn name_of(written: &str, kind: PrincipalKind) -> &str {
    let from_end = usize::from(kind == PrincipalKind::AssumedRole);
    written.rsplit('/').nth(from_end).unwrap_or(written)
}

fn username_warnings(username: &Template, warnings: &mut Vec<EntryWarning>) {
    let mut warn = |code, what: String, cure: &str| {
        warnings.push(EntryWarning { code, key: "username", what, cure: cure.to_owned() });
    };
    if username.is_empty() {
        warn(
            "empty-username",
            "the username is empty: the entry refuses everybody it names".to_owned(),
            "give a username",
        );
    } else if is_reserved_username(username.literal_prefix()) {
        warn(
            "reserved-name",
            format!("username `{username}` is reserved: the entry refuses everybody it names"),
            "give another username",
        );
    } else if username.caller_chooses_freely() {
        warn(
            "free-username",
            format!("with `{username}` whoever assumes the role can take any username of letters, digits and `_=,.@-`"),
            "put a word and a colon before the session name, as `deploy:{{SessionName}}`",
        );
    }
}

fn group_warnings(group: &Template, warnings: &mut Vec<EntryWarning>) {
    let mut warn = |code, what: String, cure: &str| {
        warnings.push(EntryWarning { code, key: "groups", what, cure: cure.to_owned() });
    };
    if group.is_empty() {
        warn("empty-group", "a group is empty: the entry refuses everybody it names".to_owned(), "delete it");
    } else if is_reserved_group(group.literal_prefix()) {
        let of_policies = group.literal_prefix().starts_with(POLICY_GROUPS);
        warn(
            if of_policies { "policy-group" } else { "reserved-name" },
            format!("group `{group}` is reserved: the entry refuses everybody it names"),
            "give another group",
        );
    } else if group.literal_prefix() == MASTERS {
        warn(
            "system-masters",
            "`system:masters` bypasses RBAC: nothing can limit or revoke it but this entry".to_owned(),
            "bind an own group to cluster-admin instead",
        );
    } else if group.caller_chooses_freely() {
        warn(
            "free-group",
            format!("with `{group}` whoever assumes the role can join any group of letters, digits and `_=,.@-`"),
            "put a word and a colon before the session name, as `team:{{SessionName}}`",
        );
    }
}

/// What stands between double braces in a literal.
fn unknown_placeholder(literal: &str) -> Option<&str> {
    let (_, from) = literal.split_once("{{")?;
    from.split_once("}}").map(|(name, _)| name)
}
