//! Why a principal maps or not: the whole walk that a request takes, each step told.
//!
//! The decision is that of the server: [`explain`] takes it from [`mapping::choose`] and [`mapping::Choice::render`],
//! and tells [`mapping::search`] to go on where a request would stop. Reason codes are those of
//! [`crate::authenticator::Reason`]. Pure: who asks brings the tables, the identity and the time.
//!
//! ```text
//! ARN (or a token's proof) ──caller──▶ VerifiedIdentity ──explain──▶ Explanation ──render──▶ text
//! ```

mod access_entry;
mod caller;
mod explanation;
mod remedy;
mod text;

use std::ops::ControlFlow;

pub use access_entry::{DecidingEntry, PolicyGroup};
pub use caller::{Principal, arn_cure, caller};
pub use explanation::{Caller, Decision, Explanation, Near, Outcome, Rendered, Step, User};

use crate::authenticator::Denial;
use crate::aws::NodeName;
use crate::clock::UnixSeconds;
use crate::iam::VerifiedIdentity;
use crate::live::Live;
use crate::mapping::{
    self, Chain, Choice, Entry, Finding, KubernetesUser, MappingError, NodeNames, SourceKind, Template,
};
use explanation::place;

/// Near entries that are told, for each source.
const NEAR: usize = 3;

/// What the tables of `chain` say of a caller, and why.
#[must_use]
pub fn explain(chain: &Chain, identity: &VerifiedIdentity, now: UnixSeconds, names: &NodeNames) -> Explanation {
    let choice = mapping::choose(chain, identity, now);
    let user = choice.as_ref().map_err(Clone::clone).and_then(|choice| choice.render(identity, names));
    let walk = Walk::take(chain, identity, now);
    let of_choice = choice.as_ref().ok();
    let rendered = of_choice.map(|choice| rendered(choice, identity, names)).unwrap_or_default();
    let deciding = walk.deciding.as_ref();
    let mut explanation = Explanation {
        caller: Some(Caller::from(identity)),
        entry: deciding.and_then(|(source, entry)| access_entry::deciding(*source, entry, identity, now)),
        placeholders: of_choice.map(|choice| access_entry::placeholders(choice, identity, names)).unwrap_or_default(),
        policies: of_choice.map(|choice| access_entry::policies(choice, now)).unwrap_or_default(),
        steps: walk.steps,
        rendered,
        notes: walk.notes,
        ..Explanation::default()
    };
    match user {
        Ok(user) => explanation.user = Some(User::from(user)),
        Err(error) => {
            if error == MappingError::NotMapped {
                let tables = chain.tables.iter().map(Live::now);
                explanation.nearest =
                    tables.flat_map(|table| mapping::nearest(&table, identity, NEAR)).map(Near::from).collect();
                explanation.nearest.sort_by_key(|near| near.hint.is_none());
            }
            let advice = match &error {
                MappingError::NotMapped if explanation.nearest.is_empty() => remedy::of_nobody(chain, identity),
                error => remedy::of_mapping(error, identity, deciding.map(|(_, entry)| entry), &explanation.nearest),
            };
            explanation.refuse(&Denial::Mapping(error), advice);
        }
    }
    explanation
}

/// Why a token proves nobody, so that no table is asked.
#[must_use]
pub fn refused(denial: &Denial) -> Explanation {
    let mut explanation = Explanation::default();
    let step = |source, outcome, note: Option<String>| Step { source, outcome, note, ..Step::default() };
    match denial {
        Denial::Token(error) => {
            explanation.steps.push(step("token", Outcome::Refused, Some(error.to_string())));
        }
        Denial::Sts(error) => {
            explanation.steps.push(step("token", Outcome::Passed, None));
            explanation.steps.push(step("sts", Outcome::Refused, Some(error.to_string())));
        }
        Denial::Mapping(_) => {}
    }
    explanation.refuse(denial, remedy::of_denial(denial));
    explanation
}

