//! `DescribeInstances`: one signed POST a page, of which at most 8 MiB are read.
//!
//! Instances are asked for by a filter and not by `InstanceId`: one id that is unknown would fail the whole call.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{self, Instance, Page};
use super::fault::{BAD_KEYS, CallFault};
use super::pace::Pace;
use super::role::Keys;
use super::{Ec2Settings, HostForm};
use crate::aws::SdkHttp;
use crate::clock::Clock;
use crate::iam::Partition;
use crate::telemetry::Metrics;

/// Most ids of one call: EC2 takes so many values of a filter.
pub(super) const MOST_IDS: usize = 200;
/// Most pages of one answer.
const MOST_PAGES: usize = 20;
/// Most of a body that is read.
const BODY_BYTES: usize = 8 * 1024 * 1024;
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Everything SigV4 does not leave as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Codes that say nothing about the call, only about now.
const SLOW_DOWN: [&str; 6] = [
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Asks EC2.
#[derive(Debug)]
pub(super) struct Describe {
    keys: Keys,
    endpoint: Option<String>,
    form: HostForm,
    partition: Partition,
    pace: Arc<Pace>,
    http: SdkHttp,
    /// Made at the first call, and made anew when a call on it did not end: its connections may be dead.
    way: Mutex<Option<SharedHttpConnector>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Describe {
    pub(super) fn new(
        settings: &Ec2Settings,
        partition: Partition,
        pace: Arc<Pace>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let http = SdkHttp::new(settings.ca_bundle.clone());
        Self {
            keys: Keys::new(settings.clone(), http.clone(), clock.clone()),
            endpoint: settings.endpoint.clone(),
            form: settings.host_form,
            partition,
            pace,
            http,
            way: Mutex::default(),
            clock,
            metrics,
        }
    }

    /// All that EC2 tells of these ids, within `limit`; the first page was let through by the pace already.
    pub(super) async fn instances(
        &self,
        ids: &[Arc<str>],
        region: &str,
        limit: Duration,
    ) -> Result<Vec<Instance>, CallFault> {
        let pages = Box::pin(self.pages(ids, region));
        tokio::time::timeout(limit, pages).await.unwrap_or_else(|_elapsed| {
            *self.way.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Err(CallFault::TimedOut)
        })
    }

    async fn pages(&self, ids: &[Arc<str>], region: &str) -> Result<Vec<Instance>, CallFault> {
        let keys = self.keys.now(region).await?;
        let mut found = Vec::new();
        let mut next = None;
        for page in 0..MOST_PAGES {
            if page > 0 {
                self.pace.turn().await;
            }
            let page = self.page(&form(ids, next.as_deref()), region, &keys).await?;
            found.extend(page.instances);
            next = page.next;
            if next.is_none() {
                return Ok(found);
            }
        }
        Err(CallFault::Answer("it never comes to its last page"))
    }

    async fn page(&self, form: &str, region: &str, keys: &Credentials) -> Result<Page, CallFault> {
        let request = self.request(form, region, keys)?;
        let way = self.way(&request)?;
        self.metrics.ec2_called();
        let answer = way.call(request).await.map_err(|error| {
            // The connector's words may name a proxy with its password.
            CallFault::Connection(if error.is_timeout() {
                "timeout"
            } else {
                "the connection cannot be made or broke off"
            })
        })?;
        let (status, body) = read(answer).await?;
        if status == StatusCode::OK {
            return Page::parse(&body).ok_or(CallFault::Answer("the answer is no list of instances"));
        }
        let fault = refusal(status, answer::error_code(&body));
        if matches!(&fault, CallFault::Refused { code, .. } if BAD_KEYS.contains(&code.as_str())) {
            self.keys.forget().await;
        }
        Err(fault)
    }

    fn request(&self, form: &str, region: &str, keys: &Credentials) -> Result<HttpRequest, CallFault> {
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
            None => format!("https://{}/", host(region, self.partition, self.form)),
        };
        let identity = keys.clone().into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("ec2")
            .time(self.now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| CallFault::Unsignable)?
            .into();
        let headers = [("content-type", FORM)];
        let signable =
            SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(form.as_bytes()))
                .map_err(|_| CallFault::Unsignable)?;
        let (signed, _) = sign(signable, &params).map_err(|_| CallFault::Unsignable)?.into_parts();
        let (signed, _) = signed.into_parts();

        let mut request = HttpRequest::new(form.to_owned().into());
        request.set_method("POST").map_err(|_| CallFault::Unsignable)?;
        request.set_uri(url).map_err(|_| CallFault::Unsignable)?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        request.headers_mut().insert("user-agent", concat!("iam-bridge/", env!("CARGO_PKG_VERSION")));
        for header in signed {
            let value = header.value().to_owned();
            request.headers_mut().try_insert(header.name(), value).map_err(|_| CallFault::Unsignable)?;
        }
        Ok(request)
    }

    fn way(&self, request: &HttpRequest) -> Result<SharedHttpConnector, CallFault> {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = way.as_ref() {
            return Ok(way.clone());
        }
        let new = self.http.way_to(request.uri()).map_err(CallFault::TrustRoots)?;
        Ok(way.insert(new).clone())
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(self.clock.now().0).unwrap_or(0))
    }
}

