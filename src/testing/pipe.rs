//! A connection that is no socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::establish::Transport;

/// What a pipe holds each way; beyond it, a writer waits for the reader.
pub(super) const CAPACITY: usize = 64 * 1024;

/// One end of a pipe. Unlike tokio's own it can be reset.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: DuplexStream,
    reset: Arc<AtomicBool>,
}

/// The two ends.
pub(super) fn pipe() -> (Pipe, Pipe) {
    let (one, other) = duplex(CAPACITY);
    let reset = Arc::new(AtomicBool::new(false));
    (Pipe { stream: one, reset: Arc::clone(&reset) }, Pipe { stream: other, reset })
}

impl Pipe {
    /// Ends it so that the other end gets an error, and nothing that was still under way.
    pub(super) fn reset(self) {
        self.reset.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl Transport for Pipe {}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if let Err(error) = self.check() {
            buf.set_filled(before);
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
