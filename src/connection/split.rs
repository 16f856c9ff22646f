//! A connection in two: one end receives, the other, as often as it is cloned, sends.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::Instant;

use super::drain::Drain;
use super::error::ConnectionError;
use super::info::Info;
use super::receive::{Receiving, Recv, RecvBy, WithCodec};
use super::send::Origin;
use super::sender::{Half, Sender};
use crate::codec::Codec;

/// The receiving end of a split [`Connection`](super::Connection). Also a [`Stream`] of frames.
pub struct Receiver<C> {
    receiving: Receiving,
    half: Arc<Half<C>>,
}

pub(super) fn split<C>(receiving: Receiving, codec: C) -> (Receiver<C>, Sender<C>) {
    let half = Half::new(codec, Origin::Handler);
    let sender = Sender::new(Arc::clone(&receiving.shared), Arc::clone(&half));
    (Receiver { receiving, half }, sender)
}

impl<C: Codec> Receiver<C> {
    /// Receives the next frame, as [`Connection::recv`](super::Connection::recv). Cancel safe: a `recv` that is dropped has
    /// taken nothing.
    ///
    /// # Errors
    ///
    /// As `Connection::recv`.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        Recv::new(&mut self.receiving, &*self.half)
    }

    /// Receives the next frame within a time of its own, as
    /// [`Connection::recv_within`](super::Connection::recv_within). Cancel safe, but a call that is made anew counts anew.
    ///
    /// # Errors
    ///
    /// As `Connection::recv_within`.
    pub fn recv_within(
        &mut self,
        limit: Duration,
    ) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        RecvBy::new(&mut self.receiving, &*self.half, Instant::now().checked_add(limit))
    }

    /// Receives the next frame by a deadline of its own, as [`Connection::recv_by`](super::Connection::recv_by). Cancel
    /// safe: the deadline stands, however often the call is made anew.
    ///
    /// # Errors
    ///
    /// As `Connection::recv_by`.
    pub fn recv_by(
        &mut self,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        RecvBy::new(&mut self.receiving, &*self.half, Some(deadline))
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

impl<C: Codec> WithCodec for &Half<C> {
    type Codec = C;

    fn with<T>(&mut self, use_it: impl FnOnce(&mut C) -> T) -> T {
        use_it(&mut self.lock())
    }
}

/// The frames of the connection, as from [`Receiver::recv`]; ends where that yields `None`.
impl<C: Codec> Stream for Receiver<C> {
    type Item = Result<C::Item, ConnectionError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.receiving.poll_frame(cx, &mut *this.half.lock()).map(Result::transpose)
    }
}

impl<C> fmt::Debug for Receiver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("info", &self.receiving.shared.info).finish_non_exhaustive()
    }
}
