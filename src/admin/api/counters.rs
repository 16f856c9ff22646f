//! What was counted for a listener, and what it allows each connection.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::seconds;
use crate::config::{Limits, Timeouts};
use crate::telemetry::metrics::Figures;

/// By their words.
type Counts = BTreeMap<&'static str, u64>;

/// What was counted since the service started, as of one moment: `accepted` is what was refused, has ended and is active.
/// `/metrics` has the same figures.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Counters {
    /// Taken off the accept queues, those that were turned away included.
    accepted: u64,
    /// Turned away, by reason.
    refused: Counts,
    /// Ended, by reason: those of terima, and the words of the handler's own that have come.
    ended: Counts,
    /// Being served.
    active: u64,
    /// Of them, those whose handler has not started yet.
    establishing: u64,
    /// Bytes read from clients.
    received_bytes: u64,
    /// Bytes written to clients.
    sent_bytes: u64,
    /// Frames decoded and given to handlers.
    received_frames: u64,
    /// Frames encoded for clients.
    sent_frames: u64,
    /// Errors of accept(2), by whose they are: the connection's, the system's, the listener's.
    accept_errors: Counts,
    /// How often accepting paused, because the system had no resources.
    accept_pauses: u64,
}

impl From<Figures> for Counters {
    fn from(figures: Figures) -> Self {
        Self {
            accepted: figures.accepted,
            refused: figures.refused.into_iter().collect(),
            ended: figures.ended.into_iter().collect(),
            active: figures.active,
            establishing: figures.establishing,
            received_bytes: figures.received_bytes,
            sent_bytes: figures.sent_bytes,
            received_frames: figures.received_frames,
            sent_frames: figures.sent_frames,
            accept_errors: figures.accept_errors.into_iter().collect(),
            accept_pauses: figures.accept_pauses,
        }
    }
}

/// `limits.*`, as in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Allowed {
    /// Connections at once; null is unlimited.
    connections: Option<usize>,
    /// What happens to the next client when a limit is reached: queue, close, reset or reply.
    when_full: &'static str,
    /// Bytes received and not decoded, for one connection.
    input: usize,
    /// Bytes that may wait for a client that reads slowly.
    output: usize,
    /// Bytes from which on `send` waits for the client.
    flush_at: usize,
}

impl From<&Limits> for Allowed {
    fn from(limits: &Limits) -> Self {
        Self {
            connections: limits.connections,
            when_full: limits.when_full.as_str(),
            input: limits.input,
            output: limits.output,
            flush_at: limits.flush_at,
        }
    }
}

/// `timeouts.*`, as in force, in seconds; null is off.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Patience {
    establish: Option<f64>,
    first_frame: Option<f64>,
    frame: Option<f64>,
    write: Option<f64>,
    idle: Option<f64>,
    half_close: Option<f64>,
    lifetime: Option<f64>,
}

impl From<&Timeouts> for Patience {
    fn from(timeouts: &Timeouts) -> Self {
        let told = |timeout: Option<Duration>| timeout.map(seconds);
        Self {
            establish: told(timeouts.establish),
            first_frame: told(timeouts.first_frame),
            frame: told(timeouts.frame),
            write: told(timeouts.write),
            idle: told(timeouts.idle),
            half_close: told(timeouts.half_close),
            lifetime: told(timeouts.lifetime),
        }
    }
}
