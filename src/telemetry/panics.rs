//! Panics as lines of the log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use super::escape::Escaped;
use super::sample::Sampler;

/// From here on a panic anywhere in the process is an event of level `error`, not a print to standard error.
///
/// A peer may know how to make a handler panic, so the lines are sampled and the message, which may hold its bytes, is
/// escaped. `RUST_BACKTRACE` is honoured.
pub(crate) fn report() {
    panic::set_hook(Box::new(|panic| {
        if let Some(admitted) = PANICS.admit() {
            write(panic, admitted.suppressed);
        }
    }));
}

static PANICS: Sampler = Sampler::new();

fn write(panic: &PanicHookInfo<'_>, suppressed: u64) {
    let backtrace = Backtrace::capture();
    tracing::error!(
        panic = %Escaped(panic.payload_as_str().unwrap_or("not a text")),
        location = panic.location().map(tracing::field::display),
        thread = std::thread::current().name(),
        suppressed = (suppressed > 0).then_some(suppressed),
        backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace)),
        "panicked"
    );
}
