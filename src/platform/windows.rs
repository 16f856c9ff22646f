//! Windows: handles have no limit worth raising, errors are Winsock's, and consoles send events.

use windows_sys::Win32::Networking::WinSock::{
    WSAECONNABORTED, WSAECONNRESET, WSAEHOSTUNREACH, WSAEINTR, WSAEINVAL, WSAEMFILE, WSAENETDOWN,
    WSAENETRESET, WSAENETUNREACH, WSAENOTSOCK, WSAEOPNOTSUPP, WSAETIMEDOUT, WSANOTINITIALISED,
};

use super::Blame;

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

/// Whether the peer's system has acknowledged everything that was written: that can't be told here.
pub(crate) fn is_acknowledged<S>(_socket: &S) -> bool {
    true
}

// === the command ===

/// What to do where a socket may not be bound.
#[cfg(feature = "cli")]
pub(crate) const PERMISSION_REMEDY: &str = "another program holds the port for itself alone, or it lies in a reserved \
     range: see `netsh interface ipv4 show excludedportrange protocol=tcp`";

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
    pub(crate) fn install() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the next event and tells its name. Cancel safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "CTRL_C",
            _ = self.stop.recv() => "CTRL_BREAK",
            _ = self.close.recv() => "CTRL_CLOSE",
            _ = self.shutdown.recv() => "CTRL_SHUTDOWN",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

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
