//! What comes before the first frame: layers that are taken off a connection's byte stream in its own task.
//!
//! A listener has them in the order in which a byte meets them: PROXY header, then TLS. A plain
//! connection has none and is established at once. One deadline, `timeouts.establish`, spans them all.
//!
//! Between the layer that says who the client is and the next one stands the client stage of admission: whoever is refused
//! costs no handshake.

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
#[cfg(any(test, feature = "testing"))]
pub(crate) use self::stream::Transport;
pub(crate) use self::stream::{Stream, part};
use crate::BoxError;
use crate::admission::Refusal;
use crate::config::ClientFull;
use crate::listener::Client;

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
    /// It has told who the client is, and that one is not let in.
    Refused(Refusal, Client),
}

impl Cause {
    fn of(error: BoxError) -> Self {
        match error.downcast_ref() {
            Some(ProxyError::Left) => Self::Left,
            _ => Self::Failed(error),
        }
    }
}

/// Takes every layer off, in order, until `limit` after `accepted`. `admit` is asked of the client that a layer names, or
/// of the peer where it names none; but not of a proxy that only looks whether the service is there.
///
/// # Errors
///
/// [`EstablishError`], where a layer fails, the client is refused or the deadline passes. The stream is dropped then: where
/// the client is refused, as `client_full` says.
pub(crate) async fn establish(
    mut layered: Layered,
    layers: &[Box<dyn Layer>],
    accepted: Instant,
    limit: Option<Duration>,
    client_full: ClientFull,
    mut admit: impl FnMut(Client) -> Result<(), Refusal>,
) -> Result<Layered, EstablishError> {
    let deadline = limit.and_then(|limit| accepted.checked_add(limit));
    for layer in layers {
        let step = layer.step();
        let names_client = layer.names_client(layered.peer);
        let take_off = layer.take_off(layered);
        let taken_off = match deadline {
            None => take_off.await,
            Some(deadline) => match timeout_at(deadline, take_off).await {
                Ok(taken_off) => taken_off,
                Err(_) => return Err(EstablishError { step, cause: Cause::TimedOut }),
            },
        };
        layered = taken_off.map_err(|error| EstablishError { step, cause: Cause::of(error) })?;
        if names_client
            && !layered.facts.is_probe()
            && let client = layered.facts.client.unwrap_or(Client(layered.peer.0))
            && let Err(refusal) = admit(client)
        {
            if client_full == ClientFull::Reset {
                layered.stream.reset_on_drop();
            }
            return Err(EstablishError { step, cause: Cause::Refused(refusal, client) });
        }
    }
    Ok(layered)
}
