//! The only printer: data to stdout, everything else to stderr, colour on a terminal only.
//!
//! A reader that went away is no error. Colour follows `NO_COLOR` and the terminal, as anstream judges them.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::Exit;
use crate::config::flags::DataFormat;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Writes data to stdout, and says how the run ends by it.
pub(super) fn data(text: &str) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Good,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Good,
        Err(error) => fail(format_args!("standard output cannot be written: {error}")),
    }
}

/// Writes `answer` in the format that was asked for; `table` makes the one for people, which may hold colours: they
/// reach terminals only.
pub(super) fn shown(answer: &impl Serialize, format: DataFormat, table: impl FnOnce() -> String) -> Exit {
    let text = match format {
        DataFormat::Json => serde_json::to_string_pretty(answer).map_err(|error| error.to_string()),
        DataFormat::Yaml => serde_saphyr::to_string(answer).map_err(|error| error.to_string()),
        DataFormat::Table => {
            let mut plain = anstream::AutoStream::new(Vec::new(), anstream::AutoStream::choice(&io::stdout()));
            let written = plain.write_all(table().as_bytes()).map_err(|error| error.to_string());
            written.map(|()| String::from_utf8_lossy(&plain.into_inner()).into_owned())
        }
    };
    match text {
        Ok(text) => data(&format!("{}\n", text.trim_end())),
        Err(error) => fail(format_args!("the answer cannot be written: {error}")),
    }
}

/// Text that is red on a terminal.
pub(super) fn red(text: impl Display) -> String {
    painted(AnsiColor::Red.on_default().bold(), text)
}

/// Text that is green on a terminal.
pub(super) fn green(text: impl Display) -> String {
    painted(AnsiColor::Green.on_default(), text)
}

/// Text that is yellow on a terminal.
pub(super) fn yellow(text: impl Display) -> String {
    painted(AnsiColor::Yellow.on_default(), text)
}

/// Text that is cyan on a terminal.
pub(super) fn cyan(text: impl Display) -> String {
    painted(AnsiColor::Cyan.on_default(), text)
}

/// Text that stands back on a terminal.
pub(super) fn dim(text: impl Display) -> String {
    painted(Style::new().dimmed(), text)
}

fn painted(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes one line to stderr.
pub(super) fn line(text: impl Display) {
    // Whoever closed stderr does not want to know.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Says on a terminal how far the work is, in the place of what was said before; `is_last` clears it.
pub(super) fn progress(text: impl Display, is_last: bool) {
    let stderr = io::stderr();
    if stderr.is_terminal() {
        let mut stderr = stderr.lock();
        let _ = if is_last { write!(stderr, "\r\x1b[K") } else { write!(stderr, "\r\x1b[K{text}") };
        let _ = stderr.flush();
    }
}

/// `warning: …`
pub(super) fn warning(text: impl Display) {
    line(format_args!("{WARNING}warning:{WARNING:#} {text}"));
}

/// `hint: …`
pub(super) fn hint(text: impl Display) {
    line(format_args!("{HINT}hint:{HINT:#} {text}"));
}

/// `error: …`, and the run has failed.
pub(super) fn fail(text: impl Display) -> Exit {
    line(format_args!("{ERROR}error:{ERROR:#} {text}"));
    Exit::Failed
}

/// An error and its causes, on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}
