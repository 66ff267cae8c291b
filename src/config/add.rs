//! Flags of `add` → the entry that is wished for, or why it is none.
//!
//! Messages that aws-iam-authenticator has are its own, since scripts read them; the checks come in its order, then ours.

use super::flags::{AddEntry, AddRole, AddUser};
use crate::document::known;
use crate::iam::{CanonicalArn, PrincipalKind, SsoRole};
use crate::mapping::{ArnReading, Entry, EntryError, EntryList, EntryRules, EntryText, Origin, RolePaths, SsoText};

const SSO_KEYS: &[&str] = &["permissionSetName", "accountID", "partition"];

/// What is to be added.
#[derive(Clone, Debug)]
pub struct Wish {
    /// To which list.
    pub list: EntryList,
    /// The entry.
    pub entry: EntryText,
    /// In words, for the question.
    pub action: String,
    /// What works and is probably not meant.
    pub warnings: Vec<String>,
}

/// Why there is nothing to add. Display is what the command prints.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WishError {
    /// A user, name or group is missing.
    #[error("invalid empty value in userARN {arn:?}, username {username:?}, groups {}", quoted(groups))]
    EmptyUser {
        /// `--userarn`
        arn: String,
        /// `--username`
        username: String,
        /// `--groups`
        groups: Vec<String>,
    },
    /// A role, name or group is missing.
    #[error("invalid empty value in rolearn {arn:?}, username {username:?}, groups {}", quoted(groups))]
    EmptyRole {
        /// `--rolearn`
        arn: String,
        /// `--username`
        username: String,
        /// `--groups`
        groups: Vec<String>,
    },
    /// Both ways to name a role.
    #[error("only one of --rolearn or --sso can be supplied")]
    BothRoles,
    /// A part of `--sso` without `=`.
    #[error("`{0}` of --sso must be written as key=value")]
    SsoForm(String),
    /// A key of `--sso` that is none.
    #[error("`{0}` is no key of --sso; it takes permissionSetName, accountID and partition")]
    SsoKey(String),
    /// A key of `--sso` that must be there.
    #[error("required key '{0}' missing from --sso flag")]
    SsoMissing(&'static str),
    /// A value of `--sso`.
    #[error("error validating --sso: {}", told(.0))]
    Sso(Vec<EntryError>),
    /// The ARN of a session, which aws-auth never matches.
    #[error("`{arn}` is a session, and aws-auth names roles: no caller would match; give --rolearn {role}")]
    Session {
        /// As typed.
        arn: String,
        /// Its role.
        role: String,
    },
    /// Anything else that makes the entry bad.
    #[error("{}", told(.0))]
    Entry(Vec<EntryError>),
}

/// The wish of `add user`.
///
/// # Errors
/// [`WishError`].
pub fn user(flags: &AddUser) -> Result<Wish, WishError> {
    let (username, groups) = names(&flags.entry);
    let arn = flags.userarn.clone().unwrap_or_default();
    if arn.is_empty() || username.is_empty() || groups.is_empty() {
        return Err(WishError::EmptyUser { arn, username, groups });
    }
    let action = format!("add userarn {arn}, username {username}, groups [{}]", groups.join(" "));
    let entry = EntryText { user_arn: Some(arn), ..entry(&flags.entry) };
    judged(EntryList::Users, entry, action)
}

/// The wish of `add role`.
///
/// # Errors
/// [`WishError`].
pub fn role(flags: &AddRole) -> Result<Wish, WishError> {
    let (username, groups) = names(&flags.entry);
    let arn = flags.rolearn.clone().unwrap_or_default();
    if (arn.is_empty() && flags.sso.is_empty()) || username.is_empty() || groups.is_empty() {
        return Err(WishError::EmptyRole { arn, username, groups });
    }
    if !arn.is_empty() && !flags.sso.is_empty() {
        return Err(WishError::BothRoles);
    }
    let rest = format!("username {username}, groups [{}]", groups.join(" "));
    if flags.sso.is_empty() {
        let canonical = CanonicalArn::parse(&arn).ok();
        if let Some(role) = canonical.filter(|role| role.kind() == PrincipalKind::AssumedRole) {
            return Err(WishError::Session { arn, role: role.to_string() });
        }
        let action = format!("add rolearn {arn}, {rest}");
        return judged(EntryList::Roles, EntryText { role_arn: Some(arn), ..entry(&flags.entry) }, action);
    }
    let sso = sso(&flags.sso)?;
    let role = SsoRole::parse(&sso.permission_set_name, &sso.account_id, &sso.partition);
    let pattern = role.map(|role| role.display()).unwrap_or_default();
    let text = EntryText { sso: Some(sso), ..entry(&flags.entry) };
    judged(EntryList::Roles, text, format!("add sso {pattern}, {rest}"))
}

fn names(flags: &AddEntry) -> (String, Vec<String>) {
    let groups = flags.groups.iter().filter(|group| !group.is_empty()).cloned().collect();
    (flags.username.clone().unwrap_or_default(), groups)
}

fn entry(flags: &AddEntry) -> EntryText {
    let (username, groups) = names(flags);
    EntryText {
        username,
        groups,
        user_id: flags.userid.clone(),
        not_before: flags.not_before.clone(),
        not_after: flags.not_after.clone(),
        reason: flags.reason.clone(),
        ..EntryText::default()
    }
}

fn sso(parts: &[String]) -> Result<SsoText, WishError> {
    let mut text = SsoText::default();
    let mut given = Vec::new();
    for part in parts {
        let (key, value) = part.split_once('=').ok_or_else(|| WishError::SsoForm(part.clone()))?;
        let key = known(SSO_KEYS, key).ok_or_else(|| WishError::SsoKey(key.to_owned()))?;
        given.push(key);
        match key {
            "permissionSetName" => text.permission_set_name = value.to_owned(),
            "accountID" => text.account_id = value.to_owned(),
            _ => text.partition = value.to_owned(),
        }
    }
    match ["permissionSetName", "accountID"].into_iter().find(|key| !given.contains(key)) {
        Some(missing) => Err(WishError::SsoMissing(missing)),
        None => Ok(text),
    }
}

/// The wish, if it can match anybody.
fn judged(list: EntryList, text: EntryText, action: String) -> Result<Wish, WishError> {
    // An ARN that is none would be written in silence and never match.
    let rules = EntryRules { arn: ArnReading::Lowered, paths: RolePaths::Exact };
    match Entry::parse(list, &text, rules, Origin::default()) {
        Ok(entry) => {
            let warnings = entry.warnings().into_iter();
            let warnings = warnings.map(|warning| format!("{}; {}", warning.what, warning.cure)).collect();
            Ok(Wish { list, entry: text, action, warnings })
        }
        Err(errors) if errors.iter().all(|error| matches!(error, EntryError::BadSso { .. })) => {
            Err(WishError::Sso(errors))
        }
        Err(errors) => Err(WishError::Entry(errors)),
    }
}

/// As Go prints a list of quoted texts.
fn quoted(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

fn told(errors: &[EntryError]) -> String {
    let told: Vec<String> = errors.iter().map(|error| format!("{error}; {}", error.cure())).collect();
    told.join("\n")
}
