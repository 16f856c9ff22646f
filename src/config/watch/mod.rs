//! Files beside `server.toml` that may change while the service runs: lists of networks, certificates.
//!
//! A [`Watched`] value is read from one or several files, once at the start, where a fault is an error, and again when
//! they change, where a fault keeps the last good value. Who uses it takes no lock and waits for nobody.
//!
//! # Why it looks, and is not told
//!
//! The systems can tell of changes (inotify, `ReadDirectoryChangesW`), but not of all: nothing tells of what another machine
//! writes to a network file system, or of what changes behind a bind mount of a container or a link of another folder,
//! and Wine tells of little. What is told must be settled by looking all the same, and each system has its own limits on how
//! much is watched. So one plain thread asks for the state of every file once a second, and does nothing else: some
//! microseconds a file. It may hang, as on a network file system that is away, and then nothing else waits for it.
//!
//! # What is seen
//!
//! The [`Stamp`] of a file is what `stat` tells: size, times, and which file it is, behind all links. So a file that is written
//! in place is seen, one that is renamed over it, and a folder that a link was turned to, as Kubernetes does it. A file is
//! read once it has kept still for a second, since half a list is a list too.

mod stamp;
mod thread;

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use tracing::{error, info};

use self::stamp::Stamp;

/// So often a file may be seen to change before it is read though it does not keep still: it may never do.
const MOST_UNSETTLED: u32 = 30;

/// Why files were not taken into use: their name, maybe a line, and the reason.
pub(crate) type ReadError = Box<dyn Error + Send + Sync>;

/// A value that is read from files, and again when they change.
pub(crate) struct Watched<T> {
    files: Vec<PathBuf>,
    current: ArcSwap<T>,
    /// The files do not have what is in use: it is older.
    stale: AtomicBool,
    reloaded: AtomicU64,
    failed: AtomicU64,
    watch: Mutex<Watch<T>>,
}

/// What only the watching thread uses.
struct Watch<T> {
    read: Box<dyn FnMut() -> Result<T, ReadError> + Send>,
    /// Of the files as they were last read, whatever came of it.
    read_at: Vec<Stamp>,
    /// As they were when they were last looked at.
    seen: Vec<Stamp>,
    /// How often in a row they were not as before.
    unsettled: u32,
}

/// How often files were read again, for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reloads {
    /// What they had was taken into use.
    pub(crate) reloaded: u64,
    /// It was faulty, or they could not be read.
    pub(crate) failed: u64,
    /// The last time it was so, and what is in use is older than the files.
    pub(crate) stale: bool,
}

/// What is watched, whatever is in it.
pub(crate) trait Watchable: Send + Sync {
    /// The files that it is read from.
    fn files(&self) -> &[PathBuf];

    /// How often they were read again.
    fn reloads(&self) -> Reloads;

    /// Looks at the files, and reads them if they have changed and keep still.
    fn look(&self);
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the files for the first time. `read` is called again, on a thread of its own, whenever one of them has changed,
    /// but not before [`keep_watch`](Self::keep_watch).
    ///
    /// # Errors
    ///
    /// As `read` has it, this first time.
    pub(crate) fn read<E>(
        files: impl Into<Vec<PathBuf>>,
        mut read: impl FnMut() -> Result<T, E> + Send + 'static,
    ) -> Result<Arc<Self>, E>
    where
        E: Into<ReadError>,
    {
        let files = files.into();
        // Before they are read: what changes while they are is seen later.
        let stamps: Vec<Stamp> = files.iter().map(|file| Stamp::of(file)).collect();
        let first = read()?;
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(first),
            stale: AtomicBool::new(false),
            reloaded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            watch: Mutex::new(Watch {
                read: Box::new(move || read().map_err(Into::into)),
                seen: stamps.clone(),
                read_at: stamps,
                unsettled: 0,
            }),
            files,
        }))
    }

    /// From now on the files are looked at every second, until nobody has this value any more.
    pub(crate) fn keep_watch(self: &Arc<Self>) {
        let watched: Arc<dyn Watchable> = Arc::<Self>::clone(self);
        thread::add(&watched);
    }

    /// What is in use. It is for a moment: who keeps it longer takes [`full`](Self::full).
    pub(crate) fn load(&self) -> Guard<Arc<T>> {
        self.current.load()
    }

    /// What is in use, to be kept.
    #[allow(
        dead_code,
        reason = "lists are only looked into; a certificate is kept for as long as a handshake takes"
    )]
    pub(crate) fn full(&self) -> Arc<T> {
        self.current.load_full()
    }
}

impl<T: Send + Sync> Watchable for Watched<T> {
    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn reloads(&self) -> Reloads {
        Reloads {
            reloaded: self.reloaded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
        }
    }

    fn look(&self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps: Vec<Stamp> = self.files.iter().map(|file| Stamp::of(file)).collect();
        let settled = stamps == watch.seen || watch.unsettled == MOST_UNSETTLED;
        watch.unsettled = if settled { 0 } else { watch.unsettled + 1 };
        watch.seen.clone_from(&stamps);
        if !settled || stamps == watch.read_at {
            return;
        }
        let changed = self.changed(&watch.read_at, &stamps);
        // Taken before it is read, as the first time.
        watch.read_at = stamps;
        // A parser that panics must not end the thread, which others need.
        let read = catch_unwind(AssertUnwindSafe(&mut watch.read))
            .unwrap_or_else(|_| Err("what reads it has panicked: this is a bug".into()));
        self.stale.store(read.is_err(), Ordering::Relaxed);
        match read {
            Ok(value) => {
                self.current.store(Arc::new(value));
                self.reloaded.fetch_add(1, Ordering::Relaxed);
                info!(file = %changed.display(), "the file has changed: what it has now is in force");
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                error!(
                    file = %changed.display(), error = %Chain(&*error),
                    "the file has changed and is not fit for use: what it had before stays in force"
                );
            }
        }
    }
}

impl<T> Watched<T> {
    /// The first of the files that is not as it was.
    fn changed(&self, before: &[Stamp], now: &[Stamp]) -> &Path {
        let mut all = self.files.iter().zip(before.iter().zip(now));
        all.find(|(_, (before, now))| before != now).map_or(Path::new(""), |(file, _)| file)
    }
}

impl<T: fmt::Debug> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("files", &self.files).field("current", &*self.current.load()).finish()
    }
}

/// An error with all of its causes.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
