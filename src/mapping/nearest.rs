//! Entries that nearly name a caller, and what differs. For people: walks whole tables, never on the way of a request.

use super::principal::Principal;
use super::{Entry, Hint, MappedAccount, MappingTable, Origin};
use crate::iam::{ArnSections, CanonicalArn, Partition, PrincipalKind, SsoRole, VerifiedIdentity};

/// An entry that nearly names a caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nearest {
    /// What differs; absent when it is the spelling of the name.
    pub hint: Option<Hint>,
    /// The principal as the entry writes it.
    pub principal: String,
    /// Where the entry stands.
    pub origin: Origin,
    /// The difference in words.
    pub differs: String,
    /// What to do, one line.
    pub cure: String,
}

/// Names this many edits apart, or fewer, are taken for a slip of the hand.
const SLIP: usize = 2;

/// The entries of `table` that nearly name the caller, those with a known mistake first, then in file order; at most `limit`.
#[must_use]
pub fn nearest(table: &MappingTable, identity: &VerifiedIdentity, limit: usize) -> Vec<Nearest> {
    let entries = table.entries().iter().filter_map(|entry| near_entry(entry, identity));
    let accounts = table.accounts().iter().filter_map(|account| near_account(account, table, identity));
    let mut found: Vec<Nearest> = entries.chain(accounts).collect();
    found.sort_by_key(|near| near.hint.is_none());
    found.truncate(limit);
    found
}

fn near_entry(entry: &Entry, identity: &VerifiedIdentity) -> Option<Nearest> {
    let caller = identity.canonical_arn();
    let form = Form::of(entry);
    let mut near = match entry.principal() {
        Principal::Exact(exact) => near_exact(ArnSections::split(&exact.key()).ok()?, caller, form),
        Principal::Pattern(pattern) => near_pattern(pattern.0.lowercase(), entry, caller),
        Principal::Sso(sso) => near_sso(&sso.0, caller),
        Principal::UserId(Some(exact)) if exact.is(caller.lowercase()) => {
            (entry.pin() != identity.user_id()).then(|| other_id(entry, identity))
        }
        Principal::UserId(Some(exact)) => near_exact(ArnSections::split(&exact.key()).ok()?, caller, form),
        Principal::UserId(None) => None,
    }?;
    near.principal = entry.principal_text();
    near.origin = entry.origin().clone();
    if entry.access_type().is_some() {
        // An access entry names one principal, by this member alone.
        near.cure = format!("if this caller is meant, write an entry with `{}`", suggested_entry(caller));
    }
    Some(near)
}

/// What the entry's format offers as a cure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// One principal an entry, and a role's path does not count.
    Access,
    /// `rolearn`, `userarn`, `sso`.
    Mapping,
}

impl Form {
    fn of(entry: &Entry) -> Self {
        if entry.access_type().is_some() { Self::Access } else { Self::Mapping }
    }

    /// The member that names the caller.
    fn member(self, caller: &CanonicalArn) -> String {
        match self {
            Self::Access => format!("principalArn: {caller}"),
            Self::Mapping => suggested_member(caller),
        }
    }
}

fn near_exact(entry: ArnSections<'_>, caller: &CanonicalArn, form: Form) -> Option<Nearest> {
    let own = ArnSections::split(caller.lowercase()).ok()?;
    if entry.resource == own.resource {
        return owner_differs(entry.partition, entry.account, caller, form);
    }
    if (entry.partition, entry.account) != (own.partition, own.account) {
        return None;
    }
    let (entry_kind, entry_name) = kind_and_name(entry.resource);
    let (kind, name) = kind_and_name(own.resource);
    if entry.resource == "root" {
        let differs = "the entry names the account's root user alone, not the account's users and roles".to_owned();
        let cure = match form {
            Form::Access => format!("add an entry with `{}`", form.member(caller)),
            Form::Mapping => {
                format!("add an entry with `{}`, or put the account into mapAccounts", form.member(caller))
            }
        };
        return Some(near(Hint::RootOnly, differs, cure));
    }
    if (entry_kind, kind) != ("role", "role") {
        return match entry_kind == kind {
            true if entry_name == name => Some(user_path_differs(entry.resource, caller, form)),
            true => slip(entry_name, name, caller, form),
            false => None,
        };
    }
    if entry_name == name && entry.resource.matches('/').count() > 1 {
        return Some(path_ignored(caller));
    }
    match (entry_name.rsplit_once('_'), name.rsplit_once('_')) {
        (Some((entry_set, _)), Some((set, suffix)))
            if entry_set == set && set.starts_with("awsreservedsso_") && suffix.len() == 16 =>
        {
            let differs = "the role of the permission set was made anew, with another suffix".to_owned();
            let cure = match form {
                Form::Access => format!("write `{}`, and again whenever the role is made anew", form.member(caller)),
                Form::Mapping => {
                    "write it as sso with permissionSetName and accountID, which holds for every suffix".to_owned()
                }
            };
            Some(near(Hint::SsoSuffix, differs, cure))
        }
        _ => slip(entry_name, name, caller, form),
    }
}

/// Would the pattern match a role of this name under its own partition, account and path?
fn near_pattern(pattern: &str, entry: &Entry, caller: &CanonicalArn) -> Option<Nearest> {
    let (owner, _) = pattern.rsplit_once('/')?;
    let candidate = CanonicalArn::parse(&format!("{owner}/{}", caller.name())).ok()?;
    if !is_role(caller) || !entry.names(&candidate) {
        return None;
    }
    if candidate.partition() == caller.partition() && candidate.account() == caller.account() {
        return Some(path_ignored(caller));
    }
    owner_differs(candidate.partition().as_str(), candidate.account(), caller, Form::Mapping)
}

