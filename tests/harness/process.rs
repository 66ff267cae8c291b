//! Programs run by tests: what they say is kept, and they end with the test, whatever becomes of it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs a program, and kills it by its id when this shell's standard input ends: when the test drops the handle,
/// panics, or is itself killed.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ read -r _ <&3; kill -9 "$child"; } 2>/dev/null &
reader=$!
exec 3<&-
wait "$child"; status=$?
kill "$reader" 2>/dev/null
exit "$status"
"#;

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_iam-bridge"))
}

/// The binary with an environment that holds nothing of the machine's: no AWS variables, proxies or HOME.
pub(crate) fn iam_bridge() -> Command {
    clean(binary())
}

/// `program` with PATH alone.
pub(crate) fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", variable("PATH").unwrap_or_default()).stdin(Stdio::null());
    command
}

/// A variable of the environment that the tests themselves were started with.
#[expect(clippy::disallowed_methods, reason = "switches of the tests; the product reads them nowhere")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// What a command that ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a command that must exit 0; yields its standard output.
pub(crate) fn run_ok(command: &mut Command) -> String {
    let said = run(command);
    assert_eq!(said.code, Some(0), "{command:?}\n{}{}", said.stdout, said.stderr);
    said.stdout
}

/// A server that runs beside the test. Dropping it kills it by its id and waits for its end.
pub(crate) struct Server {
    guard: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command`; both its streams go to the file `log`.
    pub(crate) fn start(command: &Command, log: PathBuf) -> Self {
        let output = File::create(&log).unwrap();
        let mut guarded = Command::new("bash");
        guarded.args(["-c", GUARD, "guard"]).arg(command.get_program()).args(command.get_args());
        guarded.env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                guarded.env(name, value);
            }
        }
        if let Some(directory) = command.get_current_dir() {
            guarded.current_dir(directory);
        }
        guarded.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
        let guard = guarded.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self { guard, log }
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.guard.try_wait().unwrap().is_some()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Says something past the test harness, which swallows what passing tests print.
pub(crate) fn say_aloud(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
