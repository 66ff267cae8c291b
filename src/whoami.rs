//! Who one is, at both ends: what STS says of the keys, and what the API server says of a token made with them.
//!
//! One `GetCallerIdentity` and one `SelfSubjectReview`, side by side. A side that does not answer says why, and does not
//! take the other one down. The token is made for this one question and kept nowhere.

use comfy_table::{Table, TableStyle};
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::{Clock, UnixSeconds};
use crate::get_token::{self, Caller, GetTokenError, KeySettings, Keys};
use crate::iam::{CanonicalArn, PrincipalKind};
use crate::kubernetes::{Client, Context, KubernetesError, Subject};
use crate::token::ClusterId;

/// Key of `extra` whose values are key ids: they are shortened like ours.
const EXTRA_KEY_ID: &str = "accessKeyId";

/// Both ends.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// AWS's view.
    pub aws: AwsSide,
    /// The cluster's view, if it was asked.
    pub cluster: Option<ClusterSide>,
    /// What the person should know of the keys.
    pub notes: Vec<String>,
}

/// What STS says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsSide {
    /// Where the keys came from.
    pub credential_source: String,
    /// Key id, its middle left out.
    pub access_key_id: String,
    /// When the keys end, RFC 3339.
    pub expires_at: Option<String>,
    /// Region whose STS is asked.
    pub region: String,
    /// Twelve digits.
    pub account: Option<String>,
    /// As STS wrote it.
    pub arn: Option<String>,
    /// What mappings compare.
    pub canonical_arn: Option<String>,
    /// `AROA…:session`, `AIDA…`.
    pub user_id: Option<String>,
    /// Name of the session, for sessions.
    pub session_name: Option<String>,
    /// Why STS does not say.
    pub refusal: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// What the API server says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSide {
    /// The context that was asked.
    pub context: String,
    /// The cluster id that the token was signed for.
    pub cluster_id: String,
    /// Who we are there; `None` when it does not say.
    pub subject: Option<Subject>,
    /// Why it does not say.
    pub refusal: Option<String>,
    /// What that mostly means.
    pub likely_cause: Option<String>,
}

/// Asks STS, and the API server of a context for which tokens carry that cluster id. Blocks until both have answered.
///
/// # Errors
/// [`GetTokenError`], when there are no keys. What was asked and not answered stands in the answer.
pub fn whoami(
    settings: &KeySettings,
    cluster: Option<(&Context, &ClusterId)>,
    clock: &Clock,
) -> Result<Whoami, GetTokenError> {
    let keys = get_token::load_keys(settings, &|| {}, clock)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GetTokenError::Runtime)?;
    let whoami = runtime.block_on(async {
        let (caller, subject) = Box::pin(async {
            let subject = async {
                match cluster {
                    Some((context, cluster_id)) => Some(subject(context, cluster_id, &keys, clock).await),
                    None => None,
                }
            };
            tokio::join!(get_token::caller(&keys), subject)
        })
        .await;
        let aws = aws_side(&keys, caller);
        let cluster = cluster.zip(subject).map(|((context, cluster_id), subject)| {
            cluster_side(context, cluster_id, subject, aws.canonical_arn.as_deref())
        });
        Whoami { aws, cluster, notes: keys.notes.clone() }
    });
    runtime.shutdown_background();
    Ok(whoami)
}

