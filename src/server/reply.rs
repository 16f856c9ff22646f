//! What peers are told for whom there is no room: a frame, then a lingering close.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::{Faults, ListenerConfig, WhenFull};
use crate::establish::{Layer, Step, Stream, part};
use crate::handler::Serve;

/// How many peers are told at once, over all listeners. Each of them has a descriptor, beyond those of `max_connections`.
pub(super) const MOST: usize = 64;

/// So long may a peer take to read it and to close.
const LIMIT: Duration = Duration::from_secs(1);

/// The reply of a listener.
#[derive(Debug)]
pub(super) struct Reply {
    frame: Bytes,
    places: Arc<Semaphore>,
}

impl Reply {
    pub(super) fn new(frame: Bytes, places: Arc<Semaphore>) -> Self {
        Self { frame, places }
    }

    /// Tells the peer, in a task of its own; or closes, where as many are being told as may be.
    pub(super) fn give(&self, stream: Stream) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let frame = self.frame.clone();
        tokio::spawn(async move {
            // Whoever does not take it in time goes without.
            let _ = timeout(LIMIT, tell(stream, &frame)).await;
            drop(place);
        });
    }
}

async fn tell(mut stream: Stream, frame: &[u8]) -> io::Result<()> {
    stream.write_all(frame).await?;
    part(stream).await
}

/// `limits.reply` as a frame of the listener's codec, where there is to be one and nothing has to come before it. That it
/// can't be is noted.
pub(super) fn frame(
    listener: &ListenerConfig,
    service: &dyn Serve,
    layers: &[Box<dyn Layer>],
    faults: &mut Faults,
) -> Option<Bytes> {
    let text = listener.limits.reply.as_ref().filter(|_| listener.limits.when_full == WhenFull::Reply)?;
    match service.encode(Bytes::copy_from_slice(text.as_bytes())) {
        // A header is all that a proxy sends of its own; what is sent back is the client's.
        Some(Ok(frame)) => layers.iter().all(|layer| layer.step() == Step::Proxy).then_some(frame),
        Some(Err(error)) => {
            faults
                .at(
                    listener.handler.span.clone(),
                    format!("`limits.reply` is no frame of the codec: {error}"),
                )
                .help("write what it can encode, or set limits.when_full = \"close\"");
            None
        }
        None => {
            faults
                .at(
                    listener.handler.span.clone(),
                    format!(
                        "handler `{}` has a codec whose frames are no bytes: `limits.reply` can't be sent",
                        listener.handler.name
                    ),
                )
                .help("set limits.when_full = \"close\"");
            None
        }
    }
}
