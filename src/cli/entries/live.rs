//! The mappings of a cluster, for `convert`: aws-auth and IAMIdentityMappings as they are now.

use std::path::Path;

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Call, output};
use crate::convert::Intake;
use crate::kubernetes::{AWS_AUTH, AwsAuthMap, KubeconfigFiles, connect_person, list_mappings};

/// An event loop, if one is wanted.
pub(super) fn runtime(wanted: bool) -> Result<Option<Runtime>, String> {
    let runtime = wanted.then(|| Builder::new_current_thread().enable_all().build()).transpose();
    runtime.map_err(|error| format!("the system gives no event loop: {error}"))
}

/// Reads what stands in the cluster of a context.
///
/// # Errors
/// Why it cannot be read; what is not there is no error.
pub(super) async fn read(
    context: &str,
    kubeconfig: Option<&Path>,
    call: &Call,
    intake: &mut Intake,
) -> Result<(), String> {
    let files = KubeconfigFiles::choose(kubeconfig, call.env.kubeconfig.as_deref(), call.env.home.as_deref());
    let client = connect_person(&files, Some(context), None).await.map_err(|error| output::chain(&error))?;
    match AwsAuthMap::new(client.clone()).read().await.map_err(|error| format!("{error}; {}", error.remedy()))? {
        Some(object) => {
            let data = object.data().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            intake.add_aws_auth(&data, AWS_AUTH);
        }
        None => output::line(format_args!("note: the cluster has no ConfigMap {AWS_AUTH}")),
    }
    match list_mappings(&client).await {
        Ok(Some(objects)) => objects.into_iter().for_each(|object| intake.add_mapping(object)),
        Ok(None) => output::line("note: the cluster has no kind IAMIdentityMapping"),
        Err(error) => return Err(format!("the IAMIdentityMappings cannot be listed: {}", output::chain(&error))),
    }
    Ok(())
}
