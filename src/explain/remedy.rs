//! One line for each refusal: what to do.

use super::explanation::Near;
use crate::authenticator::Denial;
use crate::aws::{Bearing, StsError};
use crate::iam::VerifiedIdentity;
use crate::mapping::{
    Chain, Entry, Hint, MappingError, NameKind, Origin, ReservedName, SourceKind, TemplateError, suggested_entry,
    suggested_member,
};
use crate::token::TokenError;

/// Hints that stand beside the code, and the remedy.
pub(super) type Advice = (Vec<Hint>, String);

/// For a principal that is proven.
pub(super) fn of_mapping(
    error: &MappingError,
    identity: &VerifiedIdentity,
    deciding: Option<&Entry>,
    nearest: &[Near],
) -> Advice {
    let text = deciding.map(Entry::text).unwrap_or_default();
    let is_access_entry = deciding.is_some_and(|entry| entry.access_type().is_some());
    let (pin, end_key) = if is_access_entry { ("principalId", "expiresAt") } else { ("userid", "notAfter") };
    let remedy = match error {
        MappingError::Denied { origin, .. } => format!("if it is not meant so, remove or narrow {}", entry_at(origin)),
        MappingError::NotMapped => match nearest.first() {
            Some(near) => near.cure.clone(),
            None => format!("add an entry with `{}` to a source", suggested_member(identity.canonical_arn())),
        },
        MappingError::UniqueIdMismatch(origin) => {
            return pin_advice(origin, identity, pin, text.user_id.as_deref().unwrap_or_default());
        }
        MappingError::NotYetValid(origin) => {
            let start = text.not_before.unwrap_or_default();
            format!("wait until {start}, or change notBefore of {}", entry_at(origin))
        }
        MappingError::ExpiredEntry(origin) => {
            let end = text.not_after.unwrap_or_default();
            format!("it ended at {end}: change {end_key} of {}, or remove the entry", entry_at(origin))
        }
        MappingError::Template { origin, source } => template_remedy(origin, source),
        MappingError::EmptyUsername(origin) => format!("give {} a username", entry_at(origin)),
        MappingError::Reserved { origin, source } => reserved_remedy(origin, source),
    };
    (Vec::new(), remedy)
}

/// For a caller whom no entry names, nor nearly: the member that would, as the first source that is asked spells it.
pub(super) fn of_nobody(chain: &Chain, identity: &VerifiedIdentity) -> Advice {
    let mode = *chain.mode.now();
    let sources = chain.tables.iter().map(|table| table.now().source()).filter(|source| mode.asks(*source));
    let takes_entries =
        |source| matches!(source, SourceKind::AccessEntry | SourceKind::AccessEntryFile | SourceKind::EksAccessEntries);
    let (mut entries, mut others) = (0_usize, 0_usize);
    sources.for_each(|source| if takes_entries(source) { entries += 1 } else { others += 1 });
    let arn = identity.canonical_arn();
    let member = if entries > 0 && others == 0 { suggested_entry(arn) } else { suggested_member(arn) };
    (Vec::new(), format!("add an entry with `{member}` to a source"))
}

/// For any refusal; knows no tables.
pub(super) fn of_denial(denial: &Denial) -> Advice {
    match denial {
        Denial::Token(error) => (Vec::new(), token_remedy(*error).to_owned()),
        Denial::Sts(StsError::Refused { code, .. }) => refused_advice(code),
        Denial::Sts(error) => (Vec::new(), sts_remedy(error).to_owned()),
        Denial::Mapping(error) => (Vec::new(), error.to_string()),
    }
}

fn entry_at(origin: &Origin) -> String {
    if origin.place.is_empty() { "the entry".to_owned() } else { format!("the entry at {origin}") }
}

fn pin_advice(origin: &Origin, identity: &VerifiedIdentity, key: &str, pin: &str) -> Advice {
    let entry = entry_at(origin);
    match identity.user_id() {
        None => (Vec::new(), format!("give the caller's unique id: {entry} is pinned to `{pin}`")),
        Some(id) if id.eq_ignore_ascii_case(pin) => {
            (vec![Hint::CaseOnly], format!("case counts in unique ids: write {key} `{id}` in {entry}"))
        }
        Some(id) => (
            Vec::new(),
            format!(
                "the principal was deleted and made anew, or is another: if it is meant, write {key} `{id}` in {entry}"
            ),
        ),
    }
}

