//! The namespaces of a cluster, by name, as one list tells them.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;

/// Namespaces on a page.
const PAGE: u32 = 500;
/// All pages together.
const LIMIT: Duration = Duration::from_secs(30);

/// The API server does not say; in its words.
#[derive(Debug, thiserror::Error)]
#[error("the API server does not list the namespaces: {0}")]
pub struct NamespacesError(String);

/// The names of all namespaces but those that are ending, in order.
///
/// # Errors
/// [`NamespacesError`].
pub async fn namespace_names(client: kube::Client) -> Result<Vec<String>, NamespacesError> {
    let listed = tokio::time::timeout(LIMIT, Box::pin(list(client))).await;
    listed.unwrap_or_else(|_elapsed| Err(NamespacesError(format!("no answer within {} s", LIMIT.as_secs()))))
}

async fn list(client: kube::Client) -> Result<Vec<String>, NamespacesError> {
    let api: Api<Namespace> = Api::all(client);
    let (mut names, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut page = ListParams::default().limit(PAGE);
        page.continue_token = next;
        let list = api.list_metadata(&page).await.map_err(|error| NamespacesError(words(&error)))?;
        let alive = list.items.into_iter().filter(|namespace| namespace.metadata.deletion_timestamp.is_none());
        names.extend(alive.filter_map(|namespace| namespace.metadata.name));
        next = list.metadata.continue_.filter(|token| !token.is_empty());
        if next.is_none() {
            names.sort_unstable();
            return Ok(names);
        }
    }
}

fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
