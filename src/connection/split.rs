//! A connection in two: one end receives, the other, as often as it is cloned, sends.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use tokio_util::codec::Encoder;

use super::drain::Drain;
use super::error::ConnectionError;
use super::info::Info;
use super::receive::{Receiving, Recv, WithCodec};
use super::send::TrySendError;
use super::shared::Shared;
use super::wakers::End;
use crate::BoxError;
use crate::codec::Codec;

/// The receiving end of a split [`Connection`](super::Connection). Also a [`Stream`] of frames.
pub struct Receiver<C> {
    receiving: Receiving,
    codec: Arc<Mutex<C>>,
}

/// A sending end of a split [`Connection`](super::Connection): clone it into any task.
///
/// The connection's task does the writing, so what is sent from elsewhere wakes it. A sender does not keep the
/// connection open: once the handler has returned, sending fails with [`ConnectionError::Closed`].
pub struct Sender<C> {
    shared: Arc<Shared>,
    codec: Arc<Mutex<C>>,
}

pub(super) fn split<C>(receiving: Receiving, codec: C) -> (Receiver<C>, Sender<C>) {
    let codec = Arc::new(Mutex::new(codec));
    let sender = Sender { shared: Arc::clone(&receiving.shared), codec: Arc::clone(&codec) };
    (Receiver { receiving, codec }, sender)
}

impl<C: Codec> Receiver<C> {
    /// Receives the next frame, as [`Connection::recv`](super::Connection::recv). Cancel safe.
    ///
    /// # Errors
    ///
    /// As `Connection::recv`.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        Recv::new(&mut self.receiving, &*self.codec)
    }

    /// Who is at the other end, and which listener accepted the connection.
    pub fn info(&self) -> &Info {
        &self.receiving.shared.info
    }

    /// Tells when the connection is to end; see [`Drain`].
    pub fn drain(&self) -> Drain {
        Drain(Arc::clone(&self.receiving.shared))
    }
}

impl<C> Sender<C> {
    /// Sends a frame, as [`Connection::send`](super::Connection::send). Cancel safe.
    ///
    /// # Errors
    ///
    /// As `Connection::send`.
    pub fn send<F: Send>(&self, frame: F) -> impl Future<Output = Result<(), ConnectionError>> + Send
    where
        C: Encoder<F, Error: Into<BoxError>> + Send,
    {
        let mut frame = Some(frame);
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(move |cx| waiting.observe(self.shared.poll_send(cx, &mut *lock(&self.codec), &mut frame), cx))
    }

    /// Sends a frame without waiting, unless the client lags: then the frame comes back.
    ///
    /// Takes more than [`Sender::send`] would, up to `limits.output` waiting bytes, so a client that pauses for a moment
    /// is not lagging yet.
    ///
    /// # Errors
    ///
    /// - [`TrySendError::Full`]: `limits.output` bytes or more wait for the client.
    /// - [`TrySendError::Connection`]: as `Connection::send`.
    pub fn try_send<F>(&self, frame: F) -> Result<(), TrySendError<F>>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        self.shared.try_send(&mut *lock(&self.codec), frame)
    }

    /// Waits until everything sent, by this sender or another, is with the operating system. Cancel safe.
    ///
    /// # Errors
    ///
    /// As `Connection::flush`.
    pub async fn flush(&self) -> Result<(), ConnectionError> {
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(|cx| waiting.observe(self.shared.poll_flush(cx), cx)).await
    }

    /// Who is at the other end, and which listener accepted the connection.
    pub fn info(&self) -> &Info {
        &self.shared.info
    }
}

/// A sender that waits. Dropped before its turn came, it is not kept to be woken: there may be as many of them as tasks that
/// gave up on a client.
struct Waiting<'a> {
    shared: &'a Shared,
    waker: Option<Waker>,
}

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, waker: None }
    }

    fn observe<T>(&mut self, poll: Poll<T>, cx: &Context<'_>) -> Poll<T> {
        self.waker = poll.is_pending().then(|| cx.waker().clone());
        poll
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waker) = &self.waker {
            self.shared.lock().wakers.forget(End::Sending, waker);
        }
    }
}

impl<C: Codec> WithCodec for &Mutex<C> {
    type Codec = C;

    fn with<T>(&mut self, use_it: impl FnOnce(&mut C) -> T) -> T {
        use_it(&mut lock(self))
    }
}

impl<C> Clone for Sender<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), codec: Arc::clone(&self.codec) }
    }
}

/// The frames of the connection, as from [`Receiver::recv`]; ends where that yields `None`.
impl<C: Codec> Stream for Receiver<C> {
    type Item = Result<C::Item, ConnectionError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.receiving.poll_frame(cx, &mut *lock(&this.codec)).map(Result::transpose)
    }
}

impl<C> fmt::Debug for Receiver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("info", &self.receiving.shared.info).finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("info", &self.shared.info).finish_non_exhaustive()
    }
}

/// The codec's lock. It is taken before the connection's, never after. A codec that panicked in one end is left as it is:
/// the panic ends the connection unless the handler chose to survive it.
fn lock<C>(codec: &Mutex<C>) -> MutexGuard<'_, C> {
    codec.lock().unwrap_or_else(PoisonError::into_inner)
}
