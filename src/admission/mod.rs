//! Who is served: decided for every connection that was accepted, before a task is spawned for it.
//!
//! First by who it is, which costs least ([`Access`]), then by totals: the process's and the listener's. Rates and limits per client join them here, asked
//! once of the peer and, where a trusted PROXY header names another, once more of the client.

mod access;
mod gate;
#[cfg(feature = "admin")]
pub(crate) mod why;

use std::sync::Arc;

pub(crate) use self::access::{Access, AccessRule};
pub(crate) use self::gate::{Gate, Permit};

/// What was decided of a connection. Dropping an admission gives its place to somebody else.
pub(crate) enum Decision {
    Admit(Permits),
    Refuse(Refusal),
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The process serves `server.max_connections`.
    ServerFull,
    /// The listener serves `limits.connections`.
    ListenerFull,
}

/// A connection's places, in the listener and in the process. They travel with it and are given back by drop.
#[derive(Debug)]
pub(crate) struct Permits {
    _listener: Permit,
    _server: Permit,
}

/// Admission to one listener.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    server: Arc<Gate>,
    listener: Arc<Gate>,
}

impl Admission {
    pub(crate) fn new(server: Arc<Gate>, listener: Arc<Gate>) -> Self {
        Self { server, listener }
    }

    pub(crate) fn decide(&self) -> Decision {
        let Some(listener) = self.listener.enter() else { return Decision::Refuse(Refusal::ListenerFull) };
        let Some(server) = self.server.enter() else { return Decision::Refuse(Refusal::ServerFull) };
        Decision::Admit(Permits { _listener: listener, _server: server })
    }

    /// Why a connection would be refused now, if it would.
    pub(crate) fn full(&self) -> Option<Refusal> {
        if self.listener.is_full() {
            Some(Refusal::ListenerFull)
        } else if self.server.is_full() {
            Some(Refusal::ServerFull)
        } else {
            None
        }
    }

    /// Resolves when there is room. It holds no place: another loop may take it first. Cancel safe.
    pub(crate) async fn room(&self) {
        while self.full().is_some() {
            self.listener.room().await;
            self.server.room().await;
        }
    }
}

impl Refusal {
    /// The word for it in log, metric and API.
    pub(crate) fn as_str(self) -> &'static str {
        "refused_limit"
    }

    /// The key that an operator would change.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::ServerFull => "server.max_connections",
            Self::ListenerFull => "limits.connections",
        }
    }
}
