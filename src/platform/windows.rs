//! Windows: handles have no limit worth raising, errors are Winsock's, and consoles send events.

#[cfg(feature = "cli")]
use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use windows_sys::Win32::Networking::WinSock::{
    WSAEAFNOSUPPORT, WSAECONNABORTED, WSAECONNRESET, WSAEHOSTUNREACH, WSAEINTR, WSAEINVAL, WSAEMFILE,
    WSAENETDOWN, WSAENETRESET, WSAENETUNREACH, WSAENOTSOCK, WSAEOPNOTSUPP, WSAETIMEDOUT, WSANOTINITIALISED,
};

use super::Blame;
#[cfg(feature = "cli")]
use super::Signal;
use crate::listener::Credentials;

// === accept ===

/// As the documentation of `accept` and `AcceptEx` tells them apart; `WSAECONNRESET` is "an incoming connection was
/// indicated, but was subsequently terminated by the remote peer prior to accepting the call".
pub(super) fn blame(code: i32) -> Blame {
    match code {
        WSAECONNRESET | WSAECONNABORTED | WSAEINTR | WSAENETDOWN | WSAENETRESET | WSAENETUNREACH
        | WSAEHOSTUNREACH | WSAETIMEDOUT => Blame::Connection,
        WSAENOTSOCK | WSAEINVAL | WSAEOPNOTSUPP | WSANOTINITIALISED => Blame::Listener,
        _ => Blame::Ours,
    }
}

pub(super) fn is_out_of_descriptors(code: i32) -> bool {
    code == WSAEMFILE
}

// === descriptors ===

/// Handles are bounded by memory alone.
pub(crate) fn descriptor_limit() -> Option<usize> {
    None
}

/// There is no limit to raise.
#[cfg(feature = "cli")]
pub(crate) fn raise_descriptor_limit() -> Option<super::DescriptorLimit> {
    None
}

/// Where handles don't run out, none is held back.
#[derive(Debug)]
pub(crate) struct Spare;

impl Spare {
    /// Takes nothing.
    pub(crate) fn new() -> Self {
        Self
    }

    /// Always `false`: there is nothing to give back.
    pub(crate) fn release(&mut self) -> bool {
        false
    }

    /// Always `false`: there is nothing to take.
    pub(crate) fn refill(&mut self) -> bool {
        false
    }
}

// === sockets ===

/// Whether a listener can have a path for its address: Tokio has no Unix sockets here.
pub(crate) const UNIX_SOCKETS: bool = false;

/// Whether Unix sockets can have a name without a file.
pub(crate) const ABSTRACT_SOCKETS: bool = false;

/// No path is too long for what there is not.
pub(crate) const LONGEST_SOCKET_PATH: usize = usize::MAX;

/// Keys of `socket.*` that do nothing on this system.
pub(crate) const LACKING_SOCKET_OPTIONS: &[&str] =
    &["reuse_port", "fast_open", "defer_accept", "freebind", "mode", "owner", "group"];

/// Probes after `silence`. Windows sends ten of them and lets nobody choose.
pub(crate) fn keepalive(silence: Duration) -> TcpKeepalive {
    const PROBES: u32 = 10;
    let interval = (silence / PROBES).max(Duration::from_secs(1));
    TcpKeepalive::new().with_time(silence).with_interval(interval)
}

