//! `init`: certificate, key and webhook kubeconfig before the first start.
//!
//! Without the gate ConfiguredInitDirectories everything goes to the current directory and is copied by hand, as with
//! the reference; with it, straight to `stateDir` and `generateKubeconfig`.

use std::path::{Path, PathBuf};

use super::{Call, Exit, output, version};
use crate::clock::Clock;
use crate::config::flags::{self, Server};
use crate::config::server::{Resolved, settings};
use crate::server::{self, Init};

/// Name of the kubeconfig in the current directory.
const KUBECONFIG: &str = "aws-iam-authenticator.kubeconfig";

/// Runs the command.
pub(super) fn run(flags: &flags::Init, call: &Call) -> Exit {
    let greeted = output::data(&version::banner());
    if greeted != Exit::Good {
        return greeted;
    }
    let typed = Server {
        hostname: flags.hostname.clone(),
        address: flags.address.clone(),
        port: flags.port,
        state_dir: flags.state_dir.clone(),
        generate_kubeconfig: flags.generate_kubeconfig.clone(),
        ..Server::default()
    };
    let Resolved { settings, gates, warnings, .. } = match settings(&call.global, &typed, &call.env) {
        Ok(resolved) => resolved,
        Err(faults) => {
            for fault in &faults {
                output::line(fault);
            }
            output::line(format_args!("could not get config: {} fault(s)", faults.len()));
            return Exit::Failed;
        }
    };
    for warning in &warnings {
        output::warning(warning);
    }
    let configured = gates.configured_init_directories;
    let init = Init {
        directory: if configured { settings.state_dir.clone() } else { PathBuf::from(".") },
        kubeconfig: if configured { settings.generate_kubeconfig.clone() } else { PathBuf::from(KUBECONFIG) },
        hostname: settings.hostname,
        address: settings.address.ip(),
        port: settings.address.port(),
        client_certificate: flags.client_cert,
    };
    match server::init(&init, Clock::system().now()) {
        Ok(files) => {
            for file in &files {
                let target = if file == &init.kubeconfig { &settings.generate_kubeconfig } else { &settings.state_dir };
                tell(file, (!configured).then_some(target));
            }
            Exit::Good
        }
        Err(error) => {
            output::line(format_args!("could not initialize: {}", output::chain(&error)));
            Exit::Failed
        }
    }
}

/// A file that is there now, and where it has to go.
fn tell(file: &Path, target: Option<&PathBuf>) {
    match target {
        Some(target) => output::line(format_args!("wrote {}; copy it to {}", file.display(), target.display())),
        None => output::line(format_args!("wrote {}", file.display())),
    }
}
