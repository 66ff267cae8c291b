//! What people read when get-token fails: one message for each common failure.
//!
//! The first line says what failed and why, with AWS's code; the last line says what to run. Nothing goes to standard
//! output, and no secret anywhere. Paths, ports and instants are redacted in the snapshots.

mod files;
mod logins;
mod machines;
mod network;
mod roles;

use std::process::Command;

use crate::harness::aws::{ACCOUNT, Aws};
use crate::harness::process::{Said, run};

const GET_TOKEN: [&str; 3] = ["get-token", "-i", "c"];

/// The binary with more arguments, led to `aws`.
fn get_token(aws: &Aws, more: &[&str]) -> Command {
    aws.iam_bridge(&[&GET_TOKEN[..], more].concat())
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Runs a command that must fail; its message is the snapshot `name`.
fn tell(aws: &Aws, name: &str, command: &mut Command) {
    let said = run(command);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{name}: {}", said.stderr);
    assert_well_said(aws, name, &said);
    insta::assert_snapshot!(name, redacted(aws, &said.stderr));
}

/// The form that every message has.
fn assert_well_said(aws: &Aws, name: &str, said: &Said) {
    let lines: Vec<&str> = said.stderr.lines().collect();
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert!(first.starts_with("could not get token: "), "{name}: {}", said.stderr);
    assert!(last.starts_with("hint: "), "{name}: {}", said.stderr);
    assert!(lines.len() >= 2, "{name}: {}", said.stderr);
    aws.assert_no_secret(said);
}

/// Without what differs from run to run and from system to system.
fn redacted(aws: &Aws, text: &str) -> String {
    let mut text = text.replace(&aws.home().display().to_string(), "$HOME");
    // How far a connection came before it was cut off is a matter of microseconds.
    for cut in ["tunnel error: unexpected end of file", "tls handshake eof", "Connection reset by peer (os error 104)"]
    {
        text = text.replace(cut, "CUT OFF");
    }
    text.replace(" (os error 2)", "").replace(" (os error 111)", "")
}
