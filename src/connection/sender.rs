//! Sending from any task, and what becomes of a frame whose client lags.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use tokio_util::codec::Encoder;

use super::end::EndReason;
use super::error::ConnectionError;
use super::info::Info;
use super::mark::Mark;
use super::send::{Origin, TrySendError};
use super::shared::Shared;
use super::shared_frame::SharedFrame;
use super::wakers::Waiting;
use crate::BoxError;

/// A sending end of a connection, from [`Connection::split`](super::Connection::split) or
/// [`ConnectionHandle::sender`](super::ConnectionHandle::sender): clone it into any task.
///
/// The connection's task does the writing, so what is sent from elsewhere wakes it. A sender does not keep the
/// connection open: once the handler has returned, sending fails with [`ConnectionError::Closed`].
///
/// **Clients that lag.** Until `limits.flush_at` bytes wait for the client, everything is taken at once. What `send` does
/// beyond that is declared with [`on_slow`](Self::on_slow): wait, drop the frame, or end the client. [`try_send`](Self::try_send)
/// leaves it to the caller. Whatever is chosen, a client that takes nothing for `timeouts.write` is ended.
pub struct Sender<C> {
    shared: Arc<Shared>,
    half: Arc<Half<C>>,
    slow: SlowConsumer,
}

/// What becomes of a frame that is sent to a client that lags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowConsumer {
    /// `send` waits until fewer than `limits.flush_at` bytes wait for the client: it sets the pace, of whoever sends to
    /// others in turn, too.
    #[default]
    Wait,
    /// Where `limits.output` bytes wait, the frame is left out and counted ([`Sender::dropped`]). `send` never waits, and
    /// has succeeded. For news that is soon overtaken by newer.
    DropFrame,
    /// Where `limits.output` bytes wait, the connection ends as `slow_consumer`, at once and by reset: what waits would
    /// not be read. `send` never waits. For a client that must not miss a frame and can come back.
    EndClient,
}

/// What all ends of a split connection share, beside the connection: one that is not split has no such thing.
pub(super) struct Half<C> {
    codec: Mutex<C>,
    /// Frames that were left out.
    dropped: AtomicU64,
    origin: Origin,
}

impl<C> Half<C> {
    pub(super) fn new(codec: C, origin: Origin) -> Arc<Self> {
        Arc::new(Self { codec: Mutex::new(codec), dropped: AtomicU64::new(0), origin })
    }

    /// The codec's lock. It is taken before the connection's, never after. A codec that panicked in one end is left as it
    /// is: the panic ends the connection unless the handler chose to survive it.
    pub(super) fn lock(&self) -> MutexGuard<'_, C> {
        self.codec.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Sender<C> {
    pub(super) fn new(shared: Arc<Shared>, half: Arc<Half<C>>) -> Self {
        Self { shared, half, slow: SlowConsumer::Wait }
    }

    /// Declares what `send` does for a client that lags, by this sender and the clones that are made of it from now on.
    ///
    /// ```no_run
    /// # use terima::{Connection, Framing, Sender, SlowConsumer};
    /// # fn split(conn: Connection<Framing>) {
    /// let (receiver, sender) = conn.split();
    /// let news = sender.on_slow(SlowConsumer::DropFrame);
    /// # }
    /// ```
    #[must_use]
    pub fn on_slow(mut self, slow: SlowConsumer) -> Self {
        self.slow = slow;
        self
    }

    /// Sends a frame, as [`Connection::send`](super::Connection::send), but for a client that lags: then it does what
    /// [`on_slow`](Self::on_slow) declared.
    ///
    /// Cancel safe: a `send` that is dropped before it resolved has sent nothing.
    ///
    /// # Errors
    ///
    /// As `Connection::send`; with [`SlowConsumer::EndClient`] also that it has ended the client.
    pub fn send<F: Send>(&self, frame: F) -> impl Future<Output = Result<(), ConnectionError>> + Send
    where
        C: Encoder<F, Error: Into<BoxError>> + Send,
    {
        let mut frame = Some(frame);
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(move |cx| {
            if self.slow == SlowConsumer::Wait {
                let codec = &mut *self.half.lock();
                return self.shared.poll_send(cx, self.half.origin, codec, &mut frame, waiting.waiter());
            }
            Poll::Ready(frame.take().map_or(Ok(()), |frame| self.settle(self.try_send(frame))))
        })
    }

    /// Sends a frame without waiting, unless the client lags: then the frame comes back.
    ///
    /// Takes more than a `send` that waits would, up to `limits.output` waiting bytes, so a client that pauses for a moment
    /// is not lagging yet. Whatever [`on_slow`](Self::on_slow) declared, nothing is dropped and nobody is ended.
    ///
    /// # Errors
    ///
    /// - [`TrySendError::Full`]: `limits.output` bytes or more wait for the client.
    /// - [`TrySendError::Connection`]: as `Connection::send`.
    pub fn try_send<F>(&self, frame: F) -> Result<(), TrySendError<F>>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        self.shared.try_send(self.half.origin, &mut *self.half.lock(), frame)
    }

