//! The service manager, where it is one that listens: sd_notify(3), sd_watchdog_enabled(3).
//!
//! By hand, as it is a datagram: the crate sd-notify knows no abstract sockets, which containers have, and waits for a
//! manager that does not read.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::platform::Notice;

/// Where the manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Whether there is somebody to be told.
pub(crate) fn has_manager() -> bool {
    env::var_os(SOCKET).is_some_and(|socket| !socket.is_empty())
}

/// Tells the manager, in one message; nobody where there is none. It never waits.
///
/// # Errors
///
/// The socket can't be reached, or is full.
pub(crate) fn notify(notices: &[Notice<'_>]) -> io::Result<()> {
    match env::var_os(SOCKET) {
        Some(socket) if !socket.is_empty() => {
            let lines: Vec<String> = notices.iter().map(line).collect();
            send(&socket, lines.join("\n").as_bytes())
        }
        _ => Ok(()),
    }
}

fn line(notice: &Notice<'_>) -> String {
    match notice {
        Notice::Ready => "READY=1".to_owned(),
        Notice::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()),
        Notice::Stopping => "STOPPING=1".to_owned(),
        Notice::MoreTime(time) => format!("EXTEND_TIMEOUT_USEC={}", time.as_micros()),
        Notice::Alive => "WATCHDOG=1".to_owned(),
        Notice::Status(status) => format!("STATUS={status}"),
    }
}

fn send(to: &OsStr, message: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = to.to_str().and_then(|to| to.strip_prefix('@')) {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        return socket.send_to_addr(message, &SocketAddr::from_abstract_name(name)?).map(drop);
    }
    socket.send_to(message, to).map(drop)
}

/// The monotonic clock in microseconds: since systemd 253 it has to come with `RELOADING=1`.
fn monotonic_micros() -> u128 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| Duration::from(now).as_micros())
}

/// Without a sign of life for so long, the manager takes the service to be hung, and restarts it; `None` = it does not
/// watch this process.
pub(crate) fn watchdog() -> Option<Duration> {
    let limit = env::var("WATCHDOG_USEC").ok()?.parse().ok().filter(|limit| *limit > 0)?;
    let ours = env::var("WATCHDOG_PID").map_or(true, |id| id.parse() == Ok(process::id()));
    ours.then(|| Duration::from_micros(limit))
}
