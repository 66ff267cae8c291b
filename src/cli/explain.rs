//! `explain`: what the server would answer a principal or a token, and why.

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::proof::{self, Asking};
use super::{Call, Exit, output, server, usage};
use crate::aws::Connector;
use crate::clock::{Clock, UnixSeconds};
use crate::config::client_keys::ClientKeys;
use crate::config::flags::{Explain, ReportFormat, Server};
use crate::config::server::{Resolved, settings};
use crate::diagnostic::Diagnostic;
use crate::explain::{Decision, Explanation, Principal, arn_cure, caller, explain, refused};
use crate::iam::IdentityError;
use crate::mapping::NodeNames;
use crate::sources::{self, SourceError};
use crate::telemetry::Metrics;

/// What a token's text begins with.
const TOKEN_PREFIX: &str = "k8s-aws-v1.";

/// Stands for a cluster id where none is known and none matters.
const ANY_CLUSTER: &str = "any";

/// Runs the command.
pub(super) fn run(flags: &Explain, call: &Call) -> Exit {
    if call.global.config.is_none() {
        output::fail("a config file is needed, for its mappings");
        output::hint("name the server's with --config FILE");
        usage::show("explain");
        return Exit::Usage;
    }
    let principal = match proof::typed(&flags.principal) {
        Ok(principal) => principal,
        Err(error) => return output::fail(format_args!("standard input cannot be read: {error}")),
    };
    let at = match flags.at.as_deref().map(str::parse::<Timestamp>).transpose() {
        Ok(at) => at.map_or_else(|| Clock::system().now(), |at| UnixSeconds(at.as_second())),
        Err(error) => {
            output::fail(format_args!("--at is no time like 2031-05-06T07:08:09Z: {error}"));
            return Exit::Usage;
        }
    };
    let is_token = principal.expose_secret().starts_with(TOKEN_PREFIX);
    let resolved = match resolve(flags, call, is_token) {
        Ok(resolved) => resolved,
        Err(faults) => return server::refuse(&faults),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(format_args!("the system gives no event loop: {error}")),
    };
    let explanation = runtime.block_on(Box::pin(walk(flags, resolved, &principal, is_token, at)));
    runtime.shutdown_background();
    match explanation {
        Ok(explanation) => print(&explanation, flags.output),
        Err(error) => match error.downcast_ref::<SourceError>() {
            Some(SourceError::Faults(faults)) => server::refuse(faults),
            _ => output::fail(output::chain(&*error)),
        },
    }
}

async fn walk(
    flags: &Explain,
    resolved: Resolved,
    principal: &SecretString,
    is_token: bool,
    at: UnixSeconds,
) -> Result<Explanation, Box<dyn Error>> {
    let metrics = Arc::new(Metrics::new()?);
    let settings = resolved.settings;
    let (chain, _sources) = sources::start(&settings.sources, Arc::clone(&metrics), Clock::system()).await?;
    let chain = chain.now();
    let names = NodeNames::Unavailable;
    if is_token {
        let asking = Asking {
            rules: settings.rules,
            sts: settings.sts,
            connector: Connector::system(&resolved.connector)?,
            metadata: settings.metadata,
            clock: Clock::system(),
        };
        return Ok(match Box::pin(asking.prove(principal, metrics)).await {
            Ok(identity) => explain(&chain, &identity, at, &names),
            Err(denial) => refused(&denial),
        });
    }
    let known = Principal {
        arn: principal.expose_secret(),
        user_id: flags.userid.as_deref(),
        session_name: flags.session_name.as_deref(),
        access_key_id: flags.access_key_id.as_deref(),
    };
    let (identity, mut notes) = caller(&known).map_err(|error| match error {
        IdentityError::BadArn(cause) => format!("{cause}; {}", arn_cure(&cause)).into(),
        error => Box::<dyn Error>::from(error),
    })?;
    let mut explanation = explain(&chain, &identity, at, &names);
    notes.append(&mut explanation.notes);
    explanation.notes = notes;
    Ok(explanation)
}

/// The server's own settings. Without a token no cluster id matters.
fn resolve(flags: &Explain, call: &Call, is_token: bool) -> Result<Resolved, Vec<Diagnostic>> {
    let mut global = call.global.clone();
    if !is_token && global.cluster_id.is_none() && call.env.cluster_id.is_none() {
        let file = global.config.as_deref().and_then(|path| ClientKeys::load(path).ok()).unwrap_or_default();
        if file.cluster_id.is_none_or(|id| id.is_empty()) {
            global.cluster_id = Some(ANY_CLUSTER.to_owned());
        }
    }
    let typed =
        Server { partition: flags.partition.clone(), backend_mode: flags.backend_mode.clone(), ..Server::default() };
    settings(&global, &typed, &call.env)
}

fn print(explanation: &Explanation, format: ReportFormat) -> Exit {
    let text = match format {
        ReportFormat::Text => Ok(explanation.render()),
        ReportFormat::Json => serde_json::to_string_pretty(explanation),
    };
    let printed = match text {
        Ok(text) => output::data(&format!("{}\n", text.trim_end())),
        Err(error) => output::fail(error),
    };
    match explanation.decision {
        Decision::Allowed => printed,
        Decision::Refused => Exit::Failed,
    }
}
