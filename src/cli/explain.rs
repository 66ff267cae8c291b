//! `explain`: what the server would answer a principal or a token, and why.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::proof::{self, Asking};
use super::{Call, Exit, output, server, usage};
use crate::authenticator::Reason;
use crate::aws::{Connector, NodeName};
use crate::clock::{Clock, UnixSeconds};
use crate::config::client_keys::ClientKeys;
use crate::config::flags::{Explain, ReportFormat, Server};
use crate::config::server::{Resolved, settings};
use crate::diagnostic::Diagnostic;
use crate::explain::{Decision, Explanation, Principal, arn_cure, caller, explain, node_note, refused};
use crate::iam::IdentityError;
use crate::kubernetes::KubeconfigFiles;
use crate::mapping::{NodeNames, SourceKind};
use crate::sources::{self, SourceError, SourceState, SourcesState};
use crate::telemetry::Metrics;

/// What a token's text begins with.
const TOKEN_PREFIX: &str = "k8s-aws-v1.";

/// Stands for a cluster id where none is known and none matters.
const ANY_CLUSTER: &str = "any";

/// The sources of a cluster, where no config file says which.
const LIVE: [SourceKind; 3] = [SourceKind::AccessEntry, SourceKind::EksConfigMap, SourceKind::Crd];

/// Until every source has read its input for the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the command.
pub(super) fn run(flags: &Explain, call: &Call) -> Exit {
    if call.global.config.is_none() && !is_live(flags) {
        output::fail("a config file or a cluster is needed, for its mappings");
        output::hint(
            "name the server's file with --config FILE, or a cluster with --kubeconfig FILE or --context NAME",
        );
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
            _ => match error.downcast_ref::<Unread>() {
                Some(unread) => unread.tell(),
                None => output::fail(output::chain(&*error)),
            },
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
    let (chain, sources) = sources::start(&settings.sources, Arc::clone(&metrics), Clock::system()).await?;
    let state = sources.first_tables(PATIENCE).await;
    let mut unread = Unread::of(&state);
    let mut remarks: Vec<String> = Vec::new();
    if flags.backend_mode.is_empty() && settings.sources.config_file.is_none() {
        remarks = unread.forgive_missing_kinds(&state);
    }
    if !unread.0.is_empty() {
        return Err(unread.into());
    }
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
        let mut explanation = match Box::pin(asking.prove(principal, metrics)).await {
            Ok(identity) => with_node_note(explain(&chain, &identity, at, &names), settings.ec2.node_name),
            Err(denial) => refused(&denial),
        };
        explanation.notes.append(&mut remarks);
        return Ok(explanation);
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
    let mut explanation = with_node_note(explain(&chain, &identity, at, &names), settings.ec2.node_name);
    notes.append(&mut explanation.notes);
    notes.append(&mut remarks);
    explanation.notes = notes;
    Ok(explanation)
}

/// Sources whose newest input cannot be read, each with why: without them no answer is the server's.
#[derive(Debug, thiserror::Error)]
#[error("{} source(s) cannot be read", .0.len())]
struct Unread(Vec<(SourceKind, String)>);

impl Unread {
    fn of(state: &SourcesState) -> Self {
        let why = |source: &SourceState| match &source.fault {
            Some(fault) => Some((source.kind, fault.clone())),
            None if !source.published => Some((source.kind, format!("no answer within {} s", PATIENCE.as_secs()))),
            None => None,
        };
        Self(state.sources.iter().filter_map(why).collect())
    }

    /// Where nobody named the sources, a cluster without a kind of ours has one source less, and one whose access entries
    /// the account may not read is answered for without them; yields the remarks that say so.
    fn forgive_missing_kinds(&mut self, state: &SourcesState) -> Vec<String> {
        let is_missing =
            |kind: SourceKind| state.sources.iter().any(|source| source.kind == kind && source.kind_missing);
        let missing = self.0.extract_if(.., |(kind, _)| is_missing(*kind) || *kind == SourceKind::AccessEntry);
        missing.map(|(kind, why)| format!("source {kind} is not asked: {why}")).collect()
    }

    fn tell(&self) -> Exit {
        for (kind, why) in &self.0 {
            output::fail(format_args!("source {kind} cannot be read: {why}"));
        }
        let names: Vec<&str> = self.0.iter().map(|(kind, _)| kind.as_str()).collect();
        output::hint(format_args!(
            "no answer without {}: mend it, or ask only others with --backend-mode",
            names.join(" and ")
        ));
        Exit::Failed
    }
}

/// Whether a cluster was named.
const fn is_live(flags: &Explain) -> bool {
    flags.kubeconfig.is_some() || flags.context.is_some() || flags.master.is_some()
}

/// The server's own settings. Without a token no cluster id matters; nothing is told to the API server.
fn resolve(flags: &Explain, call: &Call, is_token: bool) -> Result<Resolved, Vec<Diagnostic>> {
    let mut global = call.global.clone();
    if !is_token && global.cluster_id.is_none() && call.env.cluster_id.is_none() {
        let file = global.config.as_deref().and_then(|path| ClientKeys::load(path).ok()).unwrap_or_default();
        if file.cluster_id.is_none_or(|id| id.is_empty()) {
            global.cluster_id = Some(ANY_CLUSTER.to_owned());
        }
    }
    let mut backend_mode = flags.backend_mode.clone();
    if backend_mode.is_empty() && global.config.is_none() {
        backend_mode = LIVE.map(|kind| kind.as_str().to_owned()).to_vec();
    }
    let typed = Server {
        partition: flags.partition.clone(),
        backend_mode,
        kubeconfig: kubeconfig(flags, call),
        master: flags.master.clone(),
        ..Server::default()
    };
    let mut resolved = settings(&global, &typed, &call.env)?;
    let sources = &mut resolved.settings.sources;
    sources.reports = false;
    sources.cluster.context.clone_from(&flags.context);
    Ok(resolved)
}

/// The file that was named; for a context alone, the first of those that kubectl reads which holds it.
fn kubeconfig(flags: &Explain, call: &Call) -> Option<PathBuf> {
    if flags.kubeconfig.is_some() || flags.context.is_none() {
        return flags.kubeconfig.clone();
    }
    let files = KubeconfigFiles::choose(None, call.env.kubeconfig.as_deref(), call.env.home.as_deref());
    let holds = |path: &&PathBuf| {
        let file = KubeconfigFiles { paths: vec![PathBuf::clone(path)], named: true };
        file.context(flags.context.as_deref()).is_ok()
    };
    files.paths.iter().find(holds).or_else(|| files.paths.first()).cloned()
}

/// Says which name a template waits for, and that the server alone asks for it.
fn with_node_note(mut explanation: Explanation, form: NodeName) -> Explanation {
    if explanation.reason == Some(Reason::NodeLookupUnavailable.as_str()) {
        explanation.notes.push(node_note(form).to_owned());
    }
    explanation
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
