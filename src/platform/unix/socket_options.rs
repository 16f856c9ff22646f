//! Options of listening sockets that not every Unix has.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// Keys of `socket.*` for TCP that this system has not.
#[cfg(target_os = "linux")]
pub(crate) const LACKING_SOCKET_OPTIONS: &[&str] = &[];
#[cfg(not(target_os = "linux"))]
pub(crate) const LACKING_SOCKET_OPTIONS: &[&str] = &["fast_open", "defer_accept", "freebind"];

/// How often the system asks before it gives a silent client up.
const PROBES: u32 = 4;

/// Probes after `silence`, so that a client which does not answer is given up after as long again.
pub(crate) fn keepalive(silence: Duration) -> TcpKeepalive {
    let interval = (silence / PROBES).max(Duration::from_secs(1));
    TcpKeepalive::new()
        .with_time(silence.max(Duration::from_secs(1)))
        .with_interval(interval)
        .with_retries(PROBES)
}

/// Lets a restart take an address whose old connections are in TIME_WAIT.
pub(crate) fn claim_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Lets other processes listen on the same address, if they say so too.
pub(crate) fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Lets an address be bound that the machine does not have yet: `IP_FREEBIND` of ip(7).
#[cfg(target_os = "linux")]
pub(crate) fn set_freebind(socket: &Socket, v6: bool) -> io::Result<()> {
    if v6 { socket.set_freebind_v6(true) } else { socket.set_freebind_v4(true) }
}

/// Takes the first bytes of up to `queue` clients with their SYN: RFC 7413, `TCP_FASTOPEN` of tcp(7).
#[cfg(target_os = "linux")]
pub(crate) fn set_fast_open(socket: &Socket, queue: i32) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue)
}

/// Wakes the accept loop for a connection when its first bytes are there, or after `wait`: `TCP_DEFER_ACCEPT` of tcp(7).
#[cfg(target_os = "linux")]
pub(crate) fn set_defer_accept(socket: &Socket, wait: Duration) -> io::Result<()> {
    let seconds = wait.as_secs().max(1);
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, i32::try_from(seconds).unwrap_or(i32::MAX))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn set_freebind(_socket: &Socket, _v6: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn set_fast_open(_socket: &Socket, _queue: i32) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn set_defer_accept(_socket: &Socket, _wait: Duration) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "setsockopt(2), for options that socket2 does not have")]
fn set_option(socket: &Socket, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    #[expect(clippy::cast_possible_truncation, reason = "an int is no larger")]
    const SIZE: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as its owner is borrowed, and the pointer is to an int of that size.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), SIZE) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn what_linux_has_can_be_set() {
        for (domain, v6) in [(Domain::IPV4, false), (Domain::IPV6, true)] {
            let socket = Socket::new(domain, Type::STREAM, None).unwrap();
            set_reuse_port(&socket).unwrap();
            set_freebind(&socket, v6).unwrap();
            set_fast_open(&socket, 16).unwrap();
            set_defer_accept(&socket, Duration::from_millis(1)).unwrap();
            socket.set_tcp_keepalive(&keepalive(Duration::from_secs(60))).unwrap();
            assert!(socket.reuse_port().unwrap() && socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(15));
        }
    }
}
