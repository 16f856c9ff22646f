//! What comes before the first frame: layers that are taken off a connection's byte stream in its own task.
//!
//! A listener has them in the order in which a byte meets them: PROXY header, TLS, WebSocket. A plain
//! connection has none and is established at once. One deadline, `timeouts.establish`, spans them all.

mod facts;
mod foreign;
mod layer;
pub(crate) mod proxy_protocol;
mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

pub(crate) use self::facts::Facts;
pub(crate) use self::foreign::Foreign;
#[cfg(test)]
pub(crate) use self::layer::TakeOff;
pub(crate) use self::layer::{Layer, Layered, Step};
use self::proxy_protocol::ProxyError;
pub(crate) use self::proxy_protocol::ProxyProtocol;
#[cfg(fuzzing)]
pub(crate) use self::proxy_protocol::fuzzed;
pub use self::proxy_protocol::{ProxyAddresses, ProxyHeader, ProxySsl, ProxyTlvError, ProxyVersion};
pub(crate) use self::stream::Stream;
#[cfg(any(test, feature = "testing"))]
pub(crate) use self::stream::Transport;
use crate::BoxError;

/// Why a connection did not reach its first frame, and at which step.
#[derive(Debug)]
pub(crate) struct EstablishError {
    pub(crate) step: Step,
    pub(crate) cause: Cause,
}

/// What ended a step.
#[derive(Debug)]
pub(crate) enum Cause {
    /// It was not done when `timeouts.establish` was over.
    TimedOut,
    /// The client was gone before it had sent anything: whoever looks whether somebody listens does that.
    Left,
    Failed(BoxError),
}

impl Cause {
    fn of(error: BoxError) -> Self {
        match error.downcast_ref() {
            Some(ProxyError::Left) => Self::Left,
            _ => Self::Failed(error),
        }
    }
}

/// Takes every layer off, in order, until `limit` after `accepted`.
///
/// # Errors
///
/// [`EstablishError`], where a layer fails or the deadline passes. The stream is dropped then.
pub(crate) async fn establish(
    mut layered: Layered,
    layers: &[Box<dyn Layer>],
    accepted: Instant,
    limit: Option<Duration>,
) -> Result<Layered, EstablishError> {
    let deadline = limit.and_then(|limit| accepted.checked_add(limit));
    for layer in layers {
        let step = layer.step();
        let take_off = layer.take_off(layered);
        let taken_off = match deadline {
            None => take_off.await,
            Some(deadline) => match timeout_at(deadline, take_off).await {
                Ok(taken_off) => taken_off,
                Err(_) => return Err(EstablishError { step, cause: Cause::TimedOut }),
            },
        };
        layered = taken_off.map_err(|error| EstablishError { step, cause: Cause::of(error) })?;
    }
    Ok(layered)
}
