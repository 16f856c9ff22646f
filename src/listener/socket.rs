//! A listening socket, or what stands in for one in a test.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::address::{Address, Local, Peer};
use crate::establish::Stream;

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
    listener: TcpListener,
    bound: SocketAddr,
}

impl TcpSocket {
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        let bound = listener.local_addr()?;
        Ok(Self { listener, bound })
    }

    /// Where it listens: with port 0, the port that the system chose.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
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
        // Its failure is the connection's problem, and shows at the first read.
        let _ = stream.set_nodelay(true);
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
