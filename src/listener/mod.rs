//! What takes connections off sockets: bind, accept, and what to do when that fails.
//!
//! Two layers: a [`Socket`]'s `accept` can fail (and is scripted in tests); a [`Listener`]'s over it cannot, by type.

mod accept;
mod bind;
mod heartbeat;
mod socket;
mod spare;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::accept::Listener;
pub(crate) use self::bind::bind;
pub(crate) use self::heartbeat::Heartbeat;
pub(crate) use self::socket::{Accepted, Socket, TcpSocket};
pub(crate) use self::spare::Spare;
use crate::config::{Limits, Timeouts};
use crate::establish::Layer;
use crate::telemetry::Sampler;

/// What a listener's connections are served by. Each connection keeps the value as of its accept, so a reload can put
/// another in its place without touching those in progress.
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// How long a connection may take to end once its lifetime is over: `server.drain_timeout`.
    pub(crate) drain_timeout: Option<Duration>,
    /// Whether an ended connection writes a line.
    pub(crate) access: bool,
    /// Handlers fail as often as their clients want them to, and each failure would be a line.
    pub(crate) failures: Sampler,
    /// What is taken off a connection's stream before the first frame, outermost first.
    pub(crate) layers: Vec<Box<dyn Layer>>,
}
