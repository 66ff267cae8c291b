//! The access entries of an EKS cluster, read: `DescribeCluster`, `ListAccessEntries`, `DescribeAccessEntry`,
//! `ListAssociatedAccessPolicies`.
//!
//! Every page is one paced call with a limit of its own, and nothing is repeated here: who asks knows when to ask again.
//! A list is all of its pages or an error. Nothing is loaded or connected before the first call.

mod answer;
mod fault;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_eks::Client;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::list_access_entries::ListAccessEntriesOutput;
use aws_sdk_eks::operation::list_associated_access_policies::ListAssociatedAccessPoliciesOutput;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub use answer::{EksAssociation, EksEntry, EksEntryCluster};
pub use fault::{EksEntriesError, EksOperation};

use super::keys::{AssumedRole, KeySettings, Keys, provider};
use super::pace::Pace;
use super::{AwsSurroundings, Iam, IamSettings, SdkHttp};
use crate::clock::Clock;
use crate::iam::Partition;
use crate::telemetry::Metrics;

/// Most pages of one list: half a million entries.
const MOST_PAGES: usize = 5_000;
/// Entries of a page; EKS gives no more.
const PAGE: i32 = 100;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How EKS is asked for access entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EksEntriesSettings {
    /// Name of the cluster.
    pub cluster_name: String,
    /// Its region.
    pub region: String,
    /// Assumed before EKS is asked.
    pub role_arn: Option<String>,
    /// For that role.
    pub external_id: Option<String>,
    /// In the place of EKS's own, and of what the environment names.
    pub endpoint: Option<String>,
    /// Calls a second; twice as many at once.
    pub qps: u32,
    /// The longest that a call may take.
    pub call_limit: Duration,
    /// What the environment says.
    pub surroundings: AwsSurroundings,
}

