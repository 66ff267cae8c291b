//! iam-bridge: parse, run, print the error chain, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    iam_bridge::cli::main(std::env::args_os())
}
