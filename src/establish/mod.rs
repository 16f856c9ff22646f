//! What comes before the first frame: layers that are taken off a connection's byte stream in its own task.
//!
//! PROXY header, TLS and WebSocket will be layers. There is none yet but those of the tests: a plain connection has none
//! and is established at once. One deadline, `timeouts.establish`, spans them all.

mod stream;

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::timeout;

pub(crate) use self::stream::Stream;
#[cfg(feature = "cli")]
pub(crate) use self::stream::Transport;

/// One layer of a listener: takes its bytes off the stream and returns what is left.
///
/// The future is boxed because it is dropped before the first frame: unboxed, its size would stay in the connection's
/// task for life.
pub(crate) trait Layer: Send + Sync {
    fn take_off(&self, stream: Stream) -> Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;
}

/// Why a connection did not reach its first frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EstablishError {
    #[error("not established within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Takes every layer off, in order, within one deadline.
///
/// # Errors
///
/// [`EstablishError`], where a layer fails or the deadline passes. The stream is dropped then.
pub(crate) async fn establish(
    mut stream: Stream,
    layers: &[Box<dyn Layer>],
    limit: Option<Duration>,
) -> Result<Stream, EstablishError> {
    let take_off = async {
        for layer in layers {
            stream = layer.take_off(stream).await?;
        }
        Ok(stream)
    };
    match limit {
        None => take_off.await,
        Some(limit) => timeout(limit, take_off).await.unwrap_or(Err(EstablishError::Timeout(limit))),
    }
}
