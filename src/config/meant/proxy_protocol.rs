//! `proxy_protocol.*` as meant.

use std::fmt;

use ipnet::IpNet;

/// `proxy_protocol.*` of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyProtocolConfig {
    /// Whose connections begin with a header, always.
    pub(crate) trusted: Vec<Trusted>,
}

/// One entry of `proxy_protocol.trusted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trusted {
    /// Every peer of a Unix socket.
    Unix,
    Network(IpNet),
}

/// As the file writes it.
impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix => f.write_str("unix"),
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(f)
            }
            Self::Network(network) => network.fmt(f),
        }
    }
}
