//! Each principal once, a few at a time, patiently: IAM limits its calls by account.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::aws::{Iam, IamError, IamKind, IamPrincipal};
use crate::cli::{Call, output};
use crate::clock::Clock;
use crate::config::flags::Keys;
use crate::config::get_token::keys;
use crate::config::iam::iam_settings;
use crate::iam::{AccountId, CanonicalArn, Partition, PrincipalKind};

/// Questions under way at once.
const AT_ONCE: usize = 4;
/// So many principals are asked about without a word on the way.
const FEW: usize = 20;
/// Pauses after a question that may do better in a moment, and how many.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const TRIES: usize = 6;

/// What is known of a principal.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// IAM has it.
    There(IamPrincipal),
    /// IAM has none of that name.
    Missing,
    /// It belongs to another account than the keys.
    OtherAccount { own: AccountId },
    /// It belongs to another partition than the keys.
    OtherPartition(Partition),
    /// IAM refuses to say; why, and what to do.
    Refused(String, String),
}

/// By `principalArn` as written.
pub(super) type Answers = BTreeMap<String, Answer>;

/// Why there are no answers.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// There are no keys to ask with, or no event loop; and what to do.
    NotAsked(String, Option<String>),
    /// IAM does not answer.
    Iam(IamError),
}

/// Asks with a person's keys about all of `arns`, which are those of good entries.
pub(super) fn answers<'a>(
    flags: &Keys,
    call: &Call,
    arns: impl Iterator<Item = &'a str>,
) -> Result<Answers, Unanswered> {
    let settings =
        keys(&call.global, flags, &call.env).map_err(|error| Unanswered::NotAsked(error.to_string(), None))?;
    let keys = crate::get_token::load_keys(&settings, &|| {}, &Clock::system())
        .map_err(|error| Unanswered::NotAsked(output::chain(&error), Some(error.remedy())))?;
    let settings = iam_settings(&keys, &call.env);
    let partition = settings.partition;
    let iam = Iam::new(settings, Clock::system());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Unanswered::NotAsked(format!("the system gives no event loop: {error}"), None))?;
    let answered = runtime.block_on(Box::pin(ask(&iam, partition, arns)));
    runtime.shutdown_background();
    answered.map_err(Unanswered::Iam)
}

async fn ask<'a>(iam: &Iam, partition: Partition, arns: impl Iterator<Item = &'a str>) -> Result<Answers, IamError> {
    let arns: std::collections::BTreeSet<&str> = arns.collect();
    let mut answers = Answers::new();
    let mut asked = Vec::new();
    for text in arns {
        let Ok(arn) = CanonicalArn::parse(text) else { continue };
        let account: Option<AccountId> = arn.account().parse().ok();
        match (arn.kind(), account) {
            // A fact of AWS: the root user's id is its account's.
            (PrincipalKind::Root, _) => {
                let id = arn.account().to_owned();
                let root = IamPrincipal { arn: text.to_owned(), id, created: crate::clock::UnixSeconds(0) };
                answers.insert(text.to_owned(), Answer::There(root));
            }
            _ if arn.partition() != partition => {
                answers.insert(text.to_owned(), Answer::OtherPartition(partition));
            }
            (PrincipalKind::Role, Some(account)) => asked.push((text, IamKind::Role, arn.name().to_owned(), account)),
            (PrincipalKind::User, Some(account)) => asked.push((text, IamKind::User, arn.name().to_owned(), account)),
            _ => {}
        }
    }
    let all = asked.len();
    if all > 0 {
        patiently(|| iam.account()).await?; // before several ask at once
    }
    let questions = asked.into_iter().map(|(text, kind, name, account)| async move {
        (text, patiently(|| iam.principal(kind, &name, account)).await)
    });
    let mut questions = stream::iter(questions).buffer_unordered(AT_ONCE);
    let mut done = 0_usize;
    while let Some((text, answer)) = questions.next().await {
        done = done.saturating_add(1);
        if all > FEW {
            output::progress(format_args!("asked IAM about {done} of {all} principals"), done == all);
        }
        let answer = match answer {
            Ok(Some(found)) => Answer::There(found),
            Ok(None) => Answer::Missing,
            Err(IamError::OtherAccount { own, .. }) => Answer::OtherAccount { own },
            Err(error) if error.is_of_one() => Answer::Refused(error.to_string(), error.remedy()),
            Err(error) => return Err(error),
        };
        answers.insert(text.to_owned(), answer);
    }
    Ok(answers)
}

async fn patiently<T, F: Future<Output = Result<T, IamError>>>(question: impl Fn() -> F) -> Result<T, IamError> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(TRIES)
        .with_jitter();
    question.retry(pauses).when(IamError::passes).await
}
