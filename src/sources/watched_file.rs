//! A file that is watched: symlink swaps, rename-over, in-place writes, seen within 2 s in every case.
//!
//! The *directory* is watched, since a mounted ConfigMap changes by swapping the `..data` link beside the file and an
//! editor by renaming over it. A poll each second stands behind it: for writes through a link into another directory,
//! for a directory that was replaced, for file systems that tell nothing, and where no watch is left to have. What
//! counts is the content: an unchanged one is no change, whatever happened to its times.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::read_regular;
use crate::telemetry::Metrics;

/// Pause between two looks where no event tells of a change.
const POLL: Duration = Duration::from_secs(1);
/// A file written in place is taken once it has not been touched for this long.
const QUIET: Duration = Duration::from_millis(50);
/// Looks at a file that is written again and again, before it is taken as it is.
const MAX_LOOKS: usize = 10;
/// Events of other files between two polls, beyond which the directory is polled only: a log that grows beside the
/// file would cost an event a line.
const NOISE: usize = 64;
/// Up to this size the poll reads the file; beyond, only when its inode tells of a change.
const CHEAP_BYTES: u64 = 1024 * 1024;

/// What usually helps where nothing can be watched: the system's own words name files for want of watches, too.
const CURE: &str = "raise fs.inotify.max_user_instances, fs.inotify.max_user_watches or the limit of open files";

/// SHA-256 of a file's content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap_or_default())
    }
}

impl fmt::Display for Digest {
    /// The first eight bytes: enough to tell versions apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where a watch tells how it stands.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) metrics: Arc<Metrics>,
    /// Label in metrics.
    pub(super) source: &'static str,
    /// Whether faults count as those of a dynamic file.
    pub(super) dynamic: bool,
}

impl Tally {
    fn fault(&self) {
        if self.dynamic {
            self.metrics.dynamic_file_failed();
        }
    }
}

/// What a look at the file showed.
#[derive(Debug)]
pub(super) enum Look {
    /// Other content than at the last look.
    Changed(Vec<u8>, Digest),
    /// It cannot be read.
    Failed(io::Error),
    /// The content of the last look, or the same failure.
    Same,
}

/// The watcher: one reader, no thread of its own beside notify's.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: Arc<Path>,
    tally: Tally,
    bell: Arc<Bell>,
    poll: Interval,
    watcher: Option<RecommendedWatcher>,
    /// Inode of the directory under watch.
    directory: Option<(u64, u64)>,
    /// The directory is not worth a watch.
    too_busy: bool,
    seen: Option<Seen>,
}

/// Rung by notify.
#[derive(Debug, Default)]
struct Bell {
    notify: Notify,
    /// Whether an event named the file itself, or a link of a mounted ConfigMap.
    named: AtomicBool,
    /// Events of other files since the last poll.
    noise: AtomicUsize,
}

/// What the last look showed.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    /// `None` when the file could not be read.
    digest: Option<Digest>,
    failure: Option<String>,
    inode: Option<Inode>,
}

/// A file and where its links lead.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Inode {
    real_path: PathBuf,
    stamp: Stamp,
}