impl Whoami {
    /// Whether everything that was asked was answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.aws.refusal.is_none() && self.cluster.as_ref().is_none_or(|cluster| cluster.subject.is_some())
    }

    /// For people: both ends side by side, without colour.
    #[must_use]
    pub fn render(&self) -> String {
        let mut table = Table::new();
        table.load_style(TableStyle::new());
        let subject = self.cluster.as_ref().and_then(|cluster| cluster.subject.as_ref());
        let header = self.cluster.as_ref().map(|cluster| format!("context {}", cluster.context));
        table.set_header(["".to_owned(), "AWS".to_owned(), header.unwrap_or_default()]);
        let aws = &self.aws;
        let extra = |key: &str| {
            let found =
                subject.and_then(|subject| subject.extra.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
            found.map(|(_, values)| values.join(", "))
        };
        let unanswered = self.cluster.as_ref().filter(|cluster| cluster.subject.is_none()).map(|_| "(not known)");
        let username = subject.map(|subject| subject.username.clone());
        for (name, here, there) in [
            ("who", aws.arn.clone(), username.or_else(|| unanswered.map(str::to_owned))),
            ("canonical ARN", aws.canonical_arn.clone(), extra("canonicalArn")),
            ("session name", aws.session_name.clone(), extra("sessionName")),
            ("unique id", aws.user_id.clone(), subject.and_then(|subject| subject.uid.clone())),
            ("account", aws.account.clone(), None),
            ("groups", None, subject.map(|subject| subject.groups.join(", "))),
            ("access key", Some(aws.access_key_id.clone()), extra(EXTRA_KEY_ID)),
            ("keys from", Some(aws.credential_source.clone()), None),
            ("keys end", aws.expires_at.clone(), None),
            ("region", Some(aws.region.clone()), None),
            ("cluster id", None, self.cluster.as_ref().map(|cluster| cluster.cluster_id.clone())),
        ] {
            if here.is_some() || there.is_some() {
                table.add_row([name.to_owned(), here.unwrap_or_default(), there.unwrap_or_default()]);
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// Key id with its middle left out: enough to tell two keys apart.
#[must_use]
pub fn short_key_id(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    match (letters.get(..4), letters.len().checked_sub(4).and_then(|end| letters.get(end..))) {
        (Some(first), Some(last)) if letters.len() > 8 => first.iter().chain(['…'].iter()).chain(last.iter()).collect(),
        _ => "…".to_owned(),
    }
}

/// When keys end, RFC 3339.
#[must_use]
pub fn end_of(keys: &Keys) -> Option<String> {
    let end = Timestamp::try_from(keys.credentials.expiry()?).ok()?;
    Timestamp::from_second(end.as_second()).ok().map(|end| end.to_string())
}

fn aws_side(keys: &Keys, caller: Result<Caller, GetTokenError>) -> AwsSide {
    let (caller, refusal, remedy) = match caller {
        Ok(caller) => (Some(caller), None, None),
        Err(error) => (None, Some(error.to_string()), Some(error.remedy())),
    };
    let arn = caller.as_ref().map(|caller| caller.arn.clone());
    let canonical = arn.as_deref().and_then(|arn| CanonicalArn::parse(arn).ok());
    let is_session = canonical.as_ref().is_some_and(|arn| arn.kind() == PrincipalKind::AssumedRole);
    let session_name = arn.as_deref().filter(|_| is_session).and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    AwsSide {
        credential_source: keys.source.label().to_owned(),
        access_key_id: short_key_id(keys.credentials.access_key_id()),
        expires_at: end_of(keys),
        region: keys.endpoint.signing_region().to_owned(),
        account: caller.as_ref().map(|caller| caller.account.clone()),
        canonical_arn: canonical.map(|arn| arn.as_str().to_owned()),
        user_id: caller.map(|caller| caller.user_id),
        arn,
        session_name,
        refusal,
        remedy,
    }
}

/// Why an API server does not say who we are.
enum NoSubject {
    /// There is no token.
    Unsigned(GetTokenError),
    /// It was asked, or could not be.
    Unanswered(KubernetesError),
}

async fn subject(context: &Context, cluster_id: &ClusterId, keys: &Keys, clock: &Clock) -> Result<Subject, NoSubject> {
    let now: UnixSeconds = clock.now();
    let signed = get_token::sign(&keys.credentials, &keys.endpoint, cluster_id, now)
        .map_err(|error| NoSubject::Unsigned(error.into()))?;
    let client = Client::new(context, Some(&signed.token)).map_err(NoSubject::Unanswered)?;
    let mut subject = client.review_self().await.map_err(NoSubject::Unanswered)?;
    for (name, values) in &mut subject.extra {
        if name.eq_ignore_ascii_case(EXTRA_KEY_ID) {
            values.iter_mut().for_each(|id| *id = short_key_id(id));
        }
    }
    Ok(subject)
}

fn cluster_side(
    context: &Context,
    cluster_id: &ClusterId,
    subject: Result<Subject, NoSubject>,
    canonical_arn: Option<&str>,
) -> ClusterSide {
    let (subject, refusal, likely_cause) = match subject {
        Ok(subject) => (Some(subject), None, None),
        Err(NoSubject::Unsigned(error)) => (None, Some(error.to_string()), None),
        Err(NoSubject::Unanswered(error)) => {
            let likely_cause = matches!(error, KubernetesError::Unauthorized { .. }).then(|| match canonical_arn {
                Some(arn) => {
                    format!("no mapping of the cluster names `{arn}`, or its cluster id is not `{cluster_id}`")
                }
                None => "STS does not accept the keys, so that no server can accept their tokens".to_owned(),
            });
            (None, Some(error.to_string()), likely_cause)
        }
    };
    ClusterSide {
        context: context.name.clone(),
        cluster_id: cluster_id.as_str().to_owned(),
        subject,
        refusal,
        likely_cause,
    }
}
