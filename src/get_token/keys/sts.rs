//! STS, asked with somebody's keys, for a person who waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::fmt::rfc2822;

use crate::aws::SdkHttp;
use crate::clock::Clock;
use crate::get_token::words::Refusal;
use crate::get_token::{Caller, StsEndpoint};

/// Attempts at one call.
const MAX_ATTEMPTS: u32 = 2;

/// Connecting to AWS: one lost packet is forgiven.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// One attempt at a call, and all of them.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// No answer had a date yet.
const UNKNOWN: i64 = i64::MIN;

/// STS, asked with certain keys; it keeps in mind what its answers say of the time.
#[derive(Debug)]
pub(super) struct Sts {
    pub(super) client: aws_sdk_sts::Client,
    endpoint: String,
    seen: Arc<Seen>,
}

impl Sts {
    pub(super) fn new(keys: Credentials, endpoint: &StsEndpoint, http: SdkHttp, clock: &Clock) -> Self {
        let seen = Arc::new(Seen { ahead: AtomicI64::new(UNKNOWN), status: AtomicU16::new(0), clock: clock.clone() });
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(endpoint.signing_region().to_owned()))
            .endpoint_url(endpoint.origin())
            .credentials_provider(keys)
            .retry_config(retries())
            .timeout_config(timeouts())
            .interceptor(AnswerReader(Arc::clone(&seen)))
            .http_client(http);
        config.set_app_name(AppName::new("iam-bridge").ok());
        let client = aws_sdk_sts::Client::from_conf(config.build());
        Self { client, endpoint: endpoint.origin().to_owned(), seen }
    }

    /// Scheme, host and port.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// `GetCallerIdentity`, within `limit`.
    pub(super) async fn caller(&self, limit: Duration) -> Result<Caller, Refusal> {
        let asking = self.client.get_caller_identity().send();
        let Ok(answer) = tokio::time::timeout(limit, asking).await else {
            return Err(Refusal::silence(&self.endpoint, &format!("not within {} s", limit.as_secs())));
        };
        let answer = answer.map_err(|error| self.refusal(&error))?;
        let (Some(arn), Some(account), Some(user_id)) = (answer.arn, answer.account, answer.user_id) else {
            return Err(Refusal::silence(&self.endpoint, "what came is not AWS's"));
        };
        Ok(Caller { arn, account, user_id, clock_ahead: self.clock_ahead() })
    }

    /// What an error of [`Sts::client`] means.
    pub(super) fn refusal<E>(&self, error: &E) -> Refusal
    where
        E: std::error::Error + aws_sdk_sts::error::ProvideErrorMetadata + 'static,
    {
        let refusal = Refusal::of(error, &self.endpoint, self.clock_ahead());
        match (&refusal.code, self.seen.status.load(Ordering::SeqCst)) {
            (None, status @ 1..) => refusal.strange(status),
            (Some(_), _) | (None, 0) => refusal,
        }
    }

    /// Seconds this machine's clock is ahead, by the last answer.
    pub(super) fn clock_ahead(&self) -> Option<i64> {
        Some(self.seen.ahead.load(Ordering::SeqCst)).filter(|ahead| *ahead != UNKNOWN)
    }
}

/// Attempts at calls to AWS.
pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}

/// Limits of calls to AWS.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// Seconds `clock` is ahead of the Date header of an answer that has just come.
pub(super) fn clock_ahead(date: &str, clock: &Clock) -> Option<i64> {
    let date = rfc2822::parse(date).ok()?;
    Some(clock.now().0.saturating_sub(date.timestamp().as_second()))
}

/// What the last answer told besides its text.
#[derive(Debug)]
struct Seen {
    ahead: AtomicI64,
    /// HTTP status; 0 before the first answer.
    status: AtomicU16,
    clock: Clock,
}

/// Reads status and Date header of every answer, good or bad.
#[derive(Debug)]
struct AnswerReader(Arc<Seen>);

impl Intercept for AnswerReader {
    fn name(&self) -> &'static str {
        "AnswerReader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.status.store(context.response().status().as_u16(), Ordering::SeqCst);
        let date = context.response().headers().get("date");
        if let Some(ahead) = date.and_then(|date| clock_ahead(date, &self.0.clock)) {
            self.0.ahead.store(ahead, Ordering::SeqCst);
        }
        Ok(())
    }
}
