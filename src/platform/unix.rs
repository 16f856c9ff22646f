//! Unix: descriptors are few, errors are errno, sockets may have files, and a service is told what to do by signals.

mod accept_queue;
mod account;
mod activation;
mod file_id;
#[cfg(feature = "cli")]
mod identity;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod kept_file;
#[cfg(feature = "cli")]
mod manager;
#[cfg(feature = "admin")]
mod private_file;
mod process;
mod socket_file;
mod socket_options;

use std::fs::File;
#[cfg(feature = "cli")]
use std::fs::{self, Metadata};
use std::io;
#[cfg(feature = "admin")]
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
#[cfg(feature = "cli")]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
#[cfg(feature = "cli")]
use std::path::Path;

#[cfg(feature = "admin")]
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

pub(crate) use tokio::net::{UnixListener, UnixStream};

use super::Blame;
#[cfg(feature = "cli")]
use super::{Signal, Stop};
use crate::listener::Credentials;

pub(crate) use self::accept_queue::{accept_queue, accept_queue_overflows};
pub(crate) use self::account::{group_id, user_id};
pub(crate) use self::activation::{ACTIVATED_SOCKETS, activated_sockets, is_listening, unix_address};
pub(crate) use self::file_id::{FileId, file_id};
#[cfg(feature = "cli")]
pub(crate) use self::identity::{Identity, IdentityError};
#[cfg(feature = "cli")]
pub(crate) use self::manager::{has_manager, notify, watchdog};
#[cfg(feature = "admin")]
pub(crate) use self::private_file::{create_private, open_private, secrecy};
pub(crate) use self::process::{keep_figures, process_figures};
pub(crate) use self::socket_file::{LONGEST_SOCKET_PATH, SocketAccess, SocketFile};
pub(crate) use self::socket_options::{
    LACKING_SOCKET_OPTIONS, claim_address, keepalive, set_defer_accept, set_fast_open, set_freebind,
    set_reuse_port,
};

// === accept ===

/// Sorted after accept(2). Linux reports errors that are pending on the new connection as errors of `accept`; the manual
/// wants those of the network to be treated like EAGAIN: as if nobody had come.
pub(super) fn blame(errno: i32) -> Blame {
    match errno {
        libc::ECONNABORTED
        | libc::ECONNRESET
        | libc::EINTR
        // Firewall rules forbid this connection.
        | libc::EPERM
        | libc::ENETDOWN
        | libc::EPROTO
        | libc::ENOPROTOOPT
        | libc::EHOSTDOWN
        | libc::EHOSTUNREACH
        | libc::EOPNOTSUPP
        | libc::ENETUNREACH => Blame::Connection,
        #[cfg(any(target_os = "linux", target_os = "android"))]
        libc::ENONET => Blame::Connection,
        libc::EBADF | libc::EINVAL | libc::ENOTSOCK => Blame::Listener,
        _ => Blame::Ours,
    }
}

pub(super) fn is_out_of_descriptors(errno: i32) -> bool {
    matches!(errno, libc::EMFILE | libc::ENFILE)
}

// === descriptors ===

/// The soft limit on descriptors of this process; `None` where it is unlimited or can't be read.
pub(crate) fn descriptor_limit() -> Option<usize> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft == RLIM_INFINITY { None } else { usize::try_from(soft).ok() }
}