/// Does nothing: the option of that name means something else here, that others may take the port.
pub(crate) fn set_reuse_address(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_reuse_port(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_freebind(_socket: &Socket, _v6: bool) -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_fast_open(_socket: &Socket, _queue: i32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_defer_accept(_socket: &Socket, _wait: Duration) -> io::Result<()> {
    Ok(())
}

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

pub(super) fn lacks_family(code: i32) -> bool {
    code == WSAEAFNOSUPPORT
}

/// Whether the peer's system has acknowledged everything that was written: that can't be told here.
pub(crate) fn is_acknowledged<S>(_socket: &S) -> bool {
    true
}

// === the command ===

/// Whether a process can become another user.
pub(crate) const CHANGES_USER: bool = false;

/// Whether there is somebody to be told how the service is.
#[cfg(feature = "cli")]
pub(crate) fn has_manager() -> bool {
    false
}

/// Tells nobody.
#[cfg(feature = "cli")]
pub(crate) fn notify(_state: &str) -> io::Result<()> {
    Ok(())
}

/// There is none who wants to know.
#[cfg(feature = "cli")]
pub(crate) fn monotonic_micros() -> u128 {
    0
}

/// Nobody watches.
#[cfg(feature = "cli")]
pub(crate) fn watchdog() -> Option<Duration> {
    None
}

/// Whom a process is to become: nobody can be asked for.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub(crate) enum Identity {}

/// Why a process can't become somebody.
#[cfg(feature = "cli")]
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {}

#[cfg(feature = "cli")]
impl Identity {
    /// Always `None`: the keys are faults of the file here.
    pub(crate) fn look_up(_user: Option<&str>, _group: Option<&str>) -> Result<Option<Self>, IdentityError> {
        Ok(None)
    }

    pub(crate) fn own(&self, _file: &File) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn assume(&self) -> Result<(), IdentityError> {
        match *self {}
    }
}

/// What to do where a socket may not be bound.
#[cfg(feature = "cli")]
pub(crate) const PERMISSION_REMEDY: &str = "another program holds the port for itself alone, or it lies in a reserved \
     range: see `netsh interface ipv4 show excludedportrange protocol=tcp`";

/// Opens a file to append to.
#[cfg(feature = "cli")]
pub(crate) fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Whether an open file is the one that has this path now: nobody else can put it aside without having opened it to share,
/// so it is taken to be.
#[cfg(feature = "cli")]
pub(crate) fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// Whether a terminal here understands escape sequences: Windows Terminal does, and whatever sets `TERM`; the old
/// console would have to be asked to.
#[cfg(feature = "cli")]
pub(crate) fn terminal_knows_colour() -> bool {
    std::env::var_os("WT_SESSION").is_some()
        || std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}

/// The console's events that ask a service to end; they are caught from `install` on.
///
/// After "close" and "shutdown" Windows grants the process some seconds, however long a drain may take.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    stop: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(feature = "cli")]
impl Signals {
    /// Catches the events; must be called on a runtime.
    pub(crate) fn install() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the next event. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop("CTRL_C"),
            _ = self.stop.recv() => Signal::Stop("CTRL_BREAK"),
            _ = self.close.recv() => Signal::Stop("CTRL_CLOSE"),
            _ = self.shutdown.recv() => Signal::Stop("CTRL_SHUTDOWN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Networking::WinSock::{WSAENOBUFS, WSAEWOULDBLOCK};

    use crate::platform::{accept_error, out_of_descriptors};

    use super::*;

    #[test]
    fn accept_errors_by_whose_problem_they_are() {
        let table: &[(Blame, &[i32])] = &[
            (Blame::Connection, &[WSAECONNRESET, WSAECONNABORTED, WSAEINTR, WSAENETDOWN, WSAENETUNREACH]),
            (Blame::Listener, &[WSAENOTSOCK, WSAEINVAL, WSAEOPNOTSUPP, WSANOTINITIALISED]),
            (Blame::Ours, &[WSAEMFILE, WSAENOBUFS, WSAEWOULDBLOCK, 0, i32::MAX]),
        ];
        for (blame, codes) in table {
            for code in *codes {
                let error = io::Error::from_raw_os_error(*code);
                assert_eq!(accept_error(&error), *blame, "{error}");
            }
        }
    }

    #[test]
    fn only_one_error_says_that_sockets_are_out() {
        for (code, expected) in [(WSAEMFILE, true), (WSAENOBUFS, false)] {
            assert_eq!(out_of_descriptors(&io::Error::from_raw_os_error(code)), expected, "code {code}");
        }
    }
}
