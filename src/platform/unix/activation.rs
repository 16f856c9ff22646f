//! Sockets that the service manager has opened for this process: sd_listen_fds(3).
//!
//! By hand, as it is three variables: the crate sd-notify takes its sockets once for the process, and leaves them to whoever asks
//! first.

use std::env;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use socket2::{SockAddr, Socket};

use crate::listener::ListenAddress;
use crate::platform::PassingError;

/// Whether a service manager may open sockets for the service.
pub(crate) const ACTIVATED_SOCKETS: bool = true;

/// The first descriptor behind the standard streams.
const FIRST: i32 = 3;

/// What a socket is called whose unit has no name for it.
const NAMELESS: &str = "unknown";

/// Every socket that was passed, by its name. Several may have one.
///
/// They are doubles: the descriptors that were passed stay open as long as the process is there, whoever else may take them
/// for his own, so a listener that is closed can be opened again.
///
/// # Errors
///
/// [`PassingError`], where there are none, or not those that are announced.
pub(crate) fn activated_sockets() -> Result<Vec<(String, Socket)>, PassingError> {
    let count = env::var("LISTEN_FDS").ok().filter(|count| !count.is_empty()).ok_or(PassingError::None)?;
    let id = env::var("LISTEN_PID").unwrap_or_default();
    if id.parse() != Ok(process::id()) {
        return Err(PassingError::ForAnother(id));
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let Ok(count @ 0..=4096) = count.parse() else { return Err(PassingError::NoNumber(count)) };
    let mut names = names.split(':').map(|name| if name.is_empty() { NAMELESS } else { name });
    let passed = (FIRST..FIRST + count).map(|descriptor| {
        let socket = double(descriptor).map_err(|_| PassingError::Closed { count, descriptor })?;
        Ok((names.next().unwrap_or(NAMELESS).to_owned(), Socket::from(socket)))
    });
    passed.collect()
}

/// Another descriptor for what was passed as this one, which no child gets.
#[expect(unsafe_code, reason = "what was passed is a number")]
fn double(descriptor: i32) -> io::Result<OwnedFd> {
    // SAFETY: nothing in this process closes what the manager has passed to it; were it closed all the same, the calls below
    // fail and nothing else is touched.
    let passed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    fcntl(passed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    passed.try_clone_to_owned()
}

/// Whether connections can be accepted from it.
#[cfg(target_os = "linux")]
pub(crate) fn is_listening(socket: &Socket) -> io::Result<bool> {
    socket.is_listener()
}

/// Not every system tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_listening(_: &Socket) -> io::Result<bool> {
    Ok(true)
}

/// The name of a Unix socket.
pub(crate) fn unix_address(address: &SockAddr) -> Option<ListenAddress> {
    let path = address.as_pathname().map(|path| ListenAddress::Unix(path.to_owned()));
    let name = || {
        let name = address.as_abstract_namespace()?;
        Some(ListenAddress::Abstract(String::from_utf8_lossy(name).into_owned()))
    };
    path.or_else(name)
}
