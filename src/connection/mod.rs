//! One connection's life, from its first byte to its end reason.
//!
//! [`Connection`] is what a handler holds. Behind it stand, in the order in which a byte meets them:
//!
//! - `buffer`: bytes are received without a buffer of the connection's own;
//! - `receive`: one frame at a time is decoded, never ahead of `recv`;
//! - `send`: frames are encoded into the gathered output;
//! - `task`: polls the handler; while that is pending writes what was gathered and minds the `deadlines`;
//! - `close`: delivers what is owed, then closes without destroying it;
//! - `end`: the one word for why it ended.

mod buffer;
mod close;
mod deadlines;
mod drain;
mod end;
mod error;
mod first;
mod info;
mod live;
mod mark;
mod output;
mod outside;
#[cfg(feature = "admin")]
mod questions;
mod raw;
mod receive;
mod registry;
mod send;
mod sender;
mod settings;
mod shared;
mod shared_frame;
mod split;
mod status;
mod task;
#[cfg(test)]
mod tests;
mod wakers;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use tokio::time::Instant;
use tokio_util::codec::Encoder;

pub use self::drain::Drain;
pub use self::end::EndReason;
pub(crate) use self::end::Ended;
pub use self::error::ConnectionError;
pub use self::info::Info;
pub use self::live::{ConnectionHandle, Connections};
#[cfg(feature = "admin")]
pub(crate) use self::questions::Questions;
pub use self::raw::RawStream;
use self::receive::{Receiving, Recv, RecvBy};
pub(crate) use self::registry::{Admitted, Registry};
use self::send::Origin;
pub use self::send::TrySendError;
pub use self::sender::{Sender, SlowConsumer};
#[cfg(feature = "testing")]
pub(crate) use self::settings::OnEnd;
pub(crate) use self::settings::Settings;
pub(crate) use self::shared::{Buffered, Shared};
pub use self::shared_frame::SharedFrame;
pub use self::split::Receiver;
#[cfg(feature = "admin")]
pub(crate) use self::status::Awaits;
pub use self::status::{ConnectionState, ConnectionStatus};
pub(crate) use self::task::run;
use self::wakers::By;
use crate::BoxError;
use crate::codec::Codec;

/// A client's connection, as its handler sees it: frames in, frames out.
///
/// It is also a [`Stream`] of frames and a [`Sink`] for them.
///
/// **Writing.** `send` only gathers. Whenever the handler is pending, whatever it waits for, the connection's task
/// writes what was gathered; so replies to requests that came together leave together, and a handler that never calls
/// `recv` is flushed too. Nothing is written while the handler runs without ever awaiting.
///
/// **Ending.** When the handler returns, what it sent is delivered and the connection closes. A connection that ends
/// for another reason (a deadline, a reset, a stopping server) wakes the handler once: `recv` and `send` fail with the
/// reason. A handler that waits for something else is then dropped at that await, so what must not be cut belongs into
/// a task of its own. A `Connection` that outlives its handler yields [`ConnectionError::Closed`].
///
/// **Other tasks.** A connection can be moved to another task, but its handler must not return before that is done with it.
pub struct Connection<C> {
    receiving: Receiving,
    codec: C,
}

impl<C: Codec> Connection<C> {
    pub(crate) fn new(shared: Arc<Shared>, codec: C) -> Self {
        Self { receiving: Receiving::new(shared), codec }
    }

