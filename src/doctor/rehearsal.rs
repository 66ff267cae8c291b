//! Check 4: the entry's own program is run as client-go runs it, and must answer in the entry's version.
//!
//! Keys are made up, and the arguments name cluster and region only: no profile, no role. So nothing has to be asked of
//! AWS, and what a wrapper does to `KUBERNETES_EXEC_INFO` comes to light all the same. Programs that are not known here
//! are not run.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::Check;
use super::entry::ACCEPTED;
use super::finding::Finding;
use super::kuberc::{self, Ruling};
use super::scene::Scene;
use crate::config::env;
use crate::config::exec_entry::Plugin;
use crate::kubernetes::ExecEntry;

const NAME: &str = "exec-info";

/// The AWS CLI takes half a second, on a busy machine some.
const LIMIT: Duration = Duration::from_secs(20);

/// Longest line of the program's own that is shown, characters.
const LONGEST_LINE: usize = 200;

/// The check.
pub(super) fn check(scene: &Scene<'_>) -> Check {
    let (Some(context), Some(entry)) = (scene.context(), scene.entry()) else {
        return Check::skipped(NAME, scene.why_no_context().unwrap_or("the user has no exec plugin"));
    };
    let (Some(program), Some(Ok(call)), Some(cluster_id)) = (&scene.program, &scene.call, &scene.cluster_id) else {
        return Check::skipped(NAME, "the plugin cannot be run, or is not known here; see check `kubeconfig`");
    };
    if !ACCEPTED.contains(&entry.api_version.as_str()) {
        return Check::skipped(NAME, "the entry's apiVersion is none that clients accept");
    }
    if matches!(kuberc::ask(&scene.options.env, &entry.command, Some(program)), Ruling::Denied { .. }) {
        return Check::skipped(NAME, "the kuberc forbids to run the plugin");
    }
    let Some(question) = context.exec_info() else {
        return Check::skipped(NAME, "the cluster's CA cannot be read, which the plugin is to be told");
    };
    let region = scene.keys.as_ref().ok().and_then(|keys| keys.region.clone());
    let region = region.unwrap_or_else(|| "us-east-1".to_owned());
    let arguments = match call.plugin {
        Plugin::AwsCli => vec!["eks", "get-token", "--output", "json", "--cluster-name", cluster_id.as_str()],
        Plugin::Ours => vec!["get-token", "--cluster-id", cluster_id.as_str()],
        Plugin::Reference => vec!["token", "--cluster-id", cluster_id.as_str()],
    };
    let mut command = Command::new(program);
    command.args(arguments).args(["--region", &region]).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    with_made_up_keys(&mut command, &region);
    command.env("KUBERNETES_EXEC_INFO", question);
    let mut finding = Finding::new(NAME);
    match run(command) {
        Ok(answer) => judge(&mut finding, entry, &answer),
        Err(why) => finding.bad(format!("`{}` {why}", entry.command), "run it by hand and see what it says"),
    }
    finding.end()
}

/// What it wrote to its standard output.
fn run(mut command: Command) -> Result<Vec<u8>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot be run: {error}"))?;
    let output = runtime.block_on(async {
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        output
            .map_err(|_elapsed| format!("does not end within {} s", LIMIT.as_secs()))?
            .map_err(|error| format!("cannot be run: {error}"))
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let line = words.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    let line: String = line.trim().chars().filter(|character| !character.is_control()).take(LONGEST_LINE).collect();
    Err(format!("ends with {}: {line}", output.status))
}

fn with_made_up_keys(command: &mut Command, region: &str) {
    for name in env::names_beginning("AWS_") {
        command.env_remove(name);
    }
    let nowhere = if cfg!(windows) { "NUL" } else { "/dev/null" };
    command
        .env_remove("DEFAULT_ROLE")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "made-up")
        .env("AWS_REGION", region)
        .env("AWS_DEFAULT_REGION", region)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", nowhere)
        .env("AWS_SHARED_CREDENTIALS_FILE", nowhere)
        .env("IAM_BRIDGE_NO_CACHE", "1");
}

fn judge(finding: &mut Finding, entry: &ExecEntry, answer: &[u8]) {
    let program = &entry.command;
    let Ok(credential) = serde_json::from_slice::<Value>(answer) else {
        return finding.bad(
            format!("`{program}` does not answer with one JSON object"),
            "nothing but the ExecCredential may go to standard output: look for a wrapper that prints there",
        );
    };
    let text = |pointer: &str| credential.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let version = text("/apiVersion");
    if version != entry.api_version {
        return finding.bad(
            format!("`{program}` answers with version `{version}`, and the entry asks for `{}`", entry.api_version),
            "something between kubectl and the plugin drops KUBERNETES_EXEC_INFO: call the plugin directly",
        );
    }
    if text("/kind") != "ExecCredential" || text("/status/token").is_empty() {
        return finding.bad(format!("`{program}` answers without a token"), "run it by hand and see what it says");
    }
    if text("/status/expirationTimestamp").is_empty() {
        return finding.warn(
            format!("`{program}` does not say when its token ends, so long-running clients keep a dead one"),
            "update the plugin",
        );
    }
    let version = version.rsplit('/').next().unwrap_or_default();
    finding.good(format!("`{program}`, asked in {version} with made-up keys, answers in {version}"));
}
