//! A config file's bytes: read without ever waiting for a pipe, and bounded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{Format, MAX_BYTES};

/// A config file's bytes and how they are to be read.
#[derive(Debug)]
pub struct FileText {
    /// Its name as typed.
    pub name: Arc<str>,
    /// Its content.
    pub bytes: Vec<u8>,
    /// By its extension.
    pub format: Format,
}

impl FileText {
    /// Reads a regular file of at most 64 MiB.
    ///
    /// # Errors
    /// An extension that is none of yaml, yml, json; a file that cannot be read.
    pub fn load(path: &Path) -> Result<Self, Diagnostic> {
        let format = format_of(path)?;
        let bytes = read_regular(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self { name: path.display().to_string().into(), bytes, format })
    }
}

/// The format that a file's extension names.
///
/// # Errors
/// No extension, or that of a format that is not read (toml, hcl, ini, properties, env).
pub fn format_of(path: &Path) -> Result<Format, Diagnostic> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let what = match extension.as_deref() {
        Some("yaml" | "yml") => return Ok(Format::Yaml),
        Some("json") => return Ok(Format::Json),
        Some(other) => format!("config files of type `{other}` are not read"),
        None => "the file's name has no extension, which tells its type".to_owned(),
    };
    Err(fault(path, "unsupported-format", what, "write it as YAML or JSON and name it .yaml, .yml or .json"))
}

/// The whole of a regular file, at most 64 MiB; a pipe, device or directory is refused and never waited for.
///
/// # Errors
/// What the system says; `InvalidInput` for another kind of file, `FileTooLarge` beyond the bound.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    read_open(&open(path)?)
}

/// Without `O_NONBLOCK` opening a pipe waits for its writer.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// A pipe has a name of its own kind here, which no config file's path begins with.
#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn read_open(mut file: &File) -> io::Result<Vec<u8>> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {MAX_BYTES} bytes"));
    if about.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0).saturating_add(1));
    file.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// A file that cannot be read, as a fault.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let what = format!("the file cannot be read: {error}");
    fault(path, "unreadable-file", what, "check its path and permissions")
}

/// Reading a file came to no end: a fault of the program.
pub(super) fn ended_early(path: &Path, ended: &tokio::task::JoinError) -> Diagnostic {
    fault(path, "unreadable-file", format!("reading it ended early: {ended}"), "write the whole file again")
}

/// A fault of a whole file.
pub(super) fn fault(path: &Path, code: &'static str, what: String, cure: &str) -> Diagnostic {
    let file = Some(path.display().to_string().into());
    Diagnostic::keyless(Severity::Error, code, file, None, what, cure)
}
