//! `init`: certificate, key and webhook kubeconfig before the first start.
//!
//! Without the gate ConfiguredInitDirectories everything goes to the current directory and is copied by hand, as with
//! the reference; with it, straight to `stateDir` and `generateKubeconfig`.

use std::path::{Path, PathBuf};

use super::{Call, Exit, output, version};
use crate::clock::Clock;
use crate::config::flags::{self, Server};
use crate::config::server::{Resolved, settings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::Format;
use crate::mapping::SourceKind;
use crate::private_file;
use crate::rbac::AccessPolicy;
use crate::server::{self, Init};
use crate::sources::keys::{AccessEntryFileSettings, parse_access_entry_file};

/// Name of the kubeconfig in the current directory.
const KUBECONFIG: &str = "aws-iam-authenticator.kubeconfig";

/// Name of the file of access entries.
const ENTRIES: &str = "access-entries.yaml";
/// What the administrator gets, in the whole cluster.
const POLICY: AccessPolicy = AccessPolicy::ClusterAdmin;

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
    let administrator = match flags.bootstrap_admin.as_deref().map(administrator).transpose() {
        Ok(administrator) => administrator,
        Err(faults) => {
            faults.iter().for_each(output::line);
            output::line("could not initialize: --bootstrap-admin is no principal of an access entry");
            return Exit::Failed;
        }
    };
    let modes = settings.sources.backend_modes.clone();
    let init = Init {
        directory: if configured { settings.state_dir.clone() } else { PathBuf::from(".") },
        kubeconfig: if configured { settings.generate_kubeconfig.clone() } else { PathBuf::from(KUBECONFIG) },
        hostname: settings.hostname,
        address: settings.address.ip(),
        port: settings.address.port(),
        client_certificate: flags.client_cert,
    };
    let entries = init.directory.join(ENTRIES);
    if administrator.is_some() && entries.symlink_metadata().is_ok() {
        let entries = entries.display();
        output::line(format_args!("could not initialize: {entries} is there already, and is not overwritten"));
        output::hint("add the entry to it by hand, or move it away first");
        return Exit::Failed;
    }
    match server::init(&init, Clock::system().now()) {
        Ok(files) => {
            for file in &files {
                let target = if file == &init.kubeconfig { &settings.generate_kubeconfig } else { &settings.state_dir };
                tell(file, (!configured).then_some(target));
            }
            let Some(text) = administrator else { return Exit::Good };
            if let Err(fault) = private_file::create(&entries, text.as_bytes()) {
                output::line(format_args!("could not initialize: {} {fault}", entries.display()));
                return Exit::Failed;
            }
            tell(&entries, (!configured).then_some(&settings.state_dir));
            tell_config(&settings.state_dir, &modes);
            Exit::Good
        }
        Err(error) => {
            output::line(format_args!("could not initialize: {}", output::chain(&error)));
            Exit::Failed
        }
    }
}

/// The file of the one entry that makes `arn` an administrator, judged as the server will.
fn administrator(arn: &str) -> Result<String, Vec<Diagnostic>> {
    // JSON's strings are YAML's too.
    let arn = serde_json::Value::from(arn);
    let text = format!(
        "# The way back in: this principal is an administrator of the cluster, by a file on this host alone. Whoever may\n\
         # write this file decides who is. Remove the entry once others work, or keep the principal for emergencies.\n\
         # It needs the ClusterRoleBinding iam-bridge.dev:{POLICY} of deploy/access-policies.yaml.\n\
         apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntryList\nitems:\n- metadata:\n    name: bootstrap-admin\n  \
         spec:\n    principalArn: {arn}\n    policyAssociations:\n    - policy: {POLICY}\n      accessScope:\n        \
         type: cluster\n"
    );
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    parse_access_entry_file("--bootstrap-admin", &text, Format::Yaml, &settings).map(|_| text)
}

/// What the config file has to say for the entry to count.
fn tell_config(state_dir: &Path, modes: &[SourceKind]) {
    let mut order = vec![SourceKind::AccessEntryFile];
    order.extend(modes.iter().copied().filter(|mode| *mode != SourceKind::AccessEntryFile));
    let order: Vec<&str> = order.into_iter().map(SourceKind::as_str).collect();
    output::line("for the entry to count, add to the config file under `server:`");
    output::line(format_args!("  accessEntryFile: {}", state_dir.join(ENTRIES).display()));
    output::line(format_args!("  backendMode: [{}]", order.join(", ")));
    output::line("and apply deploy/access-policies.yaml to the cluster, once");
}

/// A file that is there now, and where it has to go.
fn tell(file: &Path, target: Option<&PathBuf>) {
    match target {
        Some(target) => output::line(format_args!("wrote {}; copy it to {}", file.display(), target.display())),
        None => output::line(format_args!("wrote {}", file.display())),
    }
}
