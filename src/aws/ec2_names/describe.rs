//! `DescribeInstances`: one signed POST a page, of which at most 8 MiB are read.
//!
//! Instances are asked for by a filter and not by `InstanceId`: one id that is unknown would fail the whole call.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use http::StatusCode;

use super::answer::{self, Instance, Page};
use super::fault::CallFault;
use super::{Ec2Settings, HostForm};
use crate::aws::SdkHttp;
use crate::aws::keys::Keys;
use crate::aws::pace::Pace;
use crate::aws::query::{Query, Refusal, Target, escaped, is_of_keys};
use crate::clock::Clock;
use crate::iam::Partition;
use crate::telemetry::Metrics;

/// Most ids of one call: EC2 takes so many values of a filter.
pub(super) const MOST_IDS: usize = 200;
/// Most pages of one answer.
const MOST_PAGES: usize = 20;
/// Most of a body that is read.
const BODY_BYTES: usize = 8 * 1024 * 1024;
/// Asks EC2.
#[derive(Debug)]
pub(super) struct Describe {
    keys: Keys,
    endpoint: Option<String>,
    form: HostForm,
    partition: Partition,
    pace: Arc<Pace>,
    query: Query,
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
            keys: Keys::new(settings.keys(), http.clone(), clock.clone()),
            endpoint: settings.endpoint.clone(),
            form: settings.host_form,
            partition,
            pace,
            query: Query::new(http, clock),
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
            self.query.forget_way();
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
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{}", host(region, self.partition, self.form)),
        };
        let target = Target { service: "ec2", region, endpoint: &endpoint };
        let request = self.query.request(target, form, keys)?;
        self.metrics.ec2_called();
        let (status, body) = self.query.send(request, BODY_BYTES).await?;
        if status == StatusCode::OK {
            return Page::parse(&body).ok_or(CallFault::Answer("the answer is no list of instances"));
        }
        let refusal = Refusal::of(status, answer::error_code(&body));
        if matches!(&refusal, Refusal::Refused { code, .. } if is_of_keys(code)) {
            self.keys.forget().await;
        }
        Err(refusal.into())
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
        form.extend(escaped(token));
    }
    form
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
