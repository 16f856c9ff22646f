//! The PROXY protocol: what stands before the client's first byte where a proxy passes the connection on.
//!
//! From a peer that is trusted the header is required, from any other it is not looked for. It is never guessed: whoever may
//! write a header may say that he is anybody. No byte is read that does not belong to it, so that what follows is left where it
//! is, and the socket can be given away.

mod encode;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod header;
mod parse;
#[cfg(test)]
mod tests;
mod tlv;
mod v1;
mod v2;

use std::io;

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncReadExt;

pub use self::encode::ProxyTlvError;
pub(crate) use self::error::HeaderError;
pub use self::header::{ProxyAddresses, ProxyHeader, ProxySsl, ProxyVersion};
use self::parse::{Parsed, parse};
pub(super) use self::v2::SIGNATURE;
use super::layer::{Layer, Layered, Step, TakeOff};
use super::stream::Stream;
use crate::config::{ProxyProtocolConfig, Trusted};
use crate::listener::{Address, Peer};

/// As many bytes of a header are received at once, at most: memory is for what has arrived, not for what is announced.
const AT_ONCE: usize = 4096;

/// The layer of a listener that has `proxy_protocol.trusted`.
#[derive(Debug)]
pub(crate) struct ProxyProtocol {
    trusted: Vec<Trusted>,
}

impl ProxyProtocol {
    pub(crate) fn new(config: &ProxyProtocolConfig) -> Self {
        Self { trusted: config.trusted.clone() }
    }

    /// Whether this peer's connections begin with a header.
    pub(crate) fn expects(&self, peer: Peer) -> bool {
        self.trusted.iter().any(|trusted| match (trusted, peer.0) {
            (Trusted::Unix, Address::Unix(_)) => true,
            (Trusted::Network(network), Address::Tcp(address)) => network.contains(&address.ip()),
            _ => false,
        })
    }
}

impl Layer for ProxyProtocol {
    fn step(&self) -> Step {
        Step::Proxy
    }

    fn names_client(&self, peer: Peer) -> bool {
        self.expects(peer)
    }

    fn take_off(&self, mut layered: Layered) -> TakeOff<'_> {
        Box::pin(async move {
            if self.expects(layered.peer) {
                let header = read(&mut layered.stream).await?;
                layered.facts.client = header.client();
                layered.facts.proxy = Some(header);
            }
            Ok(layered)
        })
    }
}

/// Why a trusted peer's header did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("no PROXY header: the connection ended after {0} bytes of it")]
    Truncated(usize),
    /// As whoever only looks whether somebody listens.
    #[error("the peer closed before it sent anything")]
    Left,
    #[error("no PROXY header")]
    Io(#[source] io::Error),
}

/// Reads a header, and not a byte more.
async fn read(stream: &mut Stream) -> Result<ProxyHeader, ProxyError> {
    let mut bytes = BytesMut::new();
    loop {
        let more = match parse(&bytes)? {
            Parsed::Complete(header, _) => return Ok(header),
            Parsed::Incomplete(more) => more.min(AT_ONCE),
        };
        bytes.reserve(more);
        match stream.read_buf(&mut (&mut bytes).limit(more)).await {
            Ok(0) if bytes.is_empty() => return Err(ProxyError::Left),
            Ok(0) => return Err(ProxyError::Truncated(bytes.len())),
            Ok(_) => {}
            Err(_) if bytes.is_empty() => return Err(ProxyError::Left),
            Err(error) => return Err(ProxyError::Io(error)),
        }
    }
}
