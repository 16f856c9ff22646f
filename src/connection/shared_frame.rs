//! One frame for many clients.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder;

use super::error::ConnectionError;
use super::settings::Settings;
use crate::BoxError;

/// A frame that goes to many clients: encoded once for each listener that they came by, and not copied for any of them.
///
/// Clones are the same frame. It is sent with [`Sender::send_shared`](super::Sender::send_shared); whatever codec a client
/// speaks, it gets the frame in that one:
///
/// ```no_run
/// # use terima::{Framing, Sender, SharedFrame};
/// fn tell_all(clients: &[Sender<Framing>], news: String) {
///     let news = SharedFrame::new(news);
///     for client in clients {
///         // Nobody is waited for: who lags misses it.
///         let _ = client.try_send_shared(&news);
///     }
/// }
/// ```
///
/// **Codecs with a state.** The frame is encoded by a fresh codec of the listener, not by the client's: what that has learnt
/// of its client does not show in it. So `lines` ends a shared frame with LF, also for a client that ends its own with CRLF. A codec whose
/// frames depend on those before them is not for shared frames. A client whose codec is not the listener's any more
/// ([`Connection::with_codec`](super::Connection::with_codec)) has its own, which encodes the frame for it alone.
pub struct SharedFrame<F>(Arc<Inner<F>>);

struct Inner<F> {
    frame: F,
    encoded: Mutex<Vec<Encoded>>,
}

/// The frame as the clients of one listener get it.
struct Encoded {
    listener: Arc<Settings>,
    bytes: Bytes,
}

impl<F> SharedFrame<F> {
    /// A frame that can be shared. Nothing is encoded yet.
    pub fn new(frame: F) -> Self {
        Self(Arc::new(Inner { frame, encoded: Mutex::default() }))
    }

    /// The frame itself.
    pub fn frame(&self) -> &F {
        &self.0.frame
    }
}

impl<F: Clone> SharedFrame<F> {
    /// The frame as the listener's codec encodes it. `None` where `C` is not that codec's type.
    pub(super) fn encoded_for<C>(&self, listener: &Arc<Settings>) -> Option<Result<Bytes, ConnectionError>>
    where
        C: Encoder<F, Error: Into<BoxError>> + 'static,
    {
        // A codec that panics leaves the list as it was.
        let mut encoded = self.0.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoded) = encoded.iter().find(|encoded| Arc::ptr_eq(&encoded.listener, listener)) {
            return Some(Ok(encoded.bytes.clone()));
        }
        let mut codec = listener.service.fresh_codec().downcast::<C>().ok()?;
        let bytes = self.encoded_by(&mut *codec);
        if let Ok(bytes) = &bytes {
            encoded.push(Encoded { listener: Arc::clone(listener), bytes: bytes.clone() });
        }
        Some(bytes)
    }

    /// The frame as this codec encodes it.
    fn encoded_by<C>(&self, codec: &mut C) -> Result<Bytes, ConnectionError>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut bytes = BytesMut::new();
        codec
            .encode(self.0.frame.clone(), &mut bytes)
            .map_err(|error| ConnectionError::Encode(error.into()))?;
        Ok(bytes.freeze())
    }
}

impl<F> Clone for SharedFrame<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: fmt::Debug> fmt::Debug for SharedFrame<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedFrame").field(&self.0.frame).finish()
    }
}
