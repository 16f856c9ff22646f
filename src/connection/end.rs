//! Why a connection ended.

use std::fmt;

use crate::BoxError;
use crate::admission::Refusal;
use crate::telemetry::metrics::Refused;

/// Why a connection ended: one word, the same in the log, the metric label and the API.
///
/// The first cause wins: a connection whose client reset it while it was being drained ended by the reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The client ended its input and got every answer.
    ClientClosed,
    /// The client, or the network between, reset the connection.
    ClientReset,
    /// The client ended its input inside a frame, or its TLS without saying so.
    ClientTruncated,
    /// The handler returned before the client had ended its input.
    HandlerDone,
    /// The handler returned an error. Where that has a word of its own, from
    /// [`HandlerError::end`](crate::HandlerError::end), the word stands in the place of this one.
    HandlerError,
    /// The handler panicked.
    HandlerPanic,
    /// The codec could not decode what the client sent.
    BadFrame,
    /// A frame was longer than the codec's `max_frame`, or than `limits.input`.
    FrameTooLong,
    /// No complete frame came within `timeouts.first_frame`.
    FirstFrameTimeout,
    /// A frame half received was not completed within `timeouts.frame`.
    FrameTimeout,
    /// Nothing happened on the wire for `timeouts.idle`.
    Idle,
    /// The client took no byte for `timeouts.write` while output waited for it.
    SlowConsumer,
    /// After the client's end of input nothing more was written for `timeouts.half_close`.
    HalfCloseTimeout,
    /// `timeouts.lifetime` was over.
    Lifetime,
    /// A trusted peer sent no PROXY header, or one that is wrong.
    EstablishProxy,
    /// The PROXY header was not complete within `timeouts.establish`.
    EstablishProxyTimeout,
    /// The TLS handshake failed.
    EstablishTls,
    /// The TLS handshake was not done within `timeouts.establish`.
    EstablishTlsTimeout,
    /// The server is stopping; what was owed was delivered.
    Drained,
    /// The server is stopping; the connection was cut at the end of `server.drain_timeout`.
    DrainAborted,
    /// Whoever runs the server ended it: [`ConnectionHandle::end`](crate::ConnectionHandle::end), or
    /// [`drain`](crate::ConnectionHandle::drain), after which what was owed was delivered.
    EndedByAdmin,
    /// All connections together held more than `server.max_buffered`, and this one the most.
    Memory,
    /// The client's address is not let in. It became known after the accept; who is refused there has no end reason.
    RefusedAccess,
    /// The listener establishes `limits.establishing` connections, another one came, and this one had taken longest.
    RefusedLimit,
    /// Connections came faster than `limits.rate`.
    RefusedRate,
    /// The client that the PROXY header names has `limits.connections_per_client`.
    RefusedClientLimit,
    /// The client that the PROXY header names comes faster than `limits.rate_per_client`.
    RefusedClientRate,
}

impl EndReason {
    /// Every reason, in the order in which they are declared.
    pub(crate) const ALL: [Self; 27] = [
        Self::ClientClosed,
        Self::ClientReset,
        Self::ClientTruncated,
        Self::HandlerDone,
        Self::HandlerError,
        Self::HandlerPanic,
        Self::BadFrame,
        Self::FrameTooLong,
        Self::FirstFrameTimeout,
        Self::FrameTimeout,
        Self::Idle,
        Self::SlowConsumer,
        Self::HalfCloseTimeout,
        Self::Lifetime,
        Self::EstablishProxy,
        Self::EstablishProxyTimeout,
        Self::EstablishTls,
        Self::EstablishTlsTimeout,
        Self::Drained,
        Self::DrainAborted,
        Self::EndedByAdmin,
        Self::Memory,
        Self::RefusedAccess,
        Self::RefusedLimit,
        Self::RefusedRate,
        Self::RefusedClientLimit,
        Self::RefusedClientRate,
    ];

    /// The word, in snake case: `client_closed`, `idle`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::ClientReset => "client_reset",
            Self::ClientTruncated => "client_truncated",
            Self::HandlerDone => "handler_done",
            Self::HandlerError => "handler_error",
            Self::HandlerPanic => "handler_panic",
            Self::BadFrame => "bad_frame",
            Self::FrameTooLong => "frame_too_long",
            Self::FirstFrameTimeout => "first_frame_timeout",
            Self::FrameTimeout => "frame_timeout",
            Self::Idle => "idle",
            Self::SlowConsumer => "slow_consumer",
            Self::HalfCloseTimeout => "half_close_timeout",
            Self::Lifetime => "lifetime",
            Self::EstablishProxy => "establish_proxy",
            Self::EstablishProxyTimeout => "establish_proxy_timeout",
            Self::EstablishTls => "establish_tls",
            Self::EstablishTlsTimeout => "establish_tls_timeout",
            Self::Drained => "drained",
            Self::DrainAborted => "drain_aborted",
            Self::EndedByAdmin => "ended_by_admin",
            Self::Memory => "memory",
            Self::RefusedAccess => "refused_access",
            Self::RefusedLimit => "refused_limit",
            Self::RefusedRate => "refused_rate",
            Self::RefusedClientLimit => "refused_client_limit",
            Self::RefusedClientRate => "refused_client_rate",
        }
    }

    /// Whether it was not served, though accepted. As many end so as the clients want, so no line tells of each.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::RefusedAccess
                | Self::RefusedLimit
                | Self::RefusedRate
                | Self::RefusedClientLimit
                | Self::RefusedClientRate
        )
    }

    /// Whether the connection is reset rather than closed: nothing more will reach a client that does not read, and
    /// what the end of a drain cut off must not look as if it had finished. (So is a lifetime that had to be cut, and what was
    /// ended by hand without a drain.)
    pub(crate) fn resets(self) -> bool {
        matches!(self, Self::SlowConsumer | Self::DrainAborted | Self::Memory)
    }
}

/// Why a connection ended, and what its handler said of it.
pub(crate) struct Ended {
    pub(crate) reason: EndReason,
    /// The handler's own word, in the place of `handler_error`.
    pub(super) word: Option<&'static str>,
    pub(crate) error: Option<BoxError>,
    /// Somebody only looked whether the service is there.
    pub(crate) is_probe: bool,
}

impl Ended {
    pub(super) fn new(reason: EndReason) -> Self {
        Self { reason, word: None, error: None, is_probe: false }
    }

    /// The word for it in log, metric and API.
    pub(crate) fn word(&self) -> &'static str {
        match (self.reason, self.word) {
            (EndReason::HandlerError, Some(word)) => word,
            (reason, _) => reason.as_str(),
        }
    }

    /// Whether the handler failed in a way that it has no word for.
    pub(crate) fn is_failure(&self) -> bool {
        self.reason == EndReason::HandlerPanic
            || (self.reason == EndReason::HandlerError && self.word.is_none())
    }
}

/// The same word, of one that is refused after its accept.
impl From<Refusal> for EndReason {
    fn from(refusal: Refusal) -> Self {
        match refusal.counted() {
            Refused::Access => Self::RefusedAccess,
            // Of those, none is left when a connection has been accepted.
            Refused::Limit | Refused::Descriptors => Self::RefusedLimit,
            Refused::Rate => Self::RefusedRate,
            Refused::ClientLimit => Self::RefusedClientLimit,
            Refused::ClientRate => Self::RefusedClientRate,
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
