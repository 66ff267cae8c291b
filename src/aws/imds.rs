//! The region the instance metadata service names (version 2, one bounded attempt, never through a proxy).

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Both requests together: the service is on this machine or not there.
const ATTEMPT: Duration = Duration::from_secs(1);
const ENDPOINT: &str = "http://169.254.169.254";
/// Longest answer read: session tokens have some 60 bytes.
const ANSWER_BYTES: usize = 4 * 1024;
/// Longest region label.
const REGION_BYTES: usize = 32;

/// What the environment says about the metadata service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ImdsSettings {
    /// `AWS_EC2_METADATA_DISABLED` is `true`.
    pub disabled: bool,
    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`; the usual link-local address if absent.
    pub endpoint: Option<String>,
}

/// Region of this instance; `None` off EC2, when switched off, or when nothing of the right form answers within 1 s.
pub async fn instance_region(settings: &ImdsSettings) -> Option<String> {
    if settings.disabled {
        return None;
    }
    let endpoint = settings.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()).unwrap_or(ENDPOINT);
    let region = tokio::time::timeout(ATTEMPT, ask(endpoint.trim_end_matches('/'))).await.ok()??;
    is_region(&region).then_some(region)
}

async fn ask(endpoint: &str) -> Option<String> {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let session = Request::builder()
        .method(Method::PUT)
        .uri(format!("{endpoint}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "60")
        .body(Empty::new())
        .ok()?;
    let session = answer(&client, session).await?;
    let region = Request::get(format!("{endpoint}/latest/meta-data/placement/region"))
        .header("x-aws-ec2-metadata-token", session)
        .body(Empty::new())
        .ok()?;
    answer(&client, region).await
}

async fn answer(client: &Client<HttpConnector, Empty<Bytes>>, request: Request<Empty<Bytes>>) -> Option<String> {
    let response = client.request(request).await.ok()?;
    if response.status() != StatusCode::OK {
        return None;
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.ok()?.to_bytes();
    String::from_utf8(body.to_vec()).ok()
}

/// Letters, digits and inner hyphens, as rule (b) of the host rule wants a region label.
fn is_region(text: &str) -> bool {
    (1..=REGION_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
