//! What a live connection is doing, seen from outside.

use std::fmt;
use std::time::Duration;

use super::info::Info;
use super::mark::{Mark, Receive};
use super::outside::Outside;
use super::shared::Shared;

/// A live connection, as it was when it was looked at; from [`Connections`](super::Connections) or a
/// [`ConnectionHandle`](super::ConnectionHandle).
///
/// Looking waits for nothing, so each of its figures is of a moment of its own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionStatus {
    /// Who is at the other end, and which listener accepted the connection.
    pub info: Info,
    /// What it was doing.
    pub state: ConnectionState,
    /// Time since it was accepted.
    pub age: Duration,
    /// Bytes read from the client.
    pub bytes_in: u64,
    /// Bytes written to the client.
    pub bytes_out: u64,
    /// Frames that the handler received.
    pub frames_in: u64,
    /// Frames that were sent, written or not.
    pub frames_out: u64,
    /// Bytes that were read and not decoded when the handler last wanted a frame.
    pub input: usize,
    /// Bytes that were sent and wait for the client to take them.
    pub output: usize,
}

/// What a connection is doing. Where several hold, the first of them here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Its handler has returned or was ended: what is owed is delivered, then the client's close is waited for.
    Closing,
    /// Its handler has not started yet.
    Establishing,
    /// It is to end: its handler was told so.
    Draining,
    /// Its handler took the raw stream: terima sees no frames.
    Raw,
    /// Output waits for the client to take it.
    Sending,
    /// A frame is half received.
    Receiving,
    /// The handler waits for a frame of which nothing has arrived.
    Idle,
    /// The handler does something else than wait for a frame.
    Handling,
}

impl ConnectionState {
    /// The word, in snake case: `idle`, `handling`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closing => "closing",
            Self::Establishing => "establishing",
            Self::Draining => "draining",
            Self::Raw => "raw",
            Self::Sending => "sending",
            Self::Receiving => "receiving",
            Self::Idle => "idle",
            Self::Handling => "handling",
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a connection that is to end waits for.
#[cfg(feature = "admin")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// A layer before the first frame.
    Layer,
    /// Its handler, which does something else than wait for a frame.
    Handler,
    /// The rest of a frame, for which its handler waits.
    Frame,
    /// The client, which is to take what was sent.
    Output,
    /// The client, which has everything and is to close.
    Close,
}

impl Shared {
    pub(super) fn status(&self) -> ConnectionStatus {
        let counters = self.counters();
        ConnectionStatus {
            info: self.info.clone(),
            state: self.outside.state(),
            age: counters.age,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            frames_in: counters.frames_in,
            frames_out: counters.frames_out,
            input: self.outside.undecoded(),
            output: self.outside.output(),
        }
    }
}

impl Outside {
    fn state(&self) -> ConnectionState {
        if self.has(Mark::Returned) || self.has(Mark::Over) {
            return ConnectionState::Closing;
        }
        if !self.has(Mark::Started) {
            return ConnectionState::Establishing;
        }
        if self.drain.get().is_some() {
            return ConnectionState::Draining;
        }
        if self.has(Mark::Raw) {
            return ConnectionState::Raw;
        }
        if self.output() > 0 {
            return ConnectionState::Sending;
        }
        match self.receive() {
            Receive::Partial => ConnectionState::Receiving,
            Receive::Waiting => ConnectionState::Idle,
            Receive::Busy => ConnectionState::Handling,
        }
    }

    /// What it waits for, if it is to end.
    #[cfg(feature = "admin")]
    pub(super) fn awaits(&self) -> Awaits {
        if self.has(Mark::Lingering) {
            Awaits::Close
        } else if !self.has(Mark::Started) {
            Awaits::Layer
        } else if self.output() > 0 {
            Awaits::Output
        } else if self.receive() == Receive::Partial {
            Awaits::Frame
        } else if self.has(Mark::Returned) || self.has(Mark::Over) {
            Awaits::Close
        } else {
            Awaits::Handler
        }
    }
}
