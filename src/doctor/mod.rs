//! Why kubectl does not get in: ordered checks from the kubeconfig entry to the API server's answer, each with a remedy.
//!
//! ```text
//!  1 kubeconfig   the entry: program, version, flags, kuberc      entry     no network, and all of --offline
//!  2 environment  variables that get in each other's way, caches  machine
//!  3 profile      the chain, its MFA and logins                   profile
//!  4 exec-info    the program answers as client-go asks           rehearsal
//!  5 credentials  keys are found                                  keys      AWS
//!  6 clock        against STS's                                   keys
//!  7 token        STS takes it as a server would ask              keys
//!  8 api-server   it answers, and its certificate is believed     cluster   the cluster
//!  9 identity     who it takes us for                             cluster
//! 10 permissions  whether that is worth anything                  cluster
//! ```
//!
//! Each check says what it saw, also when an earlier one failed, unless it has nothing to look at: then it is skipped and
//! says why. Tokens made here are kept nowhere.

mod cluster;
mod entry;
mod finding;
mod keys;
mod kuberc;
mod machine;
mod profile;
mod programs;
mod refusal;
mod rehearsal;
mod scene;

use std::path::PathBuf;

use serde::Serialize;

use crate::clock::Clock;
use crate::config::env::Env;
use crate::config::flags::Global;
pub use kuberc::{Ruling, ask as ask_kuberc};
pub use programs::find as find_program;
use scene::Scene;

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A context of the kubeconfig; `None` is the current one.
    pub context: Option<String>,
    /// `--kubeconfig`
    pub kubeconfig: Option<PathBuf>,
    /// Only what needs no network.
    pub offline: bool,
    /// Flags of every command.
    pub global: Global,
    /// The environment.
    pub env: Env,
}

/// What the checks found, in order.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The context that was looked at, if there is one.
    pub context: Option<String>,
    /// One line a check.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Stable name, for programs.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was seen.
    pub found: String,
    /// What to do, unless all is well.
    pub remedy: Option<String>,
    /// What it comes from, likeliest first, where more than one thing can be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Ready to paste: alternatives, for different places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snippets: Vec<Snippet>,
}

/// Something to paste.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snippet {
    /// Where it goes.
    pub place: &'static str,
    /// The text.
    pub text: String,
}

/// How a check went.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not looked at, because there was nothing to look at or it was not wanted.
    Skipped,
    /// As it should be.
    Good,
    /// It does not stop kubectl, but should be seen to.
    Warn,
    /// It stops kubectl.
    Bad,
}

/// Runs the checks. Blocks until AWS and the cluster have answered, each within its limits.
#[must_use]
pub fn examine(options: &Options, clock: &Clock) -> Report {
    let scene = Scene::look(options);
    let mut checks = vec![
        entry::check(&scene),
        machine::environment(&scene),
        profile::check(&scene, clock),
        rehearsal::check(&scene),
    ];
    if options.offline {
        let names = keys::NAMES.into_iter().chain(cluster::NAMES);
        checks.extend(names.map(|name| Check::skipped(name, "--offline")));
    } else {
        checks.extend(online(&scene, clock));
    }
    Report { context: scene.context().map(|context| context.name.clone()), checks }
}

/// Checks 5 to 10.
fn online(scene: &Scene<'_>, clock: &Clock) -> Vec<Check> {
    let (credentials, keys) = keys::credentials(scene, clock);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let why = format!("the system gives no event loop: {error}");
            let rest = keys::NAMES.into_iter().skip(1).chain(cluster::NAMES).map(|name| Check::skipped(name, &why));
            return std::iter::once(credentials).chain(rest).collect();
        }
    };
    let checks = runtime.block_on(Box::pin(async {
        let at_aws = keys::at_aws(scene, keys.as_ref(), clock).await;
        let in_cluster = cluster::checks(scene, &at_aws, keys.as_ref(), clock).await;
        std::iter::once(credentials).chain([at_aws.clock, at_aws.token]).chain(in_cluster).collect()
    }));
    runtime.shutdown_background();
    checks
}

impl Report {
    /// Whether something stops kubectl.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == Verdict::Bad)
    }

    /// How many checks went this way.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl Check {
    fn skipped(name: &'static str, why: &str) -> Self {
        Self {
            name,
            verdict: Verdict::Skipped,
            found: why.to_owned(),
            remedy: None,
            causes: Vec::new(),
            snippets: Vec::new(),
        }
    }
}
