//! `pin: iam`: the unique id of each principal, from IAM, since EKS never tells it.
//!
//! EKS keeps the id that the principal had when its entry was made. Who is younger than the entry has another one and is
//! refused there, so here too; so is everybody while the account has nobody of that name.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::mirrored::Mirrored;
use crate::aws::{EksAccessEntries, EksEntry, Iam, IamError, IamKind};
use crate::iam::{AccountId, ArnSections, Partition};

/// Ids that AWS gives to nobody: theirs are spelled in base 32, which has no 0.
const NO_ROLE: &str = "AROA0000000000000000";
const NO_USER: &str = "AIDA0000000000000000";

/// Asks IAM.
#[derive(Debug)]
pub(super) struct PinLookup {
    iam: Iam,
    /// Classes of faults that were told.
    told: Mutex<BTreeSet<&'static str>>,
}

impl PinLookup {
    pub(super) fn new(eks: &EksAccessEntries, partition: Partition) -> Self {
        Self { iam: eks.iam(partition), told: Mutex::default() }
    }

    /// The id that callers of an entry must have; `None` where IAM cannot be asked about the principal. `before` is what
    /// was known of the entry.
    pub(super) async fn pin(
        &self,
        eks: &EksAccessEntries,
        entry: &EksEntry,
        before: Option<&Mirrored>,
    ) -> Option<String> {
        let same = before.filter(|before| before.entry.created_at == entry.created_at);
        let learnt = same.and_then(|before| before.pin.clone());
        if learnt.as_deref().is_some_and(|pin| pin != NO_ROLE && pin != NO_USER) {
            return learnt; // the entry is the same, and so is the id that EKS keeps for it
        }
        let (kind, name, account) = principal_of(&entry.principal_arn)?;
        let nobody = match kind {
            IamKind::Role => NO_ROLE,
            IamKind::User => NO_USER,
        };
        eks.turn().await;
        match self.iam.principal(kind, name, account).await {
            Ok(Some(found)) => {
                let is_younger = entry.created().is_some_and(|created| found.created > created);
                if is_younger && learnt.is_none() {
                    tracing::warn!(
                        principal = entry.principal_arn,
                        "the principal is younger than its access entry, so EKS refuses it and so do we; delete the entry and make it again"
                    );
                }
                Some(if is_younger { nobody.to_owned() } else { found.id })
            }
            Ok(None) => {
                if learnt.is_none() {
                    tracing::warn!(
                        principal = entry.principal_arn,
                        "IAM knows nobody of this name; whoever comes by it is refused"
                    );
                }
                Some(nobody.to_owned())
            }
            Err(error) => {
                self.tell(&error);
                learnt
            }
        }
    }

    fn tell(&self, error: &IamError) {
        let is_news = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(error.label());
        match error {
            IamError::OtherAccount { .. } if is_news => {
                tracing::info!(reason = %error, "access entries for principals of other accounts are not pinned");
            }
            _ if is_news => {
                tracing::warn!(error = %error, "access entries are not pinned while IAM does not say whom to")
            }
            _ => {}
        }
    }
}

/// Kind, name without path, and account; `None` for root and for what is no principal.
fn principal_of(arn: &str) -> Option<(IamKind, &str, AccountId)> {
    let sections = ArnSections::split(arn).ok()?;
    let (kind, rest) = sections.resource.split_once('/')?;
    let kind = match kind {
        "role" => IamKind::Role,
        "user" => IamKind::User,
        _ => return None,
    };
    Some((kind, rest.rsplit('/').next().unwrap_or(rest), sections.account.parse().ok()?))
}
