//! The command line: one table of contents, one file a command, one printer.
//!
//! Results go to stdout, all else to stderr. Exit codes: 0 good, 1 failed or found something, 2 usage, 130 interrupted;
//! usage is 1 for `token` and under the reference's name, as scripts around it expect.

mod add;
mod again;
mod cache;
mod check;
mod completion;
mod demo;
mod doctor;
mod entries;
mod explain;
mod get_token;
mod init;
mod kubeconfig;
mod output;
mod proof;
mod server;
mod signals;
mod usage;
mod verify;
mod version;
mod whoami;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::config::env::Env;
use crate::config::flags::{Command, Flags, Global};
use crate::telemetry::log;

/// Name under which we take the reference's place.
const REFERENCE_NAME: &str = "aws-iam-authenticator";

/// How a run ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Exit {
    /// Everything as it should be.
    Good,
    /// Failed, or found something.
    Failed,
    /// The command line is wrong.
    Usage,
}

/// What every command knows about its call.
#[derive(Debug)]
struct Call {
    global: Global,
    env: Env,
}

/// The name we were called by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Name {
    /// Our own, or any but the reference's.
    Ours,
    /// `aws-iam-authenticator`.
    Reference,
}

/// Runs the command line `args`, the program's own name first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let name = Name::of(args.first());
    let exit = match Flags::try_parse_from(&args) {
        Ok(Flags { global, command }) => run(command, &Call { global, env: Env::load() }),
        Err(error) => usage::report(&error, &args, name),
    };
    ExitCode::from(exit.code(name))
}

/// The table of contents.
fn run(command: Command, call: &Call) -> Exit {
    // A level that is none stops every command, as in the reference.
    let level = call.global.log_verbosity.as_ref().or(call.env.log_verbosity.as_ref());
    if let Some(error) = level.filter(|level| !level.is_empty()).and_then(|level| log::parse_level(level).err()) {
        return output::fail(error);
    }
    match command {
        Command::GetToken(flags) => get_token::run(&flags, "get-token", call),
        Command::Token(flags) => get_token::run(&flags, "token", call),
        Command::Kubeconfig(flags) => kubeconfig::run(&flags, call),
        Command::Whoami(flags) => whoami::run(&flags, call),
        Command::Doctor(flags) => doctor::run(&flags, call),
        Command::Cache(flags) => cache::run(&flags, call),
        Command::Add(flags) => add::run(&flags, call),
        Command::Entries(flags) => entries::run(&flags, call),
        Command::Verify(flags) => verify::run(&flags, call),
        Command::Version(flags) => version::run(&flags),
        Command::Completion(flags) => completion::run(flags),
        Command::Demo(flags) => demo::run(flags),
        Command::Server(flags) => server::run(&flags, call),
        Command::Init(flags) => init::run(&flags, call),
        Command::Explain(flags) => explain::run(&flags, call),
        Command::Check(flags) => check::run(&flags, call),
    }
}

impl Name {
    fn of(program: Option<&OsString>) -> Self {
        let stem = program.map(Path::new).and_then(Path::file_stem);
        if stem.is_some_and(|stem| stem == REFERENCE_NAME) { Self::Reference } else { Self::Ours }
    }
}

impl Exit {
    const fn code(self, name: Name) -> u8 {
        match (self, name) {
            (Self::Good, _) => 0,
            (Self::Failed, _) | (Self::Usage, Name::Reference) => 1,
            (Self::Usage, Name::Ours) => 2,
        }
    }
}
