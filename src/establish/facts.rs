//! What the layers have found out of a connection.

#[cfg(feature = "tls")]
use std::sync::OnceLock;

use super::proxy_protocol::ProxyHeader;
#[cfg(feature = "tls")]
use super::tls::TlsInfo;
use crate::listener::Client;

/// What the layers have found out of a connection before its first frame. Of a plain one there is nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Whom a trusted PROXY header names; `None` = it is the peer.
    pub(crate) client: Option<Client>,
    /// What the header says, where there was one.
    pub(crate) proxy: Option<ProxyHeader>,
    /// Set by the layer, or later where the handler begins TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: OnceLock<TlsInfo>,
}

impl Facts {
    /// Whether the connection is a proxy's own, which looks whether the service is there: nothing to tell an operator of.
    pub(crate) fn is_probe(&self) -> bool {
        self.proxy.as_ref().is_some_and(ProxyHeader::is_local)
    }
}