fn near_sso(entry: &SsoRole, caller: &CanonicalArn) -> Option<Nearest> {
    if SsoRole::permission_set_of(caller) == Some(entry.permission_set_lowercase()) {
        return owner_differs(entry.partition().as_str(), &entry.account().to_string(), caller, Form::Mapping);
    }
    if entry.partition() != caller.partition() || caller.account() != entry.account().to_string() {
        return None;
    }
    let (_, name) = kind_and_name(caller.lowercase());
    let suffix =
        name.strip_prefix("awsreservedsso_")?.strip_prefix(entry.permission_set_lowercase())?.strip_prefix('_')?;
    Some(near(
        Hint::SsoSuffix,
        format!("`{suffix}`, which follows the set's name, is not the 16 hex digits that AWS appends"),
        format!("if this role is meant, write its own set's name in an sso entry, or `{caller}` as rolearn"),
    ))
}

fn near_account(account: &MappedAccount, table: &MappingTable, identity: &VerifiedIdentity) -> Option<Nearest> {
    let caller = identity.account_id();
    let near = if account.id == caller {
        near(
            Hint::PartitionDiffers,
            format!("account lists hold in partition {} alone (server.partition)", table.partition()),
            format!("add an entry with `{}`", suggested_member(identity.canonical_arn())),
        )
    } else if account.id.len() < 12 && !account.id.is_empty() && caller.trim_start_matches('0') == account.id {
        near(
            Hint::AccountDiffers,
            "the account's leading zeros are lost".to_owned(),
            format!("write \"{caller}\" with quotes"),
        )
    } else {
        return None;
    };
    Some(Nearest { principal: format!("mapAccounts {}", account.id), origin: account.origin.clone(), ..near })
}

/// Same resource, and exactly one of partition and account is another.
fn owner_differs(partition: &str, account: &str, caller: &CanonicalArn, form: Form) -> Option<Nearest> {
    let cure = format!("if this caller is meant, add an entry with `{}`", form.member(caller));
    match (partition == caller.partition().as_str(), account.eq_ignore_ascii_case(caller.account())) {
        (true, false) => {
            let differs = format!("the entry names account {account}, the caller is of {}", caller.account());
            Some(near(Hint::AccountDiffers, differs, cure))
        }
        (false, true) => {
            let differs = format!("the entry names partition {partition}, the caller is of {}", caller.partition());
            Some(near(Hint::PartitionDiffers, differs, cure))
        }
        _ => None,
    }
}

/// The right ARN under another unique id, in a source that looks entries up by it.
fn other_id(entry: &Entry, identity: &VerifiedIdentity) -> Nearest {
    let own = identity.user_id().unwrap_or("none");
    Nearest {
        hint: None,
        differs: format!(
            "the entry holds for unique id `{}`, the caller's is `{own}`",
            entry.pin().unwrap_or_default()
        ),
        cure: format!("if the role or user was made anew and is meant, write `{own}` as its userid"),
        principal: String::new(),
        origin: Origin::default(),
    }
}

fn path_ignored(caller: &CanonicalArn) -> Nearest {
    near(
        Hint::PathIgnored,
        "the entry's ARN has a path, and STS never sends one".to_owned(),
        format!("write `{caller}`, without the path, or set server.rolePaths to ignore"),
    )
}

/// A user's path is part of the ARN that STS sends, in every format.
fn user_path_differs(resource: &str, caller: &CanonicalArn, form: Form) -> Nearest {
    Nearest {
        hint: None,
        differs: format!("the paths differ: `{resource}` in the entry, `{}` of the caller", caller.resource()),
        cure: format!("if this caller is meant, write `{}`", form.member(caller)),
        principal: String::new(),
        origin: Origin::default(),
    }
}

fn slip(entry_name: &str, name: &str, caller: &CanonicalArn, form: Form) -> Option<Nearest> {
    let edits = strsim::osa_distance(entry_name, name);
    ((1..=SLIP).contains(&edits) && name.len() > SLIP.saturating_mul(2)).then(|| Nearest {
        hint: None,
        differs: format!("the names differ: `{entry_name}` in the entry, `{name}` of the caller"),
        cure: format!("if this caller is meant, write `{}`", form.member(caller)),
        principal: String::new(),
        origin: Origin::default(),
    })
}

fn near(hint: Hint, differs: String, cure: String) -> Nearest {
    Nearest { hint: Some(hint), differs, cure, principal: String::new(), origin: Origin::default() }
}

/// The member that names a caller in an entry: `rolearn: …`, `userarn: …`, or `sso: …` for a permission set's role.
#[must_use]
pub fn suggested_member(caller: &CanonicalArn) -> String {
    if SsoRole::permission_set_of(caller).is_some() {
        let set = caller.name().rsplit_once('_').and_then(|(name, _)| name.split_once('_')).map_or("", |(_, set)| set);
        let partition = match caller.partition() {
            Partition::Aws => String::new(),
            other => format!(", partition: {other}"),
        };
        return format!("sso: {{permissionSetName: {set}, accountID: \"{}\"{partition}}}", caller.account());
    }
    let key = if is_role(caller) { "rolearn" } else { "userarn" };
    format!("{key}: {caller}")
}

/// The member that names a caller in an access entry.
#[must_use]
pub fn suggested_entry(caller: &CanonicalArn) -> String {
    format!("principalArn: {caller}")
}

fn is_role(caller: &CanonicalArn) -> bool {
    matches!(caller.kind(), PrincipalKind::Role | PrincipalKind::AssumedRole)
}

/// First and last `/`-piece of a resource.
fn kind_and_name(resource: &str) -> (&str, &str) {
    let kind = resource.split_once('/').map_or(resource, |(kind, _)| kind);
    (kind, resource.rsplit_once('/').map_or(resource, |(_, name)| name))
}
