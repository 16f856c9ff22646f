//! Who is at the other end, and at which door.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::listener::Settings;

/// An address of one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// An in-memory connection has none.
    Unnamed,
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

/// What is known of a connection when its handler starts. It does not change.
#[derive(Clone)]
pub struct Info {
    id: u64,
    /// As of accept; a reload does not change them.
    settings: Arc<Settings>,
    peer: Peer,
    local: Local,
}

impl Info {
    pub(crate) fn new(id: u64, settings: Arc<Settings>, peer: Peer, local: Local) -> Self {
        Self { id, settings, peer, local }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A number that no other connection of this process has had, counted from 1.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name of the listener that accepted the connection.
    pub fn listener(&self) -> &str {
        &self.settings.name
    }

    /// The address at the other end of the socket.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The address that the service believes it talks to.
    pub fn client(&self) -> Client {
        Client(self.peer.0)
    }

    /// The address of this end.
    pub fn local(&self) -> Local {
        self.local
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info")
            .field("id", &self.id)
            .field("listener", &self.listener())
            .field("peer", &self.peer)
            .field("local", &self.local)
            .finish()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
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
