//! What the layers have found out of a connection.

use super::proxy_protocol::ProxyHeader;
use crate::listener::Client;

/// What the layers have found out of a connection before its first frame. Of a plain one there is nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Whom a trusted PROXY header names; `None` = it is the peer.
    pub(crate) client: Option<Client>,
    /// What the header says, where there was one.
    pub(crate) proxy: Option<ProxyHeader>,
}

impl Facts {
    /// Whether the connection is a proxy's own, which looks whether the service is there: nothing to tell an operator of.
    pub(crate) fn is_probe(&self) -> bool {
        self.proxy.as_ref().is_some_and(ProxyHeader::is_local)
    }
}
