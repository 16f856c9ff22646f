//! One layer of a listener.

use std::pin::Pin;

use super::facts::Facts;
use super::stream::Stream;
use crate::BoxError;
use crate::connection::EndReason;
use crate::listener::Peer;

/// One layer of a listener: takes its bytes off the stream and leaves what is beneath.
pub(crate) trait Layer: Send + Sync {
    /// What it is called in the end reason of a connection that did not get past it.
    fn step(&self) -> Step;

    /// Whether it finds out who the client of this peer is. Admission asks a peer that is its own client at accept, and the
    /// others once this layer is taken off.
    fn names_client(&self, _peer: Peer) -> bool {
        false
    }

    /// The future is boxed because it is dropped before the first frame: unboxed, its size would stay in the connection's
    /// task for life.
    ///
    /// # Errors
    ///
    /// Why the connection cannot be served. The stream is dropped then.
    fn take_off(&self, layered: Layered) -> TakeOff<'_>;
}

/// A layer at work.
pub(crate) type TakeOff<'a> = Pin<Box<dyn Future<Output = Result<Layered, BoxError>> + Send + 'a>>;

/// A connection on its way to the first frame.
pub(crate) struct Layered {
    /// What is left of the layers so far.
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    /// What they have found out.
    pub(crate) facts: Facts,
}

/// A step of establishing. Where it fails, and where the deadline passes in it, the end reason names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Proxy,
    #[cfg_attr(
        not(any(test, feature = "tls")),
        expect(dead_code, reason = "without the feature there is no such layer")
    )]
    Tls,
}

impl Step {
    /// The end reason where it fails.
    pub(crate) fn failed(self) -> EndReason {
        match self {
            Self::Proxy => EndReason::EstablishProxy,
            Self::Tls => EndReason::EstablishTls,
        }
    }

    /// The end reason where it takes too long.
    pub(crate) fn timed_out(self) -> EndReason {
        match self {
            Self::Proxy => EndReason::EstablishProxyTimeout,
            Self::Tls => EndReason::EstablishTlsTimeout,
        }
    }
}