/// Raises the soft limit on descriptors to the hard one, which every process may do.
///
/// The soft limit is 1024 nearly everywhere for the sake of select(2), which nothing here uses. `None` says that the
/// limit can't be read or is the system's secret.
#[cfg(feature = "cli")]
pub(crate) fn raise_descriptor_limit() -> Option<super::DescriptorLimit> {
    let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if before < hard {
        // macOS refuses a soft limit beyond a figure of its own, though the hard one is unlimited; then it stays.
        let _ = nix::sys::resource::setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let (now, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some(super::DescriptorLimit { before, now })
}

/// A descriptor held back for the time when there is none left: given up, it lets one peer be accepted and turned away.
#[derive(Debug)]
pub(crate) struct Spare(Option<File>);

impl Spare {
    /// Takes a descriptor, if there is one.
    pub(crate) fn new() -> Self {
        Self(open())
    }

    /// Gives the descriptor back to the system; `false` if it was gone.
    pub(crate) fn release(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Takes a descriptor again; `false` if there is none to be had.
    pub(crate) fn refill(&mut self) -> bool {
        if self.0.is_none() {
            self.0 = open();
        }
        self.0.is_some()
    }
}

fn open() -> Option<File> {
    File::open("/dev/null").ok()
}

// === files ===

/// What is for whoever administers the system to write, and for a service to read (Filesystem Hierarchy Standard).
pub(crate) const NOT_FOR_SERVICES: [&str; 2] = ["/etc", "/usr/local/etc"];

/// Where the service keeps what it makes: `StateDirectory` of its unit.
pub(crate) const STATE: Option<&str> = Some("/var/lib/terima");

// === sockets ===

/// Whether a listener can have a path for its address.
pub(crate) const UNIX_SOCKETS: bool = true;

/// Whether Unix sockets can have a name without a file.
pub(crate) const ABSTRACT_SOCKETS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Hands a listening Unix socket to the runtime that this is called on.
pub(crate) fn unix_listener(socket: socket2::Socket) -> io::Result<UnixListener> {
    UnixListener::from_std(socket.into())
}

/// Connects to a Unix socket with a file.
#[cfg(feature = "cli")]
pub(crate) async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

/// Whether somebody waits to be accepted at a listening socket.
#[cfg(feature = "admin")]
pub(crate) fn is_waited_at(socket: &impl AsFd) -> bool {
    let mut asked = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    // Where that can't be told, accepting will.
    poll(&mut asked, PollTimeout::ZERO).map_or(true, |ready| ready > 0)
}

/// Who is at the other end of a Unix socket.
pub(crate) fn credentials(stream: &UnixStream) -> Option<Credentials> {
    let peer = stream.peer_cred().ok()?;
    Some(Credentials { user: peer.uid(), group: peer.gid(), process: peer.pid() })
}

/// Whether a socket could not be bound since this machine does not have the address, or nothing of its family.
pub(super) fn lacks_family(errno: i32) -> bool {
    errno == libc::EAFNOSUPPORT
}

/// Whether the peer's system has acknowledged everything that was written to a TCP socket; `None` where that can't be told.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "ioctl(2)")]
pub(crate) fn is_acknowledged(socket: &impl AsRawFd) -> Option<bool> {
    let mut waiting: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as its owner is borrowed, and SIOCOUTQ (tcp(7)), which is TIOCOUTQ by another
    // name, writes one int to where the pointer says.
    let asked = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut waiting) };
    (asked == 0).then_some(waiting == 0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_acknowledged(_socket: &impl AsRawFd) -> Option<bool> {
    None
}

// === the command ===

/// Whether a process can become another user.
pub(crate) const CHANGES_USER: bool = true;

/// What to do where a socket may not be bound.
#[cfg(feature = "cli")]
pub(crate) const PERMISSION_REMEDY: &str = "a port below 1024 needs the capability CAP_NET_BIND_SERVICE \
     (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE) or a lower net.ipv4.ip_unprivileged_port_start; \
     any other port may be forbidden by SELinux or AppArmor";

/// How to find out who holds a port, where this process may not see it.
#[cfg(feature = "cli")]
pub(crate) const HOLDER_REMEDY: &str = if cfg!(any(target_os = "linux", target_os = "android")) {
    "`ss -ltnp` tells root who holds it"
} else {
    "`lsof -nP -iTCP -sTCP:LISTEN` tells root who holds it"
};

/// Opens a file to append to; a new one is readable for its owner and group.
///
/// # Errors
///
/// As open(2); and where the path is a symbolic link, unless those are followed.
#[cfg(feature = "cli")]
pub(crate) fn append(path: &Path, follow_links: bool) -> io::Result<File> {
    let flags = if follow_links { 0 } else { libc::O_NOFOLLOW };
    let opened = File::options().append(true).create(true).mode(0o640).custom_flags(flags).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) if !follow_links => io::Error::other(
            "it is a symbolic link, which may lead anywhere as long as the process is root: name the file itself",
        ),
        _ => error,
    })
}

/// Whether an open file is the one that has this path now.
#[cfg(feature = "cli")]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let same = |open: Metadata, found: Metadata| (open.dev(), open.ino()) == (found.dev(), found.ino());
    file.metadata().is_ok_and(|open| fs::metadata(path).is_ok_and(|found| same(open, found)))
}

/// Whether a terminal here understands escape sequences.
#[cfg(feature = "cli")]
pub(crate) fn terminal_knows_colour() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}

/// Whether somebody may read what is written to standard error.
#[cfg(feature = "cli")]
pub(crate) fn has_standard_error() -> bool {
    true
}

/// The signals that a service understands; they are caught from `install` on.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    user_1: tokio::signal::unix::Signal,
    user_2: tokio::signal::unix::Signal,
}

#[cfg(feature = "cli")]
impl Signals {
    /// Catches the signals; must be called on a runtime.
    pub(crate) fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        let stop = |name| Signal::Stop(Stop { name, within: None });
        tokio::select! {
            _ = self.terminate.recv() => stop("SIGTERM"),
            _ = self.interrupt.recv() => stop("SIGINT"),
            _ = self.hang_up.recv() => Signal::Reopen,
            _ = self.user_1.recv() => Signal::MoreDetail,
            _ = self.user_2.recv() => Signal::ConfiguredDetail,
        }
    }
}

/// Errors of `accept`, by whose problem they are.
#[cfg(feature = "testing")]
pub(crate) mod accept_errors {
    pub(crate) const CONNECTION: &[i32] = &[
        libc::ECONNABORTED,
        libc::ECONNRESET,
        libc::EINTR,
        libc::EPERM,
        libc::ENETDOWN,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::EOPNOTSUPP,
        libc::ENETUNREACH,
    ];
    pub(crate) const LISTENER: &[i32] = &[libc::EBADF, libc::EINVAL, libc::ENOTSOCK];
    #[cfg(test)]
    pub(crate) const OURS: &[i32] =
        &[libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EAGAIN, libc::EIO, 0, i32::MAX];
    pub(crate) const OUT_OF_DESCRIPTORS: i32 = libc::EMFILE;
    pub(crate) const OUT_OF_MEMORY: i32 = libc::ENOMEM;
}

#[cfg(test)]
mod tests {
    use crate::platform::{accept_error, out_of_descriptors};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_machine_off_the_network_is_the_connections_problem() {
        assert_eq!(accept_error(&io::Error::from_raw_os_error(libc::ENONET)), Blame::Connection);
    }

    #[test]
    fn only_two_errors_say_that_descriptors_are_out() {
        for (errno, expected) in
            [(libc::EMFILE, true), (libc::ENFILE, true), (libc::ENOBUFS, false), (libc::ENOMEM, false)]
        {
            assert_eq!(out_of_descriptors(&io::Error::from_raw_os_error(errno)), expected, "errno {errno}");
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_descriptor_limit_only_grows() {
        let before = descriptor_limit();
        if let Some(limit) = raise_descriptor_limit() {
            assert!(limit.now >= limit.before);
        }
        assert!(descriptor_limit().is_none_or(|now| before.is_some_and(|before| now >= before)));
    }
}
