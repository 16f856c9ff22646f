//! What a PROXY header says.

use std::net::SocketAddr;

use super::tlv::{self, Tlvs};
use crate::listener::{Address, Client};

/// What a proxy tells of the connection that it passes on, in the header before the client's first byte;
/// [`Info::proxy`](crate::Info::proxy).
///
/// By the [specification](https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt) there are two forms of it: a line of
/// text (version 1), which has the addresses, and a binary one (version 2), which may have more. A header can be made, too,
/// for a server that a handler connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader {
    pub(super) version: ProxyVersion,
    pub(super) local: bool,
    pub(super) datagram: bool,
    pub(super) addresses: ProxyAddresses,
    /// Whole, and checked: what cannot be read is not here.
    pub(super) tlvs: Vec<u8>,
}

/// The form of a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// The ends of the connection that a proxy passes on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyAddresses {
    /// The proxy does not know them, or the connection is its own.
    Unknown,
    /// Of IPv4 or IPv6.
    Ip {
        /// The client.
        source: SocketAddr,
        /// What the client connected to.
        destination: SocketAddr,
    },
    /// Paths of Unix sockets on the proxy's machine, without what fills them up. A client's is empty most of the time; one
    /// that begins with a NUL is a name in the kernel.
    Unix {
        /// The client.
        source: Vec<u8>,
        /// What the client connected to.
        destination: Vec<u8>,
    },
}

/// What the proxy knows of the TLS between the client and itself; [`ProxyHeader::ssl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxySsl<'a> {
    pub(super) client: u8,
    pub(super) verify: u32,
    pub(super) parts: &'a [u8],
}

impl ProxyHeader {
    /// A header of version 2 for a connection with these ends.
    pub fn new(addresses: ProxyAddresses) -> Self {
        Self { version: ProxyVersion::V2, local: false, datagram: false, addresses, tlvs: Vec::new() }
    }

    /// A header of version 2 for a connection of the proxy's own, as for a health check.
    pub fn local() -> Self {
        Self { local: true, ..Self::new(ProxyAddresses::Unknown) }
    }

    /// In which form it came.
    pub fn version(&self) -> ProxyVersion {
        self.version
    }

    /// Whether the connection is the proxy's own, as for a health check, and passed on for nobody. Only version 2 tells.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Whether the proxy makes this connection of datagrams, as of UDP.
    pub fn is_datagram(&self) -> bool {
        self.datagram
    }

    /// Both ends of the connection that the proxy passes on.
    pub fn addresses(&self) -> &ProxyAddresses {
        &self.addresses
    }

    /// The address of the client, where it is one of IP.
    pub fn source(&self) -> Option<SocketAddr> {
        match self.addresses {
            ProxyAddresses::Ip { source, .. } => Some(source),
            _ => None,
        }
    }

    /// What the client connected to, where it is an address of IP.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.addresses {
            ProxyAddresses::Ip { destination, .. } => Some(destination),
            _ => None,
        }
    }

    /// What is spoken over the connection, as ALPN calls it: `h2`, `http/1.1`.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tlv(tlv::ALPN)
    }

    /// The host's name that the client wants, with TLS that of its SNI. `None` too where it is not UTF-8.
    pub fn authority(&self) -> Option<&str> {
        text(self.tlv(tlv::AUTHORITY))
    }

    /// By what the proxy's log calls the connection: at most 128 bytes.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.tlv(tlv::UNIQUE_ID)
    }

    /// The network namespace that the client came through. `None` too where it is not UTF-8.
    pub fn netns(&self) -> Option<&str> {
        text(self.tlv(tlv::NETNS))
    }

    /// The TLS between the client and the proxy.
    pub fn ssl(&self) -> Option<ProxySsl<'_>> {
        // It was read once, and is right.
        self.tlv(tlv::SSL).and_then(|value| tlv::ssl(value).ok())
    }

    /// The value of the first TLV of this kind; of a cloud's own, or one that has no name here.
    pub fn tlv(&self, kind: u8) -> Option<&[u8]> {
        self.tlvs().find(|(of, _)| *of == kind).map(|(_, value)| value)
    }

    /// All TLVs, kind and value, in their order. What only fills up is left out.
    pub fn tlvs(&self) -> impl Iterator<Item = (u8, &[u8])> {
        Tlvs::new(&self.tlvs).filter_map(Result::ok).filter(|(kind, _)| *kind != tlv::NOOP)
    }

    /// Whom it names: nobody, where the connection is the proxy's own or the client has no address of its own.
    pub(super) fn client(&self) -> Option<Client> {
        match self.addresses {
            // One spelling for one address, as for the listener's own.
            ProxyAddresses::Ip { source, .. } => {
                Some(Client(Address::Tcp(SocketAddr::new(source.ip().to_canonical(), source.port()))))
            }
            ProxyAddresses::Unix { .. } => Some(Client(Address::Unix(None))),
            ProxyAddresses::Unknown => None,
        }
    }
}

impl<'a> ProxySsl<'a> {
    /// Whether the client speaks TLS with the proxy.
    pub fn is_tls(self) -> bool {
        self.client & 0x01 != 0
    }

    /// Whether the client showed a certificate in this connection.
    pub fn has_certificate(self) -> bool {
        self.client & 0x02 != 0
    }

    /// Whether the client showed a certificate in this connection, or in the earlier one that this goes on with.
    pub fn had_certificate(self) -> bool {
        self.client & 0x04 != 0
    }

    /// Whether the client showed a certificate, and it is good.
    pub fn is_verified(self) -> bool {
        self.verify == 0 && self.client & (0x02 | 0x04) != 0
    }

    /// The version: `TLSv1.3`.
    pub fn version(self) -> Option<&'a str> {
        text(self.part(tlv::SSL_VERSION))
    }

    /// The cipher: `TLS_AES_256_GCM_SHA384`.
    pub fn cipher(self) -> Option<&'a str> {
        text(self.part(tlv::SSL_CIPHER))
    }

    /// The common name in the client's certificate.
    pub fn common_name(self) -> Option<&'a str> {
        text(self.part(tlv::SSL_CN))
    }

    /// What the proxy's certificate was signed with: `RSA-SHA256`.
    pub fn signature_algorithm(self) -> Option<&'a str> {
        text(self.part(tlv::SSL_SIG_ALG))
    }

    /// What the key of the proxy's certificate is: `RSA2048`.
    pub fn key_algorithm(self) -> Option<&'a str> {
        text(self.part(tlv::SSL_KEY_ALG))
    }

    /// The value of the first part of this kind.
    pub fn part(self, kind: u8) -> Option<&'a [u8]> {
        Tlvs::new(self.parts).filter_map(Result::ok).find(|(of, _)| *of == kind).map(|(_, value)| value)
    }
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok())
}
