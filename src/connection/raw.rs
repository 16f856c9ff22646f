//! A connection without frames.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::drain::Drain;
use super::error::ConnectionError;
use super::info::Info;
use super::mark::{Mark, Receive};
use super::receive::Receiving;
use super::shared::{Shared, Written};
use super::wakers::End;
use crate::establish::Stream;

/// A connection as a byte stream, from [`Connection::into_raw`](super::Connection::into_raw).
///
/// Bytes that had been read already come first. Frames that had been sent are written before anything else. A drain
/// does not end the stream: ask [`RawStream::drain`]. What outlives the handler fails with `NotConnected`.
pub struct RawStream {
    shared: Arc<Shared>,
    /// Read before the stream became raw.
    pub(super) input: BytesMut,
}

impl RawStream {
    pub(super) fn new(receiving: Receiving) -> Self {
        let (shared, input) = receiving.into_parts();
        {
            let mut core = shared.lock();
            core.mark(Mark::Raw);
            core.mark(Mark::Reframed);
            core.receive = Receive::Busy;
        }
        Self { shared, input }
    }

    /// The socket itself, where nothing lies between: plain TCP, nothing read ahead and nothing left to write.
    ///
    /// From then on terima neither writes nor closes it; permit and drain still belong to the handler's connection.
    ///
    /// # Errors
    ///
    /// Gives the stream back where a layer lies between, bytes were read ahead, or output waits.
    pub fn try_into_tcp(self) -> Result<TcpStream, Self> {
        let mut core = self.shared.lock();
        if !self.input.is_empty() || !core.output.is_empty() {
            drop(core);
            return Err(self);
        }
        match core.stream.take() {
            Some(Stream::Tcp(stream)) => Ok(stream),
            other => {
                core.stream = other;
                drop(core);
                Err(self)
            }
        }
    }

    /// Who is at the other end, and which listener accepted the connection.
    pub fn info(&self) -> &Info {
        &self.shared.info
    }

    /// Tells when the connection is to end; see [`Drain`].
    pub fn drain(&self) -> Drain {
        Drain(Arc::clone(&self.shared))
    }
}

impl AsyncRead for RawStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.input.is_empty() {
            let ahead = this.input.len().min(buf.remaining());
            buf.put_slice(&this.input.split_to(ahead));
            this.shared.outside.note_undecoded(this.input.len());
            if this.input.is_empty() {
                // What is left of the buffer would stay for the life of the connection.
                this.input = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        let mut core = this.shared.lock();
        core.check_open()?;
        let Some(stream) = &mut core.stream else { return Poll::Ready(Err(ConnectionError::Closed.into())) };
        let before = buf.filled().len();
        let read = Pin::new(stream).poll_read(cx, buf);
        if core.note_reset(read)?.is_pending() {
            core.wait_raw(End::Reading, cx.waker());
            return Poll::Pending;
        }
        let read = buf.filled().len() - before;
        this.shared.count_received(read);
        core.eof |= read == 0 && buf.remaining() > 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RawStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut core = self.shared.lock();
        core.check_open()?;
        if core.write_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(core.poll_gathered(cx));
        let Some(stream) = &mut core.stream else { return Poll::Ready(Err(ConnectionError::Closed.into())) };
        let written = Pin::new(stream).poll_write(cx, buf);
        let Poll::Ready(written) = core.note_reset(written)? else {
            core.wait_raw(End::Writing, cx.waker());
            return Poll::Pending;
        };
        self.shared.count_sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut core = self.shared.lock();
        core.check_open()?;
        ready!(core.poll_gathered(cx));
        match core.poll_write(cx, &self.shared)? {
            Written::All => Poll::Ready(Ok(())),
            Written::Stuck => {
                core.wait_raw(End::Writing, cx.waker());
                Poll::Pending
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut core = self.shared.lock();
        core.check_open()?;
        ready!(core.poll_gathered(cx));
        let shut = core.poll_shutdown(cx);
        if shut.is_pending() {
            core.wait_raw(End::Writing, cx.waker());
        }
        shut
    }
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream").field("info", &self.shared.info).finish_non_exhaustive()
    }
}
