//! The byte stream that is left when every layer below the frames has been taken off.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::platform::{self, UnixStream};

/// Any byte stream that carries a connection, and is not plain TCP.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// The stream that this one is a layer of.
    fn beneath(&self) -> Option<&Stream> {
        None
    }
}

impl Transport for UnixStream {}

#[cfg(test)]
impl Transport for tokio::io::DuplexStream {}

/// A connection's byte stream. One concrete type, so that nothing above it is generic over transports; plain TCP, the
/// common case, is not boxed and not dispatched dynamically.
pub(crate) enum Stream {
    Tcp(TcpStream),
    /// Any other: a Unix socket, a stream with a layer of its own, memory. A task is as large as its largest stage for life,
    /// and a second kind of socket would cost each TCP connection eight bytes.
    Boxed(Box<dyn Transport>),
}

impl Stream {
    /// Makes the drop of the stream reset the connection instead of closing it. Only TCP knows a reset.
    pub(crate) fn reset_on_drop(&self) {
        match self {
            // It can only fail on a socket that is dead already.
            Self::Tcp(stream) => drop(SockRef::from(stream).set_linger(Some(Duration::ZERO))),
            Self::Boxed(stream) => {
                if let Some(beneath) = stream.beneath() {
                    beneath.reset_on_drop();
                }
            }
        }
    }

    /// Whether the client's system has everything that was written. Input that comes after the close resets the
    /// connection, and what is still on its way then is lost. `None` where the system does not tell.
    pub(crate) fn is_acknowledged(&self) -> Option<bool> {
        match self {
            Self::Tcp(stream) => platform::is_acknowledged(stream),
            // What was written to a Unix socket is in the client's queue, and stays there.
            Self::Boxed(stream) => stream.beneath().map_or(Some(true), Self::is_acknowledged),
        }
    }
}

/// Most that is thrown away of what a client still sends to whom everything was said.
const DISCARD_LIMIT: u64 = 64 * 1024;

/// Ends this side, and waits until the client has ended its own: a socket that is closed with unread input resets the
/// connection, and the client would lose what it had not read. How long that may take is the caller's.
pub(crate) async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(DISCARD_LIMIT), &mut tokio::io::sink()).await?;
    Ok(())
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Boxed(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Boxed(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Boxed(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Boxed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Boxed(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Boxed(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