    /// Receives the next frame.
    ///
    /// Resolves to `None` at the client's end of input, and while draining once the complete frames that had arrived
    /// were yielded ([`Connection::drain`] tells the one from the other). A `send` after it is still delivered. After an
    /// error every further call resolves to `None`.
    ///
    /// Cancel safe: a `recv` that is dropped has taken nothing. Decodes one frame, never ahead.
    ///
    /// # Errors
    ///
    /// - [`Reset`](ConnectionError::Reset): the client is gone.
    /// - [`Truncated`](ConnectionError::Truncated): its input ended inside a frame.
    /// - [`BadFrame`](ConnectionError::BadFrame), [`FrameTooLong`](ConnectionError::FrameTooLong): the codec refused it,
    ///   or `limits.input` bytes hold no frame.
    /// - [`Ended`](ConnectionError::Ended): a deadline passed or the server cut the connection.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        Recv::new(&mut self.receiving, &mut self.codec)
    }

    /// Receives the next frame, which has to be there within `limit` from this call: otherwise the connection ends, as
    /// `first_frame_timeout` where none has come yet, else as `frame_timeout`.
    ///
    /// The deadlines of the file hold beside it, so it can only be tighter. Cancel safe, as [`recv`](Self::recv); but a call
    /// that is made anew, as in a `select!` loop, counts anew: there use [`recv_by`](Self::recv_by).
    ///
    /// # Errors
    ///
    /// As `recv`; that the time is over is [`Ended`](ConnectionError::Ended).
    pub fn recv_within(
        &mut self,
        limit: Duration,
    ) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        RecvBy::new(&mut self.receiving, &mut self.codec, Instant::now().checked_add(limit))
    }

    /// Receives the next frame, which has to be there by `deadline`, as [`recv_within`](Self::recv_within). A frame that has
    /// arrived when this is called is not late.
    ///
    /// Cancel safe, as [`recv`](Self::recv): the deadline stands, however often the call is made anew.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use terima::{Connection, Framing, HandlerError};
    /// # use tokio::time::{Instant, interval};
    /// # async fn handle(mut conn: Connection<Framing>) -> Result<(), HandlerError> {
    /// let login = Instant::now() + Duration::from_secs(20);
    /// let mut beats = interval(Duration::from_secs(5));
    /// let name = loop {
    ///     tokio::select! {
    ///         name = conn.recv_by(login) => break name?,
    ///         _ = beats.tick() => conn.send("who are you?").await?,
    ///     }
    /// };
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As `recv_within`.
    pub fn recv_by(
        &mut self,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<C::Item>, ConnectionError>> + Send {
        RecvBy::new(&mut self.receiving, &mut self.codec, Some(deadline))
    }

    /// Sends a frame. It is gathered, and written as soon as the handler is pending.
    ///
    /// Waits only while `limits.flush_at` bytes or more are gathered: that is the client's pace. A frame of any size is
    /// taken whole once there is room. Cancel safe: a `send` that is dropped before it resolved has sent nothing.
    ///
    /// # Errors
    ///
    /// - [`Encode`](ConnectionError::Encode): the codec refused the frame; the connection goes on without it.
    /// - [`Ended`](ConnectionError::Ended), [`Closed`](ConnectionError::Closed): nothing can be sent any more.
    pub fn send<F: Send>(&mut self, frame: F) -> impl Future<Output = Result<(), ConnectionError>> + Send
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let Self { receiving, codec } = self;
        let mut frame = Some(frame);
        poll_fn(move |cx| receiving.shared.poll_send(cx, Origin::Handler, codec, &mut frame, By::OWNER))
    }

    /// Waits until everything sent is with the operating system. Seldom needed: it is written anyway. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Ended`](ConnectionError::Ended) or [`Closed`](ConnectionError::Closed): it could not be written.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), ConnectionError>> + Send {
        poll_fn(|cx| self.receiving.shared.poll_flush(cx, Origin::Handler, By::OWNER))
    }

    /// Who is at the other end, and which listener accepted the connection.
    pub fn info(&self) -> &Info {
        &self.receiving.shared.info
    }

    /// Tells when the connection is to end; see [`Drain`].
    pub fn drain(&self) -> Drain {
        Drain(Arc::clone(&self.receiving.shared))
    }

    /// Goes on with another codec, which sees first what the old one has not decoded yet.
    ///
    /// For protocols that are upgraded in mid-connection. What was sent before is written as the old codec encoded it. A
    /// client that does not wait for the answer to its upgrade loses nothing, as frames are never decoded ahead:
    ///
    /// ```no_run
    /// # use terima::{Connection, Framing, HandlerError};
    /// # use tokio_util::codec::LengthDelimitedCodec;
    /// # async fn handle(mut conn: Connection<Framing>) -> Result<(), HandlerError> {
    /// if conn.recv().await?.is_some_and(|line| line == "BINARY") {
    ///     conn.send("OK").await?; // the last line
    ///     let mut conn = conn.with_codec(LengthDelimitedCodec::new());
    ///     while let Some(frame) = conn.recv().await? {
    ///         conn.send(frame.freeze()).await?;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// A [`Sender`] from [`ConnectionHandle::sender`], which knows nothing of the new codec, is closed.
    pub fn with_codec<D: Codec>(self, codec: D) -> Connection<D> {
        self.map_codec(|_| codec)
    }

    /// Goes on with a codec that is made of the one so far, as [`with_codec`](Self::with_codec): with other limits after a
    /// login, say, or with what the old one has learnt of the client.
    pub fn map_codec<D: Codec>(mut self, map: impl FnOnce(C) -> D) -> Connection<D> {
        self.receiving.codec_changed();
        Connection { receiving: self.receiving, codec: map(self.codec) }
    }

    /// Splits the connection into an end that receives and one, which can be cloned, that sends.
    pub fn split(self) -> (Receiver<C>, Sender<C>) {
        split::split(self.receiving, self.codec)
    }

    /// Gives up frames for bytes: those that were read already come first.
    ///
    /// From here on `timeouts.first_frame`, `frame`, `idle`, `write` and `half_close` are the handler's own business;
    /// `timeouts.lifetime`, the drain and the counters stay.
    pub fn into_raw(self) -> RawStream {
        RawStream::new(self.receiving)
    }
}

/// The frames of the connection, as from [`Connection::recv`]; ends where that yields `None`.
///
/// In a `select!` prefer `recv`: a dropped `next()` cannot be told from one that still waits, so `timeouts.first_frame` and
/// `timeouts.frame` go on meanwhile.
impl<C: Codec + Unpin> Stream for Connection<C> {
    type Item = Result<C::Item, ConnectionError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.receiving.poll_frame(cx, &mut this.codec).map(Result::transpose)
    }
}

/// Sends frames, as [`Connection::send`]. Closing the sink flushes it and shuts the write side down.
impl<F, C> Sink<F> for Connection<C>
where
    C: Codec + Encoder<F, Error: Into<BoxError>> + Unpin,
{
    type Error = ConnectionError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.receiving.shared.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, frame: F) -> Result<(), ConnectionError> {
        let this = self.get_mut();
        this.receiving.shared.start_send(&mut this.codec, frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.receiving.shared.poll_flush(cx, Origin::Handler, By::OWNER)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.receiving.shared.poll_close(cx)
    }
}

impl<C> fmt::Debug for Connection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("info", &self.receiving.shared.info).finish_non_exhaustive()
    }
}
