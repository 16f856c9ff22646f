//! How far a server is on the way to its end.

use std::time::Duration;

use super::drain::{self, Shutdown};
use super::{Running, Server};

/// How far a server is on the way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// New clients are welcome.
    Serving,
    /// A shutdown was asked for; clients are still accepted.
    LameDuck(Draining),
    /// Nothing is accepted any more.
    Draining(Draining),
    /// It is over.
    Ended(Shutdown),
}

/// A shutdown in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draining {
    /// Since it was asked for.
    pub(crate) age: Duration,
    /// Until what is left is cut off; `None` = as long as it takes.
    pub(crate) left: Option<Duration>,
}

impl Server {
    /// How far it is on the way to its end.
    pub(crate) fn phase(&self) -> Phase {
        let Running { stopping, stop, ended, lame_duck, drain_timeout, .. } = &*self.0;
        if let Some(shutdown) = *ended.borrow() {
            return Phase::Ended(shutdown);
        }
        let Some(began) = stopping.get() else { return Phase::Serving };
        let age = began.elapsed();
        let whole = drain_timeout.map(|limit| limit.saturating_add(*lame_duck));
        let draining = Draining { age, left: whole.map(|whole| whole.saturating_sub(age)) };
        if stop.is_cancelled() { Phase::Draining(draining) } else { Phase::LameDuck(draining) }
    }

    /// Begins the shutdown, unless it has begun; tells whether it had not.
    pub(crate) fn begin_shutdown(&self) -> bool {
        drain::begin(&self.0)
    }

    /// Resolves when a shutdown is over. Cancel safe.
    pub(crate) async fn is_over(&self) {
        // The sender is in the server that is borrowed.
        let _ = self.0.ended.subscribe().wait_for(Option::is_some).await;
    }

    /// Connections that may be served at once; `None` = no limit.
    pub(crate) fn max_connections(&self) -> Option<usize> {
        self.0.connections.limit()
    }
}
