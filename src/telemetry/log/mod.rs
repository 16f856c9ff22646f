//! The log: events of `tracing` as lines on standard error or in a file.
//!
//! Who writes an event never waits for whoever reads standard error, nor for the disk: lines go through a bounded queue to
//! a thread of their own. What the queue can't take is lost, and counted.

mod file;
mod level;
mod lines;
mod rotation;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tracing::{Subscriber, info, warn};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, fmt};

use self::file::LogFile;
use self::level::Level;
use self::lines::{Lines, Losses, Output, Target};
use crate::admin::LogLevel;
use crate::config::meant::{LogConfig, LogFormat};
use crate::platform;

/// Makes the log of this process as `[log]` says; it ends, flushed, when what is returned is dropped. Without
/// `follow_links`, `log.file` may not be a symbolic link: for a process that is root yet, and opens what another user may
/// have put there.
///
/// # Errors
///
/// `log.level` is not a filter, `log.file` can't be opened, or the process has a `tracing` subscriber already.
pub(crate) fn init(config: &LogConfig, follow_links: bool) -> Result<Log, LogError> {
    let (level, filter) = Level::new(&config.level).map_err(LogError::Level)?;
    let open = |path: &PathBuf| {
        LogFile::open(path, config.retention, follow_links, SystemTime::now())
            .map_err(|error| LogError::File { path: path.clone(), error })
    };
    let output = Output::new(config.file.as_ref().map(open).transpose()?);
    let losses = Arc::new(Losses::default());
    let (queue, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUED_LINES)
        .thread_name("log")
        .finish(Lines::new(output.clone(), Arc::clone(&losses)));
    losses.watch(queue.error_counter());
    // Of two logs, the second finds the process's subscriber taken.
    let _ = LOSSES.set(Arc::clone(&losses));

    let colour = config.file.is_none() && colour(&io::stderr());
    let subscriber = Registry::default().with(filter).with(lines(config.format, colour, queue));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Taken)?;
    Ok(Log { worker: Some(worker), losses, level: Arc::new(level), output })
}

/// How many lines of the process's log were lost until now; `None` where it has none.
pub(crate) fn lines_lost() -> Option<usize> {
    LOSSES.get().map(|losses| losses.total())
}

static LOSSES: OnceLock<Arc<Losses>> = OnceLock::new();

/// Says what is wrong with a `log.level`, for a message that already names the key.
pub(crate) fn check_level(level: &str) -> Result<(), String> {
    level::parse(level).map(drop)
}

/// Whether colour is welcome on `stream`: a terminal that knows it, and no `NO_COLOR` (<https://no-color.org>).
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && platform::terminal_knows_colour()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The filter can't be read.
    #[error("log.level: {0}")]
    Level(String),
    /// The file can't be opened.
    #[error("log.file: can't open {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    /// Only one subscriber can be the process's own.
    #[error("this process already has a `tracing` subscriber; `terima::cli::main` sets its own")]
    Taken,
}

/// The process's log. Dropping it writes what is queued, for about a second at most.
#[derive(Debug)]
pub(crate) struct Log {
    worker: Option<WorkerGuard>,
    losses: Arc<Losses>,
    level: Arc<Level>,
    output: Output,
}

/// What the log of this process lets pass, for others than its owner.
#[derive(Debug, Clone)]
pub(crate) struct Filter(Arc<Level>);

impl LogLevel for Filter {
    fn configured(&self) -> String {
        self.0.configured().to_owned()
    }

    fn now(&self) -> String {
        self.0.now()
    }

    fn set(&self, level: &str) -> Result<(), String> {
        self.0.replace(level)
    }

    fn restore(&self) {
        self.0.restore();
    }
}

impl Log {
    /// What it lets pass.
    pub(crate) fn filter(&self) -> Filter {
        Filter(Arc::clone(&self.level))
    }

    /// Opens the file again under its name, for whoever has put it aside. If that fails, lines go on to the one that is
    /// open. No line is lost.
    pub(crate) fn reopen(&self) {
        let reopened = match &mut *self.output.lock() {
            Target::Stderr(_) => None,
            Target::File(file) => Some(file.reopen(SystemTime::now())),
        };
        match reopened {
            None => info!("there is no log file to open again: log.file is not set"),
            Some(Ok(())) => info!("the log file is open again"),
            Some(Err(error)) => {
                warn!(%error, "the log file can't be opened again: lines go on to the old one");
            }
        }
    }

    /// Logs everything, one step more detailed than before: info, debug, trace.
    pub(crate) fn raise_level(&self) {
        self.level.raise();
    }

    /// Logs what `log.level` says again.
    pub(crate) fn restore_level(&self) {
        self.level.restore();
    }

    /// The file that lines are written to, if there is one.
    pub(crate) fn with_file<T>(&self, f: impl FnOnce(&File) -> T) -> Option<T> {
        match &*self.output.lock() {
            Target::Stderr(_) => None,
            Target::File(file) => Some(f(file.file())),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.losses.report();
        let worker = self.worker.take();
        // Where the queue stays full, tracing-appender says so with `println!`, which panics if standard output is
        // closed.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(worker)));
    }
}

/// So many lines wait for a slow reader before lines are lost: some 4 MiB.
const QUEUED_LINES: usize = 16 * 1024;

fn lines<S>(format: LogFormat, colour: bool, queue: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let text = fmt::layer().with_writer(queue);
    match format {
        LogFormat::Text => text.with_ansi(colour).boxed(),
        LogFormat::Json => {
            text.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &LogConfig) -> String {
        init(config, true).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_level_is_named() {
        let message = refused(&LogConfig { level: "inof".to_owned(), ..LogConfig::default() });
        assert!(message.starts_with("log.level: `inof` is no level"), "{message}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no-such-folder/terima.log");
        let message = refused(&LogConfig { file: Some(path.clone()), ..LogConfig::default() });
        assert!(message.starts_with(&format!("log.file: can't open {}: ", path.display())), "{message}");
    }
}
