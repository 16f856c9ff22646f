//! What waits to be accepted.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use self::linux::keep;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use self::linux::{accept_queue, accept_queue_overflows};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use self::others::keep;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use self::others::{accept_queue, accept_queue_overflows};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::os::fd::AsRawFd;

    use crate::platform::AcceptQueue;
    use crate::platform::unix::kept_file::KeptFile;

    static NETSTAT: KeptFile = KeptFile::new("/proc/self/net/netstat");

    /// Opens what figures are read from, for the time when there is no descriptor left.
    pub(crate) fn keep() {
        NETSTAT.open();
    }

    /// The accept queue of a listening TCP socket.
    #[expect(unsafe_code, reason = "getsockopt(2), for an option that socket2 does not have")]
    pub(crate) fn accept_queue(socket: &impl AsRawFd) -> Option<AcceptQueue> {
        #[expect(clippy::cast_possible_truncation, reason = "some hundred bytes")]
        const SIZE: libc::socklen_t = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: all fields are numbers, of which 0 is one.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut size = SIZE;
        // SAFETY: the descriptor is open as long as its owner is borrowed, the pointers are to a `tcp_info` and to its size,
        // and an older kernel writes less than that.
        let asked = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut size,
            )
        };
        // Of a socket that listens, tcp_get_info() of the kernel puts the queue and its limit into these two.
        (asked == 0).then_some(AcceptQueue { waiting: info.tcpi_unacked, limit: info.tcpi_sacked })
    }

    /// How many clients have come, to any socket of this network namespace, while an accept queue was full.
    pub(crate) fn accept_queue_overflows() -> Option<u64> {
        find(&NETSTAT.read()?, "TcpExt", "ListenOverflows")
    }

    /// A figure of proc_pid_net(5)'s netstat: a line of names, then a line of numbers, both begin with the group.
    fn find(text: &str, group: &str, name: &str) -> Option<u64> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(": "));
        let place = lines.next()?.split(' ').position(|known| known == name)?;
        lines.next()?.split(' ').nth(place)?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use std::net::{TcpListener, TcpStream};

        use super::*;

        #[test]
        fn the_queue_of_a_socket_that_nobody_accepts_from() {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            assert_eq!(accept_queue(&socket).map(|queue| queue.waiting), Some(0));
            let address = socket.local_addr().unwrap();
            // Connected is established: the queue has it.
            let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
            let queue = accept_queue(&socket).unwrap();
            assert_eq!(queue.waiting, 3);
            assert!(queue.limit >= 3, "{queue:?}");
            drop(socket.accept().unwrap());
            assert_eq!(accept_queue(&socket).map(|queue| queue.waiting), Some(2));
            drop(clients);
        }

        #[test]
        fn what_is_no_tcp_socket_has_none() {
            let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
            assert_eq!(accept_queue(&one), None);
        }

        #[test]
        fn figures_stand_under_their_names() {
            let text = "TcpExt: A ListenOverflows B\nTcpExt: 1 23 4\nIpExt: ListenOverflows\nIpExt: 5\n";
            for (group, name, expected) in [
                ("TcpExt", "ListenOverflows", Some(23)),
                ("IpExt", "ListenOverflows", Some(5)),
                ("TcpExt", "Listen", None),
                ("Tcp", "ListenOverflows", None),
            ] {
                assert_eq!(find(text, group, name), expected, "{group} {name}");
            }
            assert!(accept_queue_overflows().is_some());
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod others {
    use std::os::fd::AsRawFd;

    use crate::platform::AcceptQueue;

    pub(crate) fn keep() {}

    pub(crate) fn accept_queue(_socket: &impl AsRawFd) -> Option<AcceptQueue> {
        None
    }

    pub(crate) fn accept_queue_overflows() -> Option<u64> {
        None
    }
}
