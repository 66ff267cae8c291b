//! What is said about a command line that cannot be parsed, and about `--help`.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::{Exit, Name, output};
use crate::config::flags::Flags;

/// Flags of every command that take a value, which is not the command.
const WITH_VALUE: [&str; 11] = [
    "-c",
    "--config",
    "-i",
    "--cluster-id",
    "--cluster-name",
    "--cluster",
    "-l",
    "--log-format",
    "-v",
    "--log-verbosity",
    "--feature-gates",
];

/// What a token's text begins with.
const TOKEN_PREFIX: &str = "k8s-aws-v1.";

/// Prints clap's words; help is data, everything else is not.
pub(super) fn report(error: &clap::Error, args: &[OsString], name: Name) -> Exit {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => output::data(&text.to_string()),
        // The reference's bare name prints its help and is content.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if name == Name::Reference && args.len() < 2 => {
            output::data(&text.to_string())
        }
        _ => {
            output::line(without_tokens(&text.ansi().to_string()).trim_end());
            if command(args) == Some("token") { Exit::Failed } else { Exit::Usage }
        }
    }
}

/// Prints the usage line of `command` to stderr.
pub(super) fn show(command: &str) {
    let mut root = Flags::command();
    root.build();
    if let Some(found) = root.find_subcommand_mut(command) {
        output::line(found.render_usage().ansi());
        output::line(format_args!("\nFor more information, try '--help'."));
    }
}

/// The word that names the command, as far as an unparsable line tells.
fn command(args: &[OsString]) -> Option<&str> {
    let mut words = args.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
    None
}

/// clap quotes what it does not know, and that may be somebody's token.
fn without_tokens(text: &str) -> Cow<'_, str> {
    if !text.contains(TOKEN_PREFIX) {
        return Cow::Borrowed(text);
    }
    let in_token = |byte: char| byte.is_ascii_alphanumeric() || byte == '-' || byte == '_';
    let mut pieces = text.split(TOKEN_PREFIX);
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str(TOKEN_PREFIX);
        clean.push('…');
        clean.push_str(piece.trim_start_matches(in_token));
    }
    Cow::Owned(clean)
}