/// Which name stands for `{{EC2PrivateDNSName}}`, as `server.nodeName` has it, for who cannot look it up.
#[must_use]
pub const fn node_note(form: NodeName) -> &'static str {
    match form {
        NodeName::PrivateDns => {
            "{{EC2PrivateDNSName}} becomes the private DNS name that EC2 tells of the instance (server.nodeName: privateDns); \
             the server asks for it, explain does not"
        }
        NodeName::ResourceName => {
            "{{EC2PrivateDNSName}} becomes the instance id and the region's domain (server.nodeName: resourceName), once EC2 \
             has confirmed the instance; the server asks, explain does not"
        }
        NodeName::InstanceId => {
            "{{EC2PrivateDNSName}} becomes the instance id (server.nodeName: instanceId), once EC2 has confirmed the instance; \
             the server asks, explain does not"
        }
    }
}

/// The steps of a walk, and the entry that decides.
#[derive(Debug, Default)]
struct Walk {
    steps: Vec<Step>,
    notes: Vec<String>,
    deciding: Option<(SourceKind, Entry)>,
    decided: bool,
}

impl Walk {
    fn take(chain: &Chain, identity: &VerifiedIdentity, now: UnixSeconds) -> Self {
        let mut walk = Self::default();
        mapping::search(chain, identity, now, &mut |finding| {
            walk.tell(finding);
            ControlFlow::Continue(())
        });
        if !walk.steps.first().is_some_and(|step| step.outcome == Outcome::Denied) {
            walk.steps.insert(0, Step { source: DENY, outcome: Outcome::Passed, ..Step::default() });
        }
        walk
    }

    fn tell(&mut self, finding: Finding) {
        let step = match finding {
            Finding::Denied { origin, reason } => {
                self.decided = true;
                Step { source: DENY, outcome: Outcome::Denied, place: place(&origin), note: reason, ..Step::default() }
            }
            Finding::Miss { table } => {
                let outcome = if self.decided { Outcome::NotAsked } else { Outcome::Missed };
                let note = Some(format!("none of {} names the caller", table.len()));
                Step { source: table.source().as_str(), outcome, note, ..Step::default() }
            }
            Finding::NotAsked { table, mode } => {
                let note = Some(format!("the authentication mode is {}, which leaves this source out", mode.as_str()));
                Step { source: table.source().as_str(), outcome: Outcome::NotAsked, note, ..Step::default() }
            }
            Finding::Hit { table, hit, verdict } => {
                let entry = table.entry(hit);
                let (outcome, note) = match (&verdict, self.decided) {
                    (_, true) => (Outcome::NotAsked, Some("names the caller too; an earlier step decides".to_owned())),
                    (Ok(()), false) => (Outcome::Matched, None),
                    (Err(error), false) => (Outcome::Refused, Some(error.to_string())),
                };
                if !self.decided {
                    self.decided = true;
                    self.deciding = entry.cloned().map(|entry| (table.source(), entry));
                    self.notes = entry.map(doubts).unwrap_or_default();
                }
                Step {
                    source: table.source().as_str(),
                    outcome,
                    place: table.origin(hit).and_then(place),
                    principal: Some(entry.map_or_else(|| "mapAccounts".to_owned(), Entry::principal_text)),
                    note,
                }
            }
        };
        self.steps.push(step);
    }
}

const DENY: &str = "deny";

fn doubts(entry: &Entry) -> Vec<String> {
    let line = |doubt: mapping::EntryWarning| format!("{}: {}; {}", doubt.code, doubt.what, doubt.cure);
    entry.warnings().into_iter().map(line).collect()
}

/// How each name of the entry comes out.
fn rendered(choice: &Choice, identity: &VerifiedIdentity, names: &NodeNames) -> Vec<Rendered> {
    let of = |key, template: &Template| match choice.fill(template, identity, names) {
        Ok(value) => Rendered { key, template: template.to_string(), value: Some(value), fault: None },
        Err(error) => Rendered { key, template: template.to_string(), value: None, fault: Some(error.to_string()) },
    };
    let Some(entry) = choice.entry() else { return Vec::new() };
    let groups = entry.groups().iter().map(|group| of("groups", group));
    std::iter::once(of("username", entry.username())).chain(groups).collect()
}

impl From<KubernetesUser> for User {
    fn from(user: KubernetesUser) -> Self {
        Self { username: user.username, uid: user.uid, groups: user.groups, extra: user.extra.into_iter().collect() }
    }
}
