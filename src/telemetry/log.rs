//! The log: events of `tracing` as lines on standard error.
//!
//! Who writes an event never waits for whoever reads standard error: lines go through a bounded queue to a thread of
//! their own. What the queue can't take is lost, and counted.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::meant::{LogConfig, LogFormat};
use crate::platform;

use super::sample::Sampler;

/// Makes the log of this process as `[log]` says; it ends, flushed, when the guard is dropped.
///
/// # Errors
///
/// `log.level` is not a filter, or the process has a `tracing` subscriber already.
pub(crate) fn init(config: &LogConfig) -> Result<LogGuard, LogError> {
    let filter = filter(&config.level).map_err(LogError::Level)?;
    let losses = Arc::new(Losses::default());
    let (queue, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUED_LINES)
        .thread_name("log")
        .finish(Lines::new(Arc::clone(&losses)));
    losses.watch(queue.error_counter());

    let subscriber = Registry::default().with(filter).with(lines(config.format, queue));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Taken)?;
    Ok(LogGuard { worker: Some(worker), losses })
}

/// Says what is wrong with a `log.level`, for a message that already names the key.
pub(crate) fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop)
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
    /// Only one subscriber can be the process's own.
    #[error("this process already has a `tracing` subscriber; `terima::cli::main` sets its own")]
    Taken,
}

/// Keeps the log; dropping it writes what is queued, for about a second at most.
#[derive(Debug)]
pub(crate) struct LogGuard {
    worker: Option<WorkerGuard>,
    losses: Arc<Losses>,
}

impl Drop for LogGuard {
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

/// Lines lost are reported so often at most.
const REPORT_LOSSES_EVERY: Duration = Duration::from_secs(10);

fn lines<S>(format: LogFormat, queue: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let text = fmt::layer().with_writer(queue);
    match format {
        LogFormat::Text => text.with_ansi(colour(&io::stderr())).boxed(),
        LogFormat::Json => {
            text.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    // EnvFilter takes a lone word that is no level for a target: "wran" would silence everything but that.
    if let Some(word) = level.split(',').find(|word| !is_directive(word)) {
        return Err(format!(
            "`{word}` is no level (off, error, warn, info, debug or trace), nor a `target=level`"
        ));
    }
    EnvFilter::builder().parse(level).map_err(|error| error.to_string())
}

fn is_directive(word: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    word.contains(['=', '[']) || LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

/// What the log's thread writes to.
#[derive(Debug)]
struct Lines {
    out: BufWriter<io::Stderr>,
    losses: Arc<Losses>,
}

impl Lines {
    fn new(losses: Arc<Losses>) -> Self {
        // The thread flushes whenever the queue is empty, so this only joins the lines of a burst.
        Self { out: BufWriter::with_capacity(64 * 1024, io::stderr()), losses }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A standard error that fails, closed or on a full disk, must not end the log: it may recover.
        if self.out.write_all(line).is_err() {
            self.losses.unwritten.fetch_add(1, Ordering::Relaxed);
        }
        self.losses.report_now_and_then();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The count of lines that came to nothing.
#[derive(Debug)]
struct Losses {
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
    fn watch(&self, unqueued: ErrorCounter) {
        let _ = self.unqueued.set(unqueued);
    }

    fn total(&self) -> usize {
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
    fn report(&self) {
        let total = self.total();
        if total > self.reported.swap(total, Ordering::Relaxed) {
            tracing::warn!(
                total,
                "log lines lost: standard error is not read fast enough, or can't be written"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters() {
        for good in ["info", "WARN", "off", "terima=debug,info", "terima[conn{id=1}]=trace"] {
            assert_eq!(check_level(good), Ok(()), "{good}");
        }
        for bad in ["", "wran", "info,terima", "terima=loud", "info,,debug", "info, debug", "3", "[conn"] {
            assert!(check_level(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_bad_level_is_named() {
        let config = LogConfig { level: "inof".to_owned(), ..LogConfig::default() };
        let message = init(&config).map(|_| ()).unwrap_err().to_string();
        assert!(message.starts_with("log.level: `inof` is no level"), "{message}");
    }
}
