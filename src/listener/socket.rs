//! A listening socket on a runtime, or what stands in for one in a test.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use tokio::net::TcpListener;

use super::address::{Address, Local, Peer};
use crate::config::SocketOptions;
use crate::establish::Stream;
use crate::platform::{self, AcceptQueue, SocketFile, UnixListener};

/// A connection as the kernel handed it over.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) local: Local,
}

/// Something that connections can be accepted from. It may fail; [`Listener`](super::Listener) sorts the errors.
pub(crate) trait Socket: Send + Sync + 'static {
    /// Accepts one connection. Cancel safe: a dropped call has taken none.
    ///
    /// # Errors
    ///
    /// As accept(2).
    fn accept(&self) -> impl Future<Output = io::Result<Accepted>> + Send;
}

/// A TCP listening socket.
pub(crate) struct TcpSocket {
    listener: Arc<TcpListener>,
    bound: SocketAddr,
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "accepted sockets inherit them"))]
    options: SocketOptions,
}

impl TcpSocket {
    /// Hands a socket to the runtime that this is called on.
    pub(crate) fn new(
        socket: socket2::Socket,
        bound: SocketAddr,
        options: SocketOptions,
    ) -> io::Result<Self> {
        Ok(Self { listener: Arc::new(TcpListener::from_std(socket.into())?), bound, options })
    }

    /// Whether somebody waits to be accepted.
    #[cfg(feature = "admin")]
    pub(crate) fn is_waited_at(&self) -> bool {
        platform::is_waited_at(&*self.listener)
    }

    /// Lets somebody else look at what waits to be accepted.
    pub(crate) fn queue(&self) -> Queue {
        Queue(Arc::downgrade(&self.listener))
    }
}

/// What waits at a TCP listening socket. It does not keep the socket open.
#[derive(Debug)]
pub(crate) struct Queue(Weak<TcpListener>);

impl Queue {
    /// `None` where the system does not tell, or the socket is closed.
    pub(crate) fn look(&self) -> Option<AcceptQueue> {
        platform::accept_queue(&*self.0.upgrade()?)
    }
}

#[cfg(not(target_os = "linux"))]
impl TcpSocket {
    /// What an accepted socket may not have from the listening one. Its failure is the connection's problem, and shows at
    /// the first read.
    fn set_options(&self, stream: &tokio::net::TcpStream) {
        let _ = stream.set_nodelay(self.options.nodelay);
        if let Some(silence) = self.options.keepalive {
            let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&platform::keepalive(silence));
        }
    }
}

impl Socket for TcpSocket {
    async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self.listener.accept().await?;
        // Only a wildcard address leaves open which one the client took: that costs a system call.
        let local = if self.bound.ip().is_unspecified() {
            stream.local_addr().unwrap_or(self.bound)
        } else {
            self.bound
        };
        #[cfg(not(target_os = "linux"))]
        self.set_options(&stream);
        Ok(Accepted {
            stream: Stream::Tcp(stream),
            peer: Peer(canonical(peer)),
            local: Local(canonical(local)),
        })
    }
}

/// One spelling for one address: what an IPv6 socket calls `::ffff:192.0.2.1` is the IPv4 address 192.0.2.1.
fn canonical(address: SocketAddr) -> Address {
    Address::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// A Unix listening socket.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    /// Removed with it.
    _file: Option<SocketFile>,
}

impl UnixSocket {
    /// Hands a socket to the runtime that this is called on.
    pub(crate) fn new(socket: socket2::Socket, file: Option<SocketFile>) -> io::Result<Self> {
        Ok(Self { listener: platform::unix_listener(socket)?, _file: file })
    }

    /// Whether somebody waits to be accepted.
    #[cfg(feature = "admin")]
    pub(crate) fn is_waited_at(&self) -> bool {
        platform::is_waited_at(&self.listener)
    }
}

impl Socket for UnixSocket {
    async fn accept(&self) -> io::Result<Accepted> {
        let (stream, _) = self.listener.accept().await?;
        let peer = Peer(Address::Unix(platform::credentials(&stream)));
        Ok(Accepted { stream: Stream::Boxed(Box::new(stream)), peer, local: Local(Address::Unix(None)) })
    }
}
