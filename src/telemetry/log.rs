//! Log lines as the reference writes them: logfmt text or one flat JSON object a line, on stderr.
//!
//! ```text
//! time="2026-11-24T08:00:00Z" level=info msg="access granted" username=jo groups="[dev ops]"
//! {"time":"2026-11-24T08:00:00Z","level":"info","msg":"access granted","username":"jo","groups":["dev","ops"]}
//! ```
//!
//! Only this crate's own events are written, at every level: the HTTP and TLS libraries log what passes through
//! them, and that is URLs and headers. Control, ANSI and bidirectional characters of a value are escaped, so that a
//! value can neither end a line nor change how a terminal shows it. A line is one write.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use super::escape;
use crate::clock::{Clock, UnixSeconds};

/// Targets of our own events begin with this.
const OURS: &str = "iam_bridge";

/// Fields that hold [`Words`] and are arrays in JSON.
const LISTS: [&str; 2] = ["audiences", "groups"];

/// A buffer that had to grow beyond this is given back.
const KEPT_BYTES: usize = 8 * 1024;

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// One flat object.
    Json,
    /// logfmt.
    #[default]
    Text,
}

/// Why logging cannot be set up.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LogError {
    /// `--log-verbosity` is no level.
    #[error("`{0}` is not a log level; use panic, fatal, error, warning, info, debug or trace")]
    UnknownLevel(String),
}

/// Writes every event of this crate as a line to `sink`, which is called once a line.
#[derive(Debug)]
pub struct Lines<S> {
    format: Format,
    level: LevelFilter,
    clock: Clock,
    sink: S,
}

/// A list in a log line: `[a b]` in text, as Go prints one; an array in JSON.
///
/// Its `{:#?}` form is the JSON array; recorded under a name of `LISTS` only.
#[derive(Clone, Copy)]
pub struct Words<'a>(pub &'a [String]);

/// Sends this process' log to stderr, in the format and from the level that the words name.
///
/// An unknown format warns and means text. A second call changes nothing: the first one holds for the process.
///
/// # Errors
/// [`LogError::UnknownLevel`].
pub fn install(format: &str, level: &str) -> Result<(), LogError> {
    let level = parse_level(level)?;
    let known = Format::parse(format);
    let lines = Lines::new(known.unwrap_or_default(), level, Clock::system(), write_to_stderr);
    if tracing::subscriber::set_global_default(lines).is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    if known.is_none() {
        tracing::warn!(format, "unknown log format; writing text");
    }
    Ok(())
}

/// The level a word of `--log-verbosity` names, in any case, `warn` included.
///
/// `panic` and `fatal` write nothing: what ends the process is printed by the command line itself.
///
/// # Errors
/// [`LogError::UnknownLevel`].
pub fn parse_level(word: &str) -> Result<LevelFilter, LogError> {
    match word.to_ascii_lowercase().as_str() {
        "panic" | "fatal" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warning" | "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(LogError::UnknownLevel(word.to_owned())),
    }
}

impl Format {
    /// The format a word of `--log-format` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

impl<S: Fn(&[u8]) + Send + Sync + 'static> Lines<S> {
    /// Lines of `level` and graver, stamped by `clock`.
    pub const fn new(format: Format, level: LevelFilter, clock: Clock, sink: S) -> Self {
        Self { format, level, clock, sink }
    }
}

impl<S: Fn(&[u8]) + Send + Sync + 'static> Subscriber for Lines<S> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level && is_ours(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = LineWriter { format: self.format, text: LINE.take(), scratch: SCRATCH.take() };
        line.begin(&self.clock, *event.metadata().level());
        event.record(&mut line);
        line.end();
        (self.sink)(line.text.as_bytes());
        for (mut buffer, home) in [(line.text, &LINE), (line.scratch, &SCRATCH)] {
            if buffer.capacity() <= KEPT_BYTES {
                buffer.clear();
                home.set(buffer);
            }
        }
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1) // spans are never enabled
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

impl fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let mut array = String::from("[");
            for (index, word) in self.0.iter().enumerate() {
                array.push_str(if index == 0 { "" } else { "," });
                escape::json_string(word, &mut array);
            }
            array.push(']');
            return f.write_str(&array);
        }
        f.write_str("[")?;
        for (index, word) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            f.write_str(word)?;
        }
        f.write_str("]")
    }
}

thread_local! {
    // Buffers are taken out while in use, so that an event inside an event gets fresh ones.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
    // The second of the last line and how it is written: most lines share it with the one before.
    static STAMP: Cell<(Option<UnixSeconds>, String)> = const { Cell::new((None, String::new())) };
}

struct LineWriter {
    format: Format,
    text: String,
    scratch: String,
}

impl LineWriter {
    fn begin(&mut self, clock: &Clock, level: Level) {
        let (before, between, after) = match self.format {
            Format::Json => ("{\"time\":\"", "\",\"level\":\"", "\""),
            Format::Text => ("time=\"", "\" level=", ""),
        };
        self.text.push_str(before);
        let (mut second, mut stamp) = STAMP.take();
        let now = clock.now();
        if second != Some(now) {
            stamp.clear();
            // Years outside of -9999..=9999 have no RFC 3339 form.
            let _written = jiff::Timestamp::from_second(now.0).map(|now| write!(stamp, "{now}"));
            second = Some(now);
        }
        self.text.push_str(&stamp);
        STAMP.set((second, stamp));
        self.text.push_str(between);
        self.text.push_str(word_of(level));
        self.text.push_str(after);
    }

    fn end(&mut self) {
        self.text.push_str(match self.format {
            Format::Json => "}\n",
            Format::Text => "\n",
        });
    }

    fn key(&mut self, field: &Field) {
        let name = match field.name() {
            "message" => "msg",
            name => name,
        };
        let (before, after) = match self.format {
            Format::Json => (",\"", "\":"),
            Format::Text => (" ", "="),
        };
        self.text.push_str(before);
        self.text.push_str(name);
        self.text.push_str(after);
    }

    fn string(&mut self, value: &str) {
        match self.format {
            Format::Json => escape::json_string(value, &mut self.text),
            Format::Text => escape::logfmt(value, &mut self.text),
        }
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        let _written = write!(self.text, "{value}");
    }
}

impl Visit for LineWriter {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field);
        self.string(value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, value);
        } else {
            self.record_str(field, "not a number"); // JSON has none
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut chain = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _written = write!(chain, ": {error}");
            cause = error.source();
        }
        self.record_str(field, &chain);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.key(field);
        let mut formatted = std::mem::take(&mut self.scratch);
        formatted.clear();
        if self.format == Format::Json && LISTS.contains(&field.name()) {
            let _written = write!(formatted, "{value:#?}");
            self.text.push_str(&formatted);
        } else {
            let _written = write!(formatted, "{value:?}");
            self.string(&formatted);
        }
        self.scratch = formatted;
    }
}

const fn word_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn is_ours(target: &str) -> bool {
    target.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn write_to_stderr(line: &[u8]) {
    // Nobody is left to tell when stderr cannot be written.
    let _written = std::io::stderr().write_all(line);
}

/// A panic's message may quote what it was at work on; its place cannot.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    match panic.location() {
        Some(place) => tracing::error!(place = %place, "a fault of the program: panic"),
        None => tracing::error!("a fault of the program: panic"),
    }
}
