//! How the listeners of a running server are.

use std::fmt;
use std::time::Duration;

use super::RunningListener;
use crate::admission::Gate;
use crate::listener::{Heartbeat, ListenAddress};

/// A listener of a running server, as of now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListenerStatus {
    /// Its name in the file.
    pub name: String,
    /// Where it listens: with port 0 in the file, the port that the system chose.
    pub addresses: Vec<ListenAddress>,
    /// Connections that it serves.
    pub connections: usize,
    /// Every accept loop of it is alive: its socket works and it has been running within the last seconds.
    pub healthy: bool,
    /// The age of the oldest heartbeat of its accept loops.
    pub heartbeat_age: Duration,
    /// Whether it accepts, or why not.
    pub state: ListenerState,
}

/// Whether a listener accepts. Where several hold, the first of them here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListenerState {
    /// One of its sockets is dead: there nothing is accepted any more.
    Failed,
    /// The server has stopped listening.
    Closed,
    /// [`Server::pause`](super::Server::pause) was called: peers wait in the backlog.
    Paused,
    /// The system has no resources for another connection; it is tried again within a second.
    Starved,
    /// `limits.connections` or `server.max_connections` is reached: `limits.when_full` says what peers see.
    Full,
    /// Peers are welcome.
    Accepting,
}

impl ListenerState {
    /// Every state, in this order.
    pub(super) const ALL: [Self; 6] =
        [Self::Failed, Self::Closed, Self::Paused, Self::Starved, Self::Full, Self::Accepting];

    /// The word, in snake case: `accepting`, `paused`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Closed => "closed",
            Self::Paused => "paused",
            Self::Starved => "starved",
            Self::Full => "full",
            Self::Accepting => "accepting",
        }
    }
}

impl fmt::Display for ListenerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RunningListener {
    pub(super) fn status(&self, all: &Gate) -> ListenerStatus {
        ListenerStatus {
            name: self.name.as_ref().to_owned(),
            addresses: self.addresses.clone(),
            connections: self.connections.inside(),
            healthy: self.heartbeats.iter().all(|heartbeat| heartbeat.is_healthy()),
            heartbeat_age: self.heartbeats.iter().map(|heartbeat| heartbeat.age()).max().unwrap_or_default(),
            state: self.state(all),
        }
    }

    /// `all` counts the connections of all listeners.
    fn state(&self, all: &Gate) -> ListenerState {
        let any = |holds: fn(&Heartbeat) -> bool| self.heartbeats.iter().any(|heartbeat| holds(heartbeat));
        if any(Heartbeat::has_failed) {
            ListenerState::Failed
        } else if any(Heartbeat::is_closed) {
            ListenerState::Closed
        } else if *self.paused.borrow() {
            ListenerState::Paused
        } else if any(Heartbeat::is_starved) {
            ListenerState::Starved
        } else if self.connections.is_full() || all.is_full() {
            ListenerState::Full
        } else {
            ListenerState::Accepting
        }
    }
}
