//! Listening sockets, as `address` and `socket.*` want them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing::warn;

use super::address::ListenAddress;
use crate::config::SocketOptions;
use crate::platform::{self, SocketAccess, SocketFile};

/// A socket that listens. No runtime serves it yet; dropped, it is closed and its file removed.
pub(crate) enum Listening {
    Tcp { socket: Socket, address: SocketAddr, options: SocketOptions },
    Unix { socket: Socket, address: ListenAddress, file: Option<SocketFile> },
}

impl Listening {
    pub(crate) fn address(&self) -> ListenAddress {
        match self {
            Self::Tcp { address, .. } => ListenAddress::Tcp(*address),
            Self::Unix { address, .. } => address.clone(),
        }
    }

    /// Listens on one address of TCP. An IPv6 wildcard takes IPv4 clients too, unless `only_v6`.
    ///
    /// # Errors
    ///
    /// What socket(2), bind(2) or listen(2) said: in use, not permitted, not an address of this machine, no descriptors.
    /// An option that the system refuses is a warning, but for the one that says which clients there are.
    pub(crate) fn tcp(address: SocketAddr, only_v6: bool, options: &SocketOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            // Said explicitly: the default differs between systems.
            socket.set_only_v6(only_v6)?;
        }
        platform::claim_address(&socket)?;
        set_options(&socket, address, options);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(options.backlog)?;
        let bound = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self::Tcp { socket, address: bound, options: options.clone() })
    }

    /// Listens on a port of every address: of IPv6 and, unless `only_v6`, IPv4 with one socket, or of IPv4 alone where
    /// the system has no IPv6.
    ///
    /// # Errors
    ///
    /// As [`tcp`](Self::tcp).
    pub(crate) fn any(port: u16, only_v6: bool, options: &SocketOptions) -> io::Result<Self> {
        let every = |ip: IpAddr| SocketAddr::new(ip, port);
        match Self::tcp(every(Ipv6Addr::UNSPECIFIED.into()), only_v6, options) {
            Err(error) if platform::lacks_address(&error) && !only_v6 => {
                Self::tcp(every(Ipv4Addr::UNSPECIFIED.into()), false, options)
            }
            bound => bound,
        }
    }

    /// Listens on a Unix socket with a file; see [`SocketFile::listen`].
    ///
    /// # Errors
    ///
    /// As there, and where there is no such owner or group.
    pub(crate) fn path(path: &Path, options: &SocketOptions) -> io::Result<Self> {
        let access = access(options)?;
        let socket = unix_socket(options)?;
        let file = SocketFile::listen(&socket, path, &access, options.backlog)?;
        Ok(Self::Unix { socket, address: ListenAddress::Unix(path.to_owned()), file: Some(file) })
    }

    /// Listens on a Unix socket with a name in the kernel, which every process of the machine may connect to.
    ///
    /// # Errors
    ///
    /// What socket(2), bind(2) or listen(2) said.
    pub(crate) fn name(name: &str, options: &SocketOptions) -> io::Result<Self> {
        let socket = unix_socket(options)?;
        // unix(7): an abstract name is one that begins with a NUL.
        socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
        socket.listen(options.backlog)?;
        Ok(Self::Unix { socket, address: ListenAddress::Abstract(name.to_owned()), file: None })
    }
}

/// Options that are good to have: without one of them, the listener serves all the same.
pub(super) fn set_options(socket: &Socket, address: SocketAddr, options: &SocketOptions) {
    let set = |key: &str, result: io::Result<()>| {
        if let Err(error) = result {
            warn!(%address, key, %error, "the system refuses an option of the socket: the key does nothing");
        }
    };
    // Accepted sockets inherit these (Linux: tcp(7)), which saves system calls for each.
    set("socket.nodelay", socket.set_tcp_nodelay(options.nodelay));
    if let Some(silence) = options.keepalive {
        set("socket.keepalive", socket.set_tcp_keepalive(&platform::keepalive(silence)));
    }
    set_buffers(socket, options, &set);
    if options.reuse_port {
        set("socket.reuse_port", platform::set_reuse_port(socket));
    }
    if options.freebind {
        set("socket.freebind", platform::set_freebind(socket, address.is_ipv6()));
    }
    if let Some(queue) = options.fast_open {
        set("socket.fast_open", platform::set_fast_open(socket, queue));
    }
    if let Some(wait) = options.defer_accept {
        set("socket.defer_accept", platform::set_defer_accept(socket, wait));
    }
}

/// Before listening: a client's window is agreed on when it connects.
fn set_buffers(socket: &Socket, options: &SocketOptions, set: &impl Fn(&str, io::Result<()>)) {
    if let Some(bytes) = options.send_buffer {
        set("socket.send_buffer", socket.set_send_buffer_size(bytes));
    }
    if let Some(bytes) = options.receive_buffer {
        set("socket.receive_buffer", socket.set_recv_buffer_size(bytes));
    }
}

fn unix_socket(options: &SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    set_unix_options(&socket, options);
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// As [`set_options`].
pub(super) fn set_unix_options(socket: &Socket, options: &SocketOptions) {
    set_buffers(socket, options, &|key, result| {
        if let Err(error) = result {
            warn!(key, %error, "the system refuses an option of the socket: the key does nothing");
        }
    });
}

fn access(options: &SocketOptions) -> io::Result<SocketAccess> {
    let missing = |key: &str, what: &str, name: &str| {
        io::Error::other(format!("{key}: there is no {what} `{name}` on this machine"))
    };
    let owner = match &options.owner {
        Some(name) => Some(platform::user_id(name)?.ok_or_else(|| missing("socket.owner", "user", name))?),
        None => None,
    };
    let group = match &options.group {
        Some(name) => Some(platform::group_id(name)?.ok_or_else(|| missing("socket.group", "group", name))?),
        None => None,
    };
    Ok(SocketAccess { mode: options.mode, owner, group })
}