/// What changes when a file is replaced or written to; `ctime` cannot be set back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    id: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl WatchedFile {
    /// Begins to watch. A file or directory that does not exist yet is no fault: the poll will see it.
    pub(super) async fn start(path: &Path, tally: Tally) -> Self {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        poll.reset();
        let (path, bell) = (path.into(), Arc::default());
        let mut file = Self { path, tally, bell, poll, watcher: None, directory: None, too_busy: false, seen: None };
        file.watch().await;
        file
    }

    /// Waits until the file may have changed; `true` when a look must read it. May be dropped.
    pub(super) async fn rung(&mut self) -> bool {
        tokio::select! {
            () = self.bell.notify.notified() => self.bell.named.swap(false, Ordering::AcqRel),
            _ = self.poll.tick() => {
                if self.bell.noise.swap(0, Ordering::AcqRel) > NOISE {
                    tracing::info!(path = %self.path.display(), "file is polled each second: its directory is too busy to be watched");
                    self.watcher = None;
                    self.too_busy = true;
                }
                self.watch().await;
                false
            }
        }
    }

    /// Looks at the file, and again while somebody writes to it in place.
    pub(super) async fn look(&mut self, must_read: bool) -> Look {
        let was_at = self.seen.as_ref().and_then(|seen| seen.inode.as_ref()).map(|inode| inode.real_path.clone());
        let mut look = self.look_once(must_read).await;
        for _ in 0..MAX_LOOKS {
            let is_at = self.seen.as_ref().and_then(|seen| seen.inode.as_ref()).map(|inode| &inode.real_path);
            // Another real path is a swapped link: what it points to was complete before.
            if matches!(look, Look::Same) || is_at.is_some() && is_at != was_at.as_ref() && was_at.is_some() {
                break;
            }
            let _ = timeout(QUIET, self.bell.notify.notified()).await;
            match self.look_once(true).await {
                Look::Same => break,
                newer => look = newer,
            }
        }
        look
    }

    /// Reads the file away from the runtime's threads.
    pub(super) async fn look_once(&mut self, must_read: bool) -> Look {
        let (path, seen) = (Arc::clone(&self.path), self.seen.clone());
        let read = tokio::task::spawn_blocking(move || read(&path, seen.as_ref(), must_read)).await;
        match read {
            Ok(Some((look, seen))) => {
                self.seen = Some(seen);
                look
            }
            Ok(None) => Look::Same,
            Err(ended) => Look::Failed(io::Error::other(ended)),
        }
    }

    /// Watches the directory, if it is not the one that is watched already.
    async fn watch(&mut self) {
        let (path, bell, tally) = (Arc::clone(&self.path), Arc::clone(&self.bell), self.tally.clone());
        let (known, settled) = (self.directory, self.watcher.is_some() || self.too_busy);
        // A file system that hangs holds a thread of the pool, never the runtime's own.
        let watching = tokio::task::spawn_blocking(move || {
            let directory = directory_of(&path);
            let inode = Stamp::of(directory).ok().map(|stamp| stamp.id);
            let as_before = inode == known && (settled || inode.is_none());
            (!as_before).then(|| (inode, inode.map(|_| watcher(directory, &path, bell, tally))))
        });
        if let Ok(Some((inode, watcher))) = watching.await {
            let news = self.directory != inode;
            (self.directory, self.too_busy) = (inode, false);
            self.watcher = watcher.and_then(|made| made.map_err(|error| self.tell(&error, news)).ok());
        }
        self.tally.metrics.source_polled(self.tally.source, self.watcher.is_none());
    }

    fn tell(&self, error: &notify::Error, news: bool) {
        self.tally.fault();
        if news {
            tracing::warn!(path = %self.path.display(), error = %error, cure = CURE, "file is polled each second: its directory cannot be watched");
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn watcher(directory: &Path, file: &Path, bell: Arc<Bell>, tally: Tally) -> notify::Result<RecommendedWatcher> {
    let name = file.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let named = match &event {
            // Events were lost.
            Ok(event) if event.need_rescan() => true,
            // Our own opening and reading is told too.
            Ok(event) if is_reading(&event.kind) => return,
            Ok(event) => event
                .paths
                .iter()
                .filter_map(|path| path.file_name())
                .any(|changed| Some(changed) == name.as_deref() || changed.as_encoded_bytes().starts_with(b"..")),
            Err(_) => {
                tally.fault();
                true
            }
        };
        if named {
            bell.named.store(true, Ordering::Release);
            bell.notify.notify_one();
        } else {
            bell.noise.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

const fn is_reading(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => false,
    }
}

/// `None` when nothing tells of a change and the file is too large to be read for that.
fn read(path: &Path, seen: Option<&Seen>, must_read: bool) -> Option<(Look, Seen)> {
    let inode = inode(path).ok();
    let untouched = seen.is_some_and(|seen| seen.inode == inode && seen.failure.is_none());
    if untouched && !must_read && inode.as_ref().is_some_and(|inode| inode.stamp.size > CHEAP_BYTES) {
        return None;
    }
    match read_regular(path) {
        Ok(bytes) => {
            let digest = Digest::of(&bytes);
            let same = seen.is_some_and(|seen| seen.digest == Some(digest));
            let look = if same { Look::Same } else { Look::Changed(bytes, digest) };
            Some((look, Seen { digest: Some(digest), failure: None, inode }))
        }
        Err(error) => {
            let failure = Some(error.to_string());
            let same = seen.is_some_and(|seen| seen.failure == failure);
            let look = if same { Look::Same } else { Look::Failed(error) };
            Some((look, Seen { digest: None, failure, inode }))
        }
    }
}

fn inode(path: &Path) -> io::Result<Inode> {
    let real_path = fs::canonicalize(path)?;
    let stamp = Stamp::of(&real_path)?;
    Ok(Inode { real_path, stamp })
}

impl Stamp {
    #[cfg(unix)]
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let about = fs::metadata(path)?;
        Ok(Self {
            id: (about.dev(), about.ino()),
            size: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        })
    }

    /// The time of creation stands for what Windows does not tell: a file that was replaced is younger.
    #[cfg(not(unix))]
    fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        let nanos = |time: io::Result<std::time::SystemTime>| {
            let age = time.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
            (i64::try_from(age.as_secs()).unwrap_or(i64::MAX), i64::from(age.subsec_nanos()))
        };
        let (seconds, rest) = nanos(about.created());
        Ok(Self {
            id: (u64::try_from(seconds).unwrap_or_default(), u64::try_from(rest).unwrap_or_default()),
            size: about.len(),
            modified: nanos(about.modified()),
            changed: (0, 0),
        })
    }
}