    /// Sends a frame that goes to others too, as [`send`](Self::send). Its bytes are not copied for this client; see
    /// [`SharedFrame`].
    ///
    /// Cancel safe: dropped before it resolved, it has sent nothing.
    ///
    /// # Errors
    ///
    /// As `send`.
    pub fn send_shared<F>(
        &self,
        frame: &SharedFrame<F>,
    ) -> impl Future<Output = Result<(), ConnectionError>> + Send
    where
        F: Clone + Send + Sync,
        C: Encoder<F, Error: Into<BoxError>> + Send + 'static,
    {
        let mut encoded: Option<Bytes> = None;
        let mut own: Option<F> = None;
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(move |cx| {
            if self.slow != SlowConsumer::Wait {
                return Poll::Ready(self.settle(self.try_send_shared(frame)));
            }
            if encoded.is_none() && own.is_none() {
                encoded = self.encoded(frame)?;
            }
            if let Some(encoded) = &encoded {
                return self.shared.poll_share(cx, self.half.origin, encoded, waiting.waiter());
            }
            own.get_or_insert_with(|| frame.frame().clone());
            let codec = &mut *self.half.lock();
            self.shared.poll_send(cx, self.half.origin, codec, &mut own, waiting.waiter())
        })
    }

    /// Sends a frame that goes to others too, as [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// As `try_send`.
    pub fn try_send_shared<F>(&self, frame: &SharedFrame<F>) -> Result<(), TrySendError<()>>
    where
        F: Clone,
        C: Encoder<F, Error: Into<BoxError>> + 'static,
    {
        if let Some(encoded) = self.encoded(frame).map_err(TrySendError::Connection)? {
            return self.shared.try_share(self.half.origin, encoded);
        }
        self.try_send(frame.frame().clone()).map_err(|error| match error {
            TrySendError::Full(_) => TrySendError::Full(()),
            TrySendError::Connection(error) => TrySendError::Connection(error),
        })
    }

    /// How many frames were left out because the client lagged ([`SlowConsumer::DropFrame`]), by this sender and all that it
    /// shares its codec with.
    pub fn dropped(&self) -> u64 {
        self.half.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything sent, by this sender or another, is with the operating system. Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`Connection::flush`](super::Connection::flush).
    pub async fn flush(&self) -> Result<(), ConnectionError> {
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(|cx| self.shared.poll_flush(cx, self.half.origin, waiting.waiter())).await
    }

    /// Who is at the other end, and which listener accepted the connection.
    pub fn info(&self) -> &Info {
        &self.shared.info
    }

    /// Does what was declared for a client that lags, if it does.
    fn settle<F>(&self, sent: Result<(), TrySendError<F>>) -> Result<(), ConnectionError> {
        match sent {
            Ok(()) => Ok(()),
            Err(TrySendError::Connection(error)) => Err(error),
            Err(TrySendError::Full(_)) if self.slow == SlowConsumer::EndClient => {
                Err(ConnectionError::Ended(self.shared.end(EndReason::SlowConsumer)))
            }
            Err(TrySendError::Full(_)) => {
                self.half.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// The frame in the listener's codec. `None` where this connection speaks its own, which must not see a frame before it
    /// is taken: what that codec encodes may depend on the frames before.
    fn encoded<F>(&self, frame: &SharedFrame<F>) -> Result<Option<Bytes>, ConnectionError>
    where
        F: Clone,
        C: Encoder<F, Error: Into<BoxError>> + 'static,
    {
        // Without the lock: the codec encodes, and the frame is cloned.
        match self.shared.outside.has(Mark::Reframed) {
            false => frame.encoded_for::<C>(self.shared.settings()).transpose(),
            true => Ok(None),
        }
    }
}

impl<C> Clone for Sender<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), half: Arc::clone(&self.half), slow: self.slow }
    }
}

impl<C> fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("info", &self.shared.info)
            .field("slow", &self.slow)
            .finish_non_exhaustive()
    }
}
