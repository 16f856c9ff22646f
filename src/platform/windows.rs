//! Windows: handles have no limit worth raising, errors are Winsock's, and consoles send events.

#[cfg(feature = "cli")]
mod console;
#[cfg(feature = "cli")]
pub(crate) mod event_log;
mod file_id;
#[cfg(feature = "admin")]
mod private_file;
mod process;
#[cfg(feature = "cli")]
pub(crate) mod service;
#[cfg(feature = "cli")]
pub(crate) mod service_manager;
mod unix_sockets;

#[cfg(feature = "cli")]
use std::fs::File;
use std::io;
#[cfg(feature = "cli")]
use std::os::windows::io::AsRawHandle;
use std::os::windows::io::AsRawSocket;
#[cfg(feature = "cli")]
use std::path::Path;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};
use windows_sys::Win32::Networking::WinSock::{
    SO_EXCLUSIVEADDRUSE, SOL_SOCKET, WSAEAFNOSUPPORT, WSAECONNABORTED, WSAECONNRESET, WSAEHOSTUNREACH,
    WSAEINTR, WSAEINVAL, WSAEMFILE, WSAENETRESET, WSAENETUNREACH, WSAENOTSOCK, WSAEOPNOTSUPP, WSAETIMEDOUT,
    WSANOTINITIALISED, setsockopt,
};
#[cfg(feature = "cli")]
use windows_sys::Win32::Storage::FileSystem::{BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle};

#[cfg(feature = "cli")]
pub(crate) use self::console::{Signals, terminal_knows_colour};
pub(crate) use self::file_id::{FileId, file_id};
#[cfg(feature = "admin")]
pub(crate) use self::private_file::{create_private, open_private, secrecy};
pub(crate) use self::process::{keep_figures, process_figures};
#[cfg(feature = "cli")]
pub(crate) use self::service::{has_manager, notify};
#[cfg(feature = "cli")]
pub(crate) use self::unix_sockets::connect;
pub(crate) use self::unix_sockets::{
    SocketAccess, SocketFile, UnixListener, UnixStream, credentials, group_id, unix_listener, user_id,
};
use super::{AcceptQueue, Blame};

// === accept ===