/// The host of a region's EC2. In GovCloud the plain host is the FIPS one; dual-stack hosts have both.
fn host(region: &str, partition: Partition, form: HostForm) -> String {
    let dual_stack = partition.dual_stack_suffix().filter(|_| form.dual_stack);
    let is_fips = form.fips && (dual_stack.is_some() || partition != Partition::AwsUsGov);
    let service = if is_fips { "ec2-fips" } else { "ec2" };
    format!("{service}.{region}.{}", dual_stack.unwrap_or_else(|| partition.regional_suffix()))
}

fn form(ids: &[Arc<str>], next: Option<&str>) -> String {
    let mut form = String::with_capacity(64 + ids.len() * 48);
    form.push_str("Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id");
    for (number, id) in ids.iter().enumerate() {
        form.push_str(&format!("&Filter.1.Value.{}={id}", number + 1));
    }
    if let Some(token) = next {
        form.push_str("&NextToken=");
        form.extend(utf8_percent_encode(token, ESCAPED));
    }
    form
}

async fn read(answer: HttpResponse) -> Result<(StatusCode, String), CallFault> {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = Limited::new(answer.into_body(), BODY_BYTES).collect().await;
    let body = body.map_err(|error| {
        let is_long = error.is::<http_body_util::LengthLimitError>();
        if is_long {
            CallFault::Answer("it is longer than 8 MiB")
        } else {
            CallFault::Connection("the answer broke off")
        }
    })?;
    let text = String::from_utf8(body.to_bytes().to_vec()).map_err(|_| CallFault::Answer("it is no UTF-8"))?;
    Ok((status, text))
}

fn refusal(status: StatusCode, code: Option<String>) -> CallFault {
    match code {
        Some(code) if SLOW_DOWN.contains(&code.as_str()) => CallFault::Throttled(code),
        Some(_) | None if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE => {
            CallFault::Throttled(code.unwrap_or_else(|| status.as_str().to_owned()))
        }
        Some(_) | None if status.is_server_error() => CallFault::Status(status.as_u16()),
        code => CallFault::Refused { status: status.as_u16(), code: code.unwrap_or_else(|| "none".to_owned()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_that_of_the_partition_in_the_form_that_was_asked_for() {
        let form = |fips, dual_stack| HostForm { fips, dual_stack };
        for (region, partition, form, expected) in [
            ("eu-central-1", Partition::Aws, form(false, false), "ec2.eu-central-1.amazonaws.com"),
            ("cn-north-1", Partition::AwsCn, form(false, false), "ec2.cn-north-1.amazonaws.com.cn"),
            ("us-east-1", Partition::Aws, form(true, false), "ec2-fips.us-east-1.amazonaws.com"),
            ("us-gov-west-1", Partition::AwsUsGov, form(true, false), "ec2.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", Partition::AwsUsGov, form(true, true), "ec2-fips.us-gov-west-1.api.aws"),
            ("us-east-1", Partition::Aws, form(false, true), "ec2.us-east-1.api.aws"),
            ("us-iso-east-1", Partition::AwsIso, form(false, true), "ec2.us-iso-east-1.c2s.ic.gov"),
        ] {
            assert_eq!(host(region, partition, form), expected);
        }
    }

    #[test]
    fn a_form_names_the_action_the_ids_and_the_next_page() {
        let ids: Vec<Arc<str>> = vec!["i-1".into(), "i-2".into()];
        assert_eq!(
            form(&ids, Some("a+b/=")),
            "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&Filter.1.Value.1=i-1\
             &Filter.1.Value.2=i-2&NextToken=a%2Bb%2F%3D"
        );
    }
}
