//! Whom an access entry names.

use super::AccessEntryError;
use crate::iam::{AccountId, ArnSections, CanonicalArn, Partition, PrincipalKind};
use crate::mapping::principal::ExactArn;
use crate::mapping::{EntryList, RolePaths};

/// The principal of an entry: a role, a user, or an account's root user.
#[derive(Debug)]
pub(super) struct Subject<'t> {
    written: &'t str,
    canonical: CanonicalArn,
    account: AccountId,
}

/// Longest path of a role or user, without the slashes around it.
const MAX_PATH: usize = 510;
/// Longest name of a role or user.
const MAX_NAME: usize = 64;
/// Characters behind the prefix of a unique id.
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 12..=124;

impl<'t> Subject<'t> {
    pub(super) fn parse(written: &'t str) -> Result<Self, AccessEntryError> {
        let bad = || AccessEntryError::PrincipalArn(written.to_owned());
        let sections = ArnSections::split(written).map_err(|_| bad())?;
        let kind = sections.resource.split_once('/').map(|(kind, _)| kind);
        let is_other = kind.is_some_and(|kind| !matches!(kind, "role" | "user" | "root" | "") && is_word(kind));
        if sections.service == "sts" || (sections.service == "iam" && is_other) {
            return Err(AccessEntryError::PrincipalKind(written.to_owned()));
        }
        sections.partition.parse::<Partition>().map_err(|_| bad())?;
        let account: AccountId = sections.account.parse().map_err(|_| bad())?;
        let is_iam = sections.service == "iam" && sections.region.is_empty();
        if !is_iam || !is_principal(sections.resource) {
            return Err(bad());
        }
        let path = sections.resource.strip_prefix("role/").and_then(|path| path.split_once('/'));
        if path.is_some_and(|(first, _)| first.eq_ignore_ascii_case("aws-service-role")) {
            return Err(AccessEntryError::ServiceLinkedRole(written.to_owned()));
        }
        let canonical = CanonicalArn::parse(written).map_err(|_| bad())?;
        Ok(Self { written, canonical, account })
    }

    pub(super) fn is_role(&self) -> bool {
        self.canonical.kind() == PrincipalKind::Role
    }

    pub(super) const fn account(&self) -> AccountId {
        self.account
    }

    /// Roles are asked before users, as in every table; a role and a user never share an ARN.
    pub(super) fn list(&self) -> EntryList {
        if self.is_role() { EntryList::Roles } else { EntryList::Users }
    }

    /// What callers are compared with: a role without its path, which STS never sends.
    pub(super) fn exact(&self) -> ExactArn {
        ExactArn::new(self.written, &self.canonical, RolePaths::Ignore)
    }

    /// What EKS fills in where no username is given, spelled as the entry spells the principal.
    pub(super) fn default_username(&self) -> String {
        if !self.is_role() {
            return self.written.to_owned();
        }
        let (partition, account, name) = (self.canonical.partition(), self.account, self.canonical.name());
        format!("arn:{partition}:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}")
    }

    /// What is wrong with a pin.
    pub(super) fn judge_id(&self, id: &str) -> Option<AccessEntryError> {
        let (good, expected) = match self.canonical.kind() {
            PrincipalKind::Root => (id == self.canonical.account(), "the account's twelve digits"),
            PrincipalKind::User => (is_unique_id(id, "AIDA"), "AIDA and 12 to 124 of A-Z and 0-9"),
            PrincipalKind::AssumedRole | PrincipalKind::FederatedUser | PrincipalKind::Role => {
                (is_unique_id(id, "AROA"), "AROA and 12 to 124 of A-Z and 0-9")
            }
        };
        (!good).then(|| AccessEntryError::PrincipalId { id: id.to_owned(), expected })
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// `root`, or `role/` or `user/`, a path or none, and a name.
fn is_principal(resource: &str) -> bool {
    if resource == "root" {
        return true;
    }
    let Some(rest) = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/")) else { return false };
    let (path, name) = match rest.rsplit_once('/') {
        Some((path, name)) => (Some(path), name),
        None => (None, rest),
    };
    let printable =
        |path: &str| (1..=MAX_PATH).contains(&path.len()) && path.bytes().all(|byte| byte.is_ascii_graphic());
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    path.is_none_or(printable) && (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(known)
}

fn is_unique_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| {
        ID_LENGTHS.contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}
