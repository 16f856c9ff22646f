//! Whether an accept loop is alive.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A sign of life of one accept loop. A loop that ended, or hangs, while its process looks healthy is the worst way to
/// fail: nobody restarts it.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    started: Instant,
    /// Milliseconds from `started` to the last beat.
    last: AtomicU64,
    dead: AtomicBool,
    closed: AtomicBool,
    starved: AtomicBool,
}

impl Heartbeat {
    /// How often a loop beats, accepting or not.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

    /// Without a beat for so long, a loop counts as hung.
    const TOLERANCE: Duration = Duration::from_secs(10);

    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            starved: AtomicBool::new(false),
        }
    }

    pub(crate) fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// The socket is dead; no beat will make this one healthy again.
    pub(crate) fn fail(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Whether the socket is dead.
    pub(crate) fn has_failed(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// The loop has ended as it should: nothing is accepted any more, and no beat is due.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_starved(&self, starved: bool) {
        self.starved.store(starved, Ordering::Relaxed);
    }

    /// Whether accepting pauses because the system had no resources for it.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed)
    }

    /// How long ago the last beat was.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    /// Whether the loop is alive: its socket works and it has been running lately. One that has ended as it should is not
    /// missed.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.has_failed() && (self.is_closed() || self.age() < Self::TOLERANCE)
    }
}