/// As the documentation of `accept` and `AcceptEx` tells them apart; `WSAECONNRESET` is "an incoming connection was
/// indicated, but was subsequently terminated by the remote peer prior to accepting the call". `WSAENETDOWN` is the network
/// as a whole here, which to ask again at once would not help.
pub(super) fn blame(code: i32) -> Blame {
    match code {
        WSAECONNRESET | WSAECONNABORTED | WSAEINTR | WSAENETRESET | WSAENETUNREACH | WSAEHOSTUNREACH
        | WSAETIMEDOUT => Blame::Connection,
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

/// Whether a service manager may open sockets for the service.
pub(crate) const ACTIVATED_SOCKETS: bool = false;

/// There are none.
pub(crate) fn activated_sockets() -> Result<Vec<(String, Socket)>, super::PassingError> {
    Err(super::PassingError::None)
}

/// There are none.
pub(crate) fn unix_address(_: &socket2::SockAddr) -> Option<crate::listener::ListenAddress> {
    None
}

/// Of a socket that was passed on, of which there are none.
pub(crate) fn is_listening(_: &Socket) -> io::Result<bool> {
    Ok(true)
}

/// Whether Unix sockets can have a name without a file.
pub(crate) const ABSTRACT_SOCKETS: bool = false;

/// As Windows' own Unix sockets have it; a path is refused before it is measured.
pub(crate) const LONGEST_SOCKET_PATH: usize = 108;

/// Keys of `socket.*` for TCP that this system has not.
pub(crate) const LACKING_SOCKET_OPTIONS: &[&str] = &["reuse_port", "fast_open", "defer_accept", "freebind"];

/// Probes after `silence`. Windows sends ten of them and lets nobody choose.
pub(crate) fn keepalive(silence: Duration) -> TcpKeepalive {
    const PROBES: u32 = 10;
    let interval = (silence / PROBES).max(Duration::from_secs(1));
    TcpKeepalive::new().with_time(silence.max(Duration::from_secs(1))).with_interval(interval)
}

/// Lets nobody else listen on the address. `SO_REUSEADDR` would be the opposite here: it lets any process take the port away
/// ([Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE](https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse)).
/// Connections in `TIME_WAIT` are no hindrance.
#[expect(unsafe_code, reason = "setsockopt; socket2 has no name for this option")]
pub(crate) fn claim_address(socket: &Socket) -> io::Result<()> {
    const SIZE: i32 = 4;
    let exclusive: i32 = 1;
    let socket = usize::try_from(socket.as_raw_socket()).map_err(io::Error::other)?;
    // SAFETY: the socket is open as long as it is borrowed; the pointer and the length are those of one i32.
    let set =
        unsafe { setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (&raw const exclusive).cast(), SIZE) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Always an error; a configuration that asks for it is refused before.
pub(crate) fn set_reuse_port(_socket: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Always an error; a configuration that asks for it is refused before.
pub(crate) fn set_freebind(_socket: &Socket, _v6: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Always an error; a configuration that asks for it is refused before.
pub(crate) fn set_fast_open(_socket: &Socket, _queue: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Always an error; a configuration that asks for it is refused before.
pub(crate) fn set_defer_accept(_socket: &Socket, _wait: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn lacks_family(code: i32) -> bool {
    code == WSAEAFNOSUPPORT
}

/// Whether the peer's system has acknowledged everything that was written: that can't be told here, as `SIO_TCP_INFO` does
/// not count what has not been sent yet.
pub(crate) fn is_acknowledged<S>(_socket: &S) -> Option<bool> {
    None
}

/// The system does not tell.
pub(crate) fn accept_queue<S>(_socket: &S) -> Option<AcceptQueue> {
    None
}

/// The system does not tell.
pub(crate) fn accept_queue_overflows() -> Option<u64> {
    None
}

/// Always `true`: accepting tells, and there are handles as long as there is memory.
#[cfg(feature = "admin")]
pub(crate) fn is_waited_at<S>(_socket: &S) -> bool {
    true
}

// === the command ===

/// Whether somebody may read what is written to standard error: a service has none.
#[cfg(feature = "cli")]
pub(crate) fn has_standard_error() -> bool {
    !has_manager()
}

/// Nobody watches: the service manager knows only whether the process is there.
#[cfg(feature = "cli")]
pub(crate) fn watchdog() -> Option<Duration> {
    None
}

/// Folders that a service may only read: no place says that of itself here.
pub(crate) const NOT_FOR_SERVICES: [&str; 0] = [];

/// Where the service keeps what it makes: nowhere of its own.
pub(crate) const STATE: Option<&str> = None;

/// Whether a process can become another user.
pub(crate) const CHANGES_USER: bool = false;

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

    pub(crate) fn account(&self) -> super::Account {
        match *self {}
    }

    pub(crate) fn is_assumed(&self) -> bool {
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

/// How to find out who holds a port, where this process may not see it.
#[cfg(feature = "cli")]
pub(crate) const HOLDER_REMEDY: &str = "`netstat -abno` tells an administrator who holds it";

/// Opens a file to append to.
#[cfg(feature = "cli")]
pub(crate) fn append(path: &Path, _follow_links: bool) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Whether an open file is the one that has this path now. One that can't be opened to be compared is taken to be, unless it
/// is not there.
#[cfg(feature = "cli")]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    match File::open(path) {
        Ok(there) => match (file_id(file), file_id(&there)) {
            (Ok(one), Ok(other)) => one == other,
            _ => true,
        },
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// What tells an open file from every other: its volume, and its index there
/// ([GetFileInformationByHandle](https://learn.microsoft.com/windows/win32/api/fileapi/ns-fileapi-by_handle_file_information)).
#[cfg(feature = "cli")]
#[expect(unsafe_code, reason = "GetFileInformationByHandle; the standard library's way to it is unstable")]
fn file_id(file: &File) -> io::Result<(u32, u32, u32)> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open as long as the file is borrowed, and `found` is there to be written to.
    match unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok((found.dwVolumeSerialNumber, found.nFileIndexHigh, found.nFileIndexLow)),
    }
}

/// Errors of `accept`, by whose problem they are.
#[cfg(feature = "testing")]
pub(crate) mod accept_errors {
    use windows_sys::Win32::Networking::WinSock::*;

    pub(crate) const CONNECTION: &[i32] = &[
        WSAECONNRESET,
        WSAECONNABORTED,
        WSAEINTR,
        WSAENETRESET,
        WSAENETUNREACH,
        WSAEHOSTUNREACH,
        WSAETIMEDOUT,
    ];
    pub(crate) const LISTENER: &[i32] = &[WSAENOTSOCK, WSAEINVAL, WSAEOPNOTSUPP, WSANOTINITIALISED];
    #[cfg(test)]
    pub(crate) const OURS: &[i32] = &[WSAEMFILE, WSAENOBUFS, WSAENETDOWN, WSAEWOULDBLOCK, 0, i32::MAX];
    pub(crate) const OUT_OF_DESCRIPTORS: i32 = WSAEMFILE;
    pub(crate) const OUT_OF_MEMORY: i32 = WSAENOBUFS;
}

#[cfg(test)]
mod tests {
    use crate::platform::out_of_descriptors;

    use super::*;

    #[test]
    fn only_one_error_says_that_sockets_are_out() {
        for (code, expected) in
            [(accept_errors::OUT_OF_DESCRIPTORS, true), (accept_errors::OUT_OF_MEMORY, false)]
        {
            assert_eq!(out_of_descriptors(&io::Error::from_raw_os_error(code)), expected, "code {code}");
        }
    }
}
