//! `server`: the webhook, until a signal ends it.
//!
//! First SIGTERM or SIGINT drains and exits 0, a second one exits at once. SIGHUP re-reads files. What stands for them on
//! Windows: `signals`.

use std::future::Future;
use std::io;

use super::signals::{End, Reload};
use super::{Call, Exit, output, version};
use crate::aws::Connector;
use crate::clock::Clock;
use crate::config;
use crate::config::flags::Server;
use crate::config::server::Resolved;
use crate::diagnostic::Diagnostic;
use crate::server::{self, Running, StartError};
use crate::sources::SourceError;
use crate::telemetry::log;

/// Cores for one worker thread. One worker answers tens of thousands of reviews a second; each further one makes a
/// review dearer, since the two take work from each other, and fights the API server for its cores.
const CORES_PER_WORKER: usize = 2;
/// Most worker threads.
const MOST_WORKERS: usize = 4;

/// Level of the log when nothing says another.
const LEVEL: &str = "info";

/// Runs the command.
pub(super) fn run(flags: &Server, call: &Call) -> Exit {
    let greeted = output::data(&version::banner());
    if greeted != Exit::Good {
        return greeted;
    }
    let resolved = match config::server::settings(&call.global, flags, &call.env) {
        Ok(resolved) => resolved,
        Err(faults) => return refuse(&faults),
    };
    if let Err(error) = log::install(call.global.log_format.as_deref().unwrap_or("text"), &level(call, &resolved)) {
        return output::fail(error);
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = (cores / CORES_PER_WORKER).clamp(1, MOST_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(format_args!("the system gives no event loop: {error}")),
    };
    let exit = runtime.block_on(Box::pin(serve(resolved)));
    runtime.shutdown_background();
    exit
}

async fn serve(resolved: Resolved) -> Exit {
    for warning in &resolved.warnings {
        tracing::warn!("{warning}");
    }
    let connector = match Connector::system(&resolved.connector) {
        Ok(connector) => connector,
        Err(error) => return output::fail(output::chain(&error)),
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return output::fail(format_args!("signals cannot be caught: {error}")),
    };
    let starting = Box::pin(server::start(resolved.settings, connector, Clock::system()));
    let running = match signals.unless_ended(starting).await {
        Some(Ok(running)) => running,
        Some(Err(StartError::Sources(SourceError::Faults(faults)))) => return refuse(&faults),
        Some(Err(error)) => return output::fail(output::chain(&error)),
        None => return Exit::Good,
    };
    signals.until_ended(&running).await;
    tracing::info!("signal received, draining; a second one ends at once");
    match signals.unless_ended(running.drain()).await {
        Some(()) => Exit::Good,
        None => Exit::Failed,
    }
}

/// The signals a server knows.
struct Signals {
    end: End,
    reload: Reload,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { end: End::listen()?, reload: Reload::listen()? })
    }

    /// Waits for the end, and re-reads files in between.
    async fn until_ended(&mut self, running: &Running) {
        loop {
            tokio::select! {
                () = self.end.asked() => return,
                () = self.reload.asked() => {
                    tracing::info!("hang-up received, reading files anew");
                    running.reload();
                }
            }
        }
    }

    /// What `work` yields, unless a signal to end comes first.
    async fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.end.asked() => None,
        }
    }
}

/// Flag, then environment, then file, then default.
fn level(call: &Call, resolved: &Resolved) -> String {
    let typed = call.global.log_verbosity.clone().or_else(|| call.env.log_verbosity.clone());
    let file = || resolved.log_verbosity.clone();
    typed.or_else(file).filter(|level| !level.is_empty()).unwrap_or_else(|| LEVEL.to_owned())
}

/// All faults of the settings, and the run has failed.
pub(super) fn refuse(faults: &[Diagnostic]) -> Exit {
    for fault in faults {
        output::line(fault);
    }
    output::fail(format_args!("the settings have {} fault(s), nothing was started", faults.len()))
}
