//! Where lines go, and what becomes of those that can't.

use std::io::{self, BufWriter, Stderr, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tracing_appender::non_blocking::ErrorCounter;

use super::file::LogFile;
use crate::telemetry::Sampler;

/// Lines lost are reported so often at most.
const REPORT_LOSSES_EVERY: Duration = Duration::from_secs(10);

/// That a file can't be written is said so often at most.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What lines are written to; shared by the log's thread and by who opens the file anew.
#[derive(Debug, Clone)]
pub(super) struct Output(Arc<Mutex<Target>>);

#[derive(Debug)]
pub(super) enum Target {
    Stderr(BufWriter<Stderr>),
    File(LogFile),
}

impl Output {
    /// Standard error, where there is no file.
    pub(super) fn new(file: Option<LogFile>) -> Self {
        // The thread flushes whenever the queue is empty, so this only joins the lines of a burst.
        let stderr = || Target::Stderr(BufWriter::with_capacity(64 * 1024, io::stderr()));
        Self(Arc::new(Mutex::new(file.map_or_else(stderr, Target::File))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer of the log's thread: it never fails, since an error would be lost there.
#[derive(Debug)]
pub(super) struct Lines {
    output: Output,
    losses: Arc<Losses>,
    complaints: Sampler,
}

impl Lines {
    pub(super) fn new(output: Output, losses: Arc<Losses>) -> Self {
        Self { output, losses, complaints: Sampler::at_most(1, COMPLAIN_EVERY) }
    }

    /// Says on standard error that the file can't be written: the file itself can't tell.
    fn complain(&self, file: &LogFile, error: &io::Error) {
        if self.complaints.admit().is_some() {
            let _ = writeln!(io::stderr(), "terima: log.file: {}: {error}", file.path().display());
        }
    }
}

impl Write for Lines {
    /// One call is one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A standard error or a file that fails, closed or on a full disk, must not end the log: it may recover.
        match &mut *self.output.lock() {
            Target::Stderr(stderr) => {
                if stderr.write_all(line).is_err() {
                    self.losses.unwritten.fetch_add(1, Ordering::Relaxed);
                }
            }
            Target::File(file) => {
                if let Err(failed) = file.write(line, SystemTime::now()) {
                    self.losses.unwritten.fetch_add(usize::from(failed.lost), Ordering::Relaxed);
                    self.complain(file, &failed.error);
                }
            }
        }
        self.losses.report_now_and_then();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.output.lock() {
            Target::Stderr(stderr) => stderr.flush(),
            Target::File(file) => {
                if let Err(error) = file.flush() {
                    self.complain(file, &error);
                }
                Ok(())
            }
        }
    }
}

/// The count of lines that came to nothing.
#[derive(Debug)]
pub(super) struct Losses {
    /// Lines that the queue had no room for; there once the queue is.
    unqueued: OnceLock<ErrorCounter>,
    unwritten: AtomicUsize,
    reported: AtomicUsize,
    reports: Sampler,
}

impl Default for Losses {
    fn default() -> Self {
        Self {
            unqueued: OnceLock::new(),
            unwritten: AtomicUsize::new(0),
            reported: AtomicUsize::new(0),
            reports: Sampler::at_most(1, REPORT_LOSSES_EVERY),
        }
    }
}

impl Losses {
    pub(super) fn watch(&self, unqueued: ErrorCounter) {
        let _ = self.unqueued.set(unqueued);
    }

    pub(super) fn total(&self) -> usize {
        let unqueued = self.unqueued.get().map_or(0, ErrorCounter::dropped_lines);
        unqueued.saturating_add(self.unwritten.load(Ordering::Relaxed))
    }

    fn report_now_and_then(&self) {
        if self.total() > self.reported.load(Ordering::Relaxed) && self.reports.admit().is_some() {
            self.report();
        }
    }

    /// Writes an event, which goes through the queue as any other. It tells the total, not what is new, so nothing is
    /// forgotten if this line is lost too.
    pub(super) fn report(&self) {
        let total = self.total();
        if total > self.reported.swap(total, Ordering::Relaxed) {
            tracing::warn!(total, "log lines lost: the log is not read fast enough, or can't be written");
        }
    }
}