/// Asks EKS for access entries.
pub struct EksAccessEntries {
    settings: EksEntriesSettings,
    keys: Arc<Keys>,
    http: SdkHttp,
    pace: Pace,
    /// The client of the keys that are good now.
    client: Mutex<Option<(Credentials, Client)>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl EksAccessEntries {
    /// Nothing is loaded or connected yet.
    #[must_use]
    pub fn new(settings: EksEntriesSettings, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let around = &settings.surroundings;
        let role = |arn: &String| AssumedRole {
            arn: arn.clone(),
            external_id: settings.external_id.clone(),
            ..AssumedRole::default()
        };
        let key_settings = KeySettings {
            purpose: "EKS",
            environment_keys: around.environment_keys.clone(),
            role: settings.role_arn.as_ref().map(role),
            host_form: around.host_form,
            sts_endpoint: around.sts_endpoint.clone(),
        };
        let http = SdkHttp::new(around.ca_bundle.clone());
        let keys = Arc::new(Keys::new(key_settings, http.clone(), clock.clone()));
        let pace = Pace::new(settings.qps, settings.qps.saturating_mul(2));
        Self { settings, keys, http, pace, client: Mutex::default(), clock, metrics }
    }

    /// IAM, asked with the same keys.
    #[must_use]
    pub fn iam(&self, partition: Partition) -> Iam {
        let around = &self.settings.surroundings;
        let settings = IamSettings {
            partition,
            credentials: provider(Arc::clone(&self.keys), &self.settings.region),
            endpoint: around.iam_endpoint.clone(),
            sts_endpoint: around.sts_endpoint.clone(),
            region: Some(self.settings.region.clone()),
            host_form: around.host_form,
            http: self.http.clone(),
        };
        Iam::new(settings, self.clock.clone())
    }

    /// Waits until one more call may be made; for calls to IAM, which keep to the same pace.
    pub async fn turn(&self) {
        self.pace.turn().await;
    }

    /// The cluster's ARN and authentication mode.
    ///
    /// # Errors
    /// [`EksEntriesError`].
    pub async fn cluster(&self) -> Result<EksEntryCluster, EksEntriesError> {
        let send = |client: Client| client.describe_cluster().name(&self.settings.cluster_name).send();
        self.call(EksOperation::DescribeCluster, send, EksEntryCluster::of).await
    }

    /// The principal ARN of every entry.
    ///
    /// # Errors
    /// [`EksEntriesError`] of the first page that does not come whole.
    pub async fn principals(&self) -> Result<BTreeSet<String>, EksEntriesError> {
        let page = |token| {
            let send = |client: Client| {
                let list = client.list_access_entries().cluster_name(&self.settings.cluster_name);
                list.max_results(PAGE).set_next_token(token).send()
            };
            let read = |page: ListAccessEntriesOutput| {
                let found = page.access_entries.ok_or(EksEntriesError::Malformed("a page without entries"))?;
                Ok((found, page.next_token))
            };
            self.call(EksOperation::ListAccessEntries, send, read)
        };
        Ok(pages(page).await?.into_iter().collect())
    }

    /// One entry, without its policies.
    ///
    /// # Errors
    /// [`EksEntriesError`]; [`EksEntriesError::NoEntry`] when the principal has none (any more).
    pub async fn entry(&self, principal: &str) -> Result<EksEntry, EksEntriesError> {
        let send = |client: Client| {
            let describe = client.describe_access_entry().cluster_name(&self.settings.cluster_name);
            describe.principal_arn(principal).send()
        };
        self.call(EksOperation::DescribeAccessEntry, send, |answer| EksEntry::of(answer, principal)).await
    }

    /// The access policies of one entry.
    ///
    /// # Errors
    /// [`EksEntriesError`] of the first page that does not come whole; [`EksEntriesError::NoEntry`] as above.
    pub async fn associations(&self, principal: &str) -> Result<Vec<EksAssociation>, EksEntriesError> {
        let page = |token| {
            let send = |client: Client| {
                let list = client.list_associated_access_policies().cluster_name(&self.settings.cluster_name);
                list.principal_arn(principal).max_results(PAGE).set_next_token(token).send()
            };
            let read = |page: ListAssociatedAccessPoliciesOutput| {
                let found = page.associated_access_policies;
                let found = found.ok_or(EksEntriesError::Malformed("a page without policies"))?;
                let found = found.into_iter().map(EksAssociation::of).collect::<Result<_, _>>()?;
                Ok((found, page.next_token))
            };
            self.call(EksOperation::ListAssociatedAccessPolicies, send, read)
        };
        pages(page).await
    }

    /// One call, counted once.
    async fn call<T, R, E, F>(
        &self,
        operation: EksOperation,
        send: impl FnOnce(Client) -> F,
        read: impl FnOnce(T) -> Result<R, EksEntriesError>,
    ) -> Result<R, EksEntriesError>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let asking = async {
            let client = self.client().await?;
            self.pace.turn().await;
            // The SDK's own limits do not cover every wait for a body.
            match tokio::time::timeout(self.settings.call_limit, Box::pin(send(client))).await {
                Ok(answer) => read(answer.map_err(|error| EksEntriesError::of(operation, &error))?),
                Err(_elapsed) => Err(EksEntriesError::TimedOut),
            }
        };
        let answer = asking.await;
        self.metrics.eks_called(operation.as_str(), answer.as_ref().err().map_or("ok", EksEntriesError::label));
        if matches!(answer, Err(EksEntriesError::BadKeys(_))) {
            self.keys.forget().await;
        }
        answer
    }

    async fn client(&self) -> Result<Client, EksEntriesError> {
        let keys = self.keys.now(&self.settings.region).await?;
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref() {
            Some((of, client)) if *of == keys => Ok(client.clone()),
            _ => {
                let client = self.client_of(keys.clone());
                *held = Some((keys, client.clone()));
                Ok(client)
            }
        }
    }

    fn client_of(&self, keys: Credentials) -> Client {
        let around = &self.settings.surroundings;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(self.settings.call_limit)
            .build();
        let mut config = aws_sdk_eks::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.settings.region.clone()))
            .credentials_provider(keys)
            .use_fips(around.host_form.fips)
            .use_dual_stack(around.host_form.dual_stack)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .http_client(self.http.clone());
        config.set_endpoint_url(self.settings.endpoint.clone().or_else(|| around.eks_endpoint.clone()));
        config.set_app_name(AppName::new("iam-bridge").ok());
        Client::from_conf(config.build())
    }
}

/// All that the pages of a list hold, or the error of one of them.
async fn pages<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Vec<T>, EksEntriesError>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), EksEntriesError>>,
{
    let (mut all, mut next) = (Vec::new(), None);
    for _page in 0..MOST_PAGES {
        let (found, token) = page(next.clone()).await?;
        all.extend(found);
        let token = token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
        if token == next {
            break;
        }
        next = token;
    }
    Err(EksEntriesError::Malformed("the list never comes to its last page"))
}

impl fmt::Debug for EksAccessEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EksAccessEntries").field("cluster", &self.settings.cluster_name).finish_non_exhaustive()
    }
}
