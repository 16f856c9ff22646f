//! Unix sockets, which Tokio has none of here: enough of them for what both systems share to compile.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::listener::Credentials;

/// There is none.
pub(crate) enum UnixListener {}

/// There is none.
pub(crate) enum UnixStream {}

/// There is none.
pub(crate) enum SocketFile {}

/// Who may connect to a Unix socket.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "nobody reads it, as there are no such sockets")]
pub(crate) struct SocketAccess {
    pub(crate) mode: u32,
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
}

impl SocketFile {
    /// Always an error.
    pub(crate) fn listen(_: &Socket, _: &Path, _: &SocketAccess, _backlog: i32) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl UnixListener {
    pub(crate) async fn accept(&self) -> io::Result<(UnixStream, ())> {
        match *self {}
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match *self.get_mut() {}
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self.get_mut() {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self.get_mut() {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self.get_mut() {}
    }
}

/// Always an error.
pub(crate) fn unix_listener(_socket: Socket) -> io::Result<UnixListener> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Always an error.
#[cfg(feature = "cli")]
pub(crate) async fn connect(_path: &Path) -> io::Result<UnixStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Who is at the other end of what there is not.
pub(crate) fn credentials(stream: &UnixStream) -> Option<Credentials> {
    match *stream {}
}

/// The number of a user: there are none here.
pub(crate) fn user_id(_user: &str) -> io::Result<Option<u32>> {
    Ok(None)
}

/// The number of a group: there are none here.
pub(crate) fn group_id(_group: &str) -> io::Result<Option<u32>> {
    Ok(None)
}
