//! An encrypted stream, and the one beneath it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server;

use crate::establish::foreign::Foreign;
use crate::establish::stream::{Stream, Transport};

/// A stream whose handshake is done.
///
/// Ending it sends a close_notify first. The client's end without one is an error of kind `UnexpectedEof`: what came before it may
/// have been cut off by anybody between.
pub(super) struct TlsStream(pub(super) server::TlsStream<Beneath>);

/// The stream below, and how it began.
pub(super) struct Beneath {
    pub(super) stream: Stream,
    first: [u8; Foreign::LONGEST],
    known: u8,
}

/// The client has closed the stream below without ending that above.
#[derive(Debug, thiserror::Error)]
#[error("the client closed without TLS's close_notify, so what it sent may have been cut off")]
struct Truncated;

impl Transport for TlsStream {
    fn beneath(&self) -> Option<&Stream> {
        Some(&self.0.get_ref().0.stream)
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(Pin::new(&mut self.0).poll_read(cx, buf)).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::UnexpectedEof, Truncated),
            _ => error,
        }))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

// === impl Beneath ===

impl Beneath {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, first: [0; Foreign::LONGEST], known: 0 }
    }

    /// The first bytes that came, so that a client that speaks something else can be told what that is.
    pub(super) fn first(&self) -> &[u8] {
        &self.first[..usize::from(self.known)]
    }

    fn remember(&mut self, read: &[u8]) {
        let known = usize::from(self.known);
        let more = read.len().min(self.first.len() - known);
        self.first[known..known + more].copy_from_slice(&read[..more]);
        self.known = u8::try_from(known + more).unwrap_or(u8::MAX);
    }
}

impl AsyncRead for Beneath {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if usize::from(self.known) < self.first.len() {
            self.remember(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Beneath {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
