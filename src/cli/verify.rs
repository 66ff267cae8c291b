//! `verify`: asks STS who a token belongs to, with the server's own rules and client.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::proof::{self, Asking};
use super::{Call, Exit, output, usage};
use crate::aws::{Connector, ConnectorSettings, ImdsSettings, StsSettings};
use crate::clock::Clock;
use crate::config::client_keys::ClientKeys;
use crate::config::flags::Verify;
use crate::iam::{Partition, VerifiedIdentity};
use crate::telemetry::Metrics;
use crate::token::{ClusterId, TokenRules};

#[derive(Serialize)]
struct Identity<'i> {
    #[serde(rename = "ARN")]
    arn: &'i str,
    #[serde(rename = "CanonicalARN")]
    canonical_arn: &'i str,
    #[serde(rename = "AccountID")]
    account_id: &'i str,
    #[serde(rename = "UserID")]
    user_id: &'i str,
    #[serde(rename = "SessionName")]
    session_name: &'i str,
    #[serde(rename = "AccessKeyID")]
    access_key_id: &'i str,
    #[serde(rename = "STSEndpoint")]
    sts_endpoint: &'i str,
}

/// Runs the command.
pub(super) fn run(flags: &Verify, call: &Call) -> Exit {
    let token = match flags.token.as_ref().map(proof::typed).transpose() {
        Ok(Some(token)) if !token.expose_secret().is_empty() => token,
        Ok(_) => return misused("token not specified"),
        Err(error) => return output::fail(format_args!("the token cannot be read from standard input: {error}")),
    };
    let Some(cluster_id) = cluster_id(call) else { return misused("cluster ID not specified") };
    match verify(&token, &cluster_id, flags, &call.env.aws.metadata) {
        Ok(identity) => print(&identity, flags.output.as_deref()),
        Err(error) => {
            output::line(format_args!("could not verify token: {error:#}"));
            Exit::Failed
        }
    }
}

fn verify(
    token: &SecretString,
    cluster_id: &str,
    flags: &Verify,
    metadata: &ImdsSettings,
) -> anyhow::Result<VerifiedIdentity> {
    let partition = flags.partition.as_deref().unwrap_or("aws").parse::<Partition>()?;
    let rules = TokenRules {
        partition,
        cluster_id: ClusterId::parse(cluster_id)?,
        instance_region: None,
        strict_preflight: true,
        allowed_regions: Vec::new(),
    };
    let asking = Asking {
        rules,
        sts: StsSettings { timeout: Duration::from_secs(10), max_in_flight: 1 },
        connector: Connector::system(&ConnectorSettings::default())?,
        metadata: metadata.clone(),
        clock: Clock::system(),
    };
    let metrics = Arc::new(Metrics::new()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(Box::pin(asking.prove(token, metrics)));
    runtime.shutdown_background();
    Ok(answer?)
}

fn cluster_id(call: &Call) -> Option<String> {
    let file = call.global.config.as_deref().and_then(|path| ClientKeys::load(path).ok()).unwrap_or_default();
    let first = call.global.cluster_id.clone().or_else(|| call.env.cluster_id.clone()).or(file.cluster_id);
    first.filter(|id| !id.is_empty())
}

fn print(identity: &VerifiedIdentity, format: Option<&str>) -> Exit {
    let identity = Identity {
        arn: identity.arn(),
        canonical_arn: identity.canonical_arn().as_str(),
        account_id: identity.account_id(),
        user_id: identity.user_id().unwrap_or_default(),
        session_name: identity.session_name().unwrap_or_default(),
        access_key_id: identity.access_key_id().unwrap_or_default(),
        sts_endpoint: identity.sts_endpoint(),
    };
    if format == Some("json") {
        let mut text = Vec::new();
        let mut writer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
        return match identity.serialize(&mut writer) {
            Ok(()) => output::data(&format!("{}\n", String::from_utf8_lossy(&text))),
            Err(error) => output::fail(error),
        };
    }
    let Identity { arn, canonical_arn, account_id, user_id, session_name, access_key_id, sts_endpoint } = identity;
    output::data(&format!(
        "&{{ARN:{arn} CanonicalARN:{canonical_arn} AccountID:{account_id} UserID:{user_id} \
         SessionName:{session_name} AccessKeyID:{access_key_id} STSEndpoint:{sts_endpoint}}}\n"
    ))
}

fn misused(what: &str) -> Exit {
    output::fail(what);
    usage::show("verify");
    Exit::Usage
}
