//! Addresses by their role, so that one cannot be taken for another.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a listener listens: with port 0 in the file, the port that the system chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListenAddress {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix socket with a file.
    Unix(PathBuf),
    /// A Unix socket with a name in the kernel (Linux).
    Abstract(String),
}

/// An address of one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix socket. The client's end has no address; who it is stands here, where the system tells.
    Unix(Option<Credentials>),
    /// An in-memory connection has none.
    Unnamed,
}

/// Who connected to a Unix socket, as the kernel saw it then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Credentials {
    /// The number of the user.
    pub user: u32,
    /// The number of the group.
    pub group: u32,
    /// The number of the process, where the system tells.
    pub process: Option<i32>,
}

/// The address at the other end of the socket. Behind a proxy it is the proxy's; see [`Client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub Address);

/// The address that the service believes it talks to. It is the [`Peer`]'s unless a trusted PROXY header says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(pub Address);

/// The address of this end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Local(pub Address);

impl ListenAddress {
    /// The address, where it is one of TCP.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::Abstract(_) => None,
        }
    }
}

/// As `server.toml` writes it.
impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(None) => f.write_str("unix"),
            Self::Unix(Some(Credentials { user, process: Some(process), .. })) => {
                write!(f, "unix:uid={user},pid={process}")
            }
            Self::Unix(Some(Credentials { user, .. })) => write!(f, "unix:uid={user}"),
            Self::Unnamed => f.write_str("unnamed"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