fn template_remedy(origin: &Origin, error: &TemplateError) -> String {
    let entry = entry_at(origin);
    match error {
        TemplateError::Absent(name) => {
            format!("{entry} needs the caller's {name}: give it, or take the placeholder out")
        }
        TemplateError::Empty(name) => {
            format!("{entry} needs the caller's {name}, which is empty: take the placeholder out, or name the session")
        }
        TemplateError::SessionIsNotInstanceId => {
            format!("{entry} is for EC2 instances, whose session name is their id; people need an entry of their own")
        }
        TemplateError::NodeNotVerified => {
            "look whether the instance exists and runs in the caller's account, has a private DNS name, and a profile of \
             server.ec2.instanceProfiles"
                .to_owned()
        }
        TemplateError::NodeLookupUnavailable => {
            "the server alone asks EC2: it needs a region, AWS keys that may call ec2:DescribeInstances, and a way to EC2; \
             its log says what it lacks"
                .to_owned()
        }
        TemplateError::TooLong => format!("shorten the names of {entry}, or the session name"),
    }
}

fn reserved_remedy(origin: &Origin, error: &ReservedName) -> String {
    let entry = entry_at(origin);
    match error {
        ReservedName::ControlCharacter(kind) => format!("take the control character out of the {kind} of {entry}"),
        ReservedName::EmptyGroup => {
            format!("remove the empty group of {entry}, or the placeholder that comes out empty")
        }
        ReservedName::Group(_) => format!("give {entry} another group"),
        ReservedName::Prefix { prefix, .. } => {
            format!(
                "give {entry} a username that does not begin with `{prefix}`, or change server.reservedPrefixConfig"
            )
        }
        ReservedName::SystemByValue(NameKind::Username) => {
            format!("put a word before the placeholder in the username of {entry}")
        }
        ReservedName::SystemByValue(NameKind::Group) => {
            format!("put a word before the placeholder in the groups of {entry}")
        }
        ReservedName::Username(_) => format!("give {entry} another username"),
    }
}

const fn token_remedy(error: TokenError) -> &'static str {
    match error {
        TokenError::Expired => "make a new token: one lives 15 minutes; if it is new, compare the clocks",
        TokenError::DateInFuture => "compare the clocks: the token was signed more than 5 minutes from now",
        TokenError::BadPrefix => "this is no token of get-token or `aws eks get-token`; look which credential is sent",
        TokenError::ClusterHeaderNotSigned => "make the token for a cluster: `iam-bridge get-token --cluster-id ID`",
        TokenError::BadHost => {
            "sign for an STS host of this server's partition; look at the region and at server.partition"
        }
        TokenError::RegionNotAllowed => "sign in a region of server.sts.allowedRegions",
        _ => "make the token with `iam-bridge get-token` or an AWS SDK, and send it unchanged",
    }
}

fn refused_advice(code: &str) -> Advice {
    let is = |start: &str| code.starts_with(start);
    if is("SignatureDoesNotMatch") {
        let remedy =
            "make the token for this server's cluster id, as `iam-bridge get-token --cluster-id ID` with its clusterID";
        return (vec![Hint::ClusterIdMismatchSuspected], remedy.to_owned());
    }
    let remedy = if is("ExpiredToken") || is("RequestExpired") {
        "the session has ended: get new credentials and make a new token"
    } else if is("InvalidClientTokenId") || is("UnrecognizedClient") || is("InvalidAccessKeyId") {
        "the access key is deleted, disabled or of another partition: use another"
    } else if is("AccessDenied") {
        "a policy forbids the call, or the region is not enabled in the account"
    } else {
        "make a new token with other credentials"
    };
    (Vec::new(), remedy.to_owned())
}

const fn sts_remedy(error: &StsError) -> &'static str {
    match error {
        StsError::Throttled { .. } => "wait; STS limits calls by account and region",
        StsError::Overloaded => "wait; too many tokens are verified at once",
        _ => match error.bearing() {
            Bearing::Contradiction => "look who answers in the place of STS: proxy, connectTo, name resolution",
            Bearing::Refused | Bearing::Unavailable => {
                "look at network, proxy and trust roots between this machine and STS"
            }
        },
    }
}
