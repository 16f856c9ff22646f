//! What the layers have found out of a connection.

#[cfg(feature = "tls")]
use std::sync::OnceLock;

#[cfg(feature = "tls")]
use super::tls::TlsInfo;
use crate::listener::Client;

/// What the layers have found out of a connection before its first frame. Of a plain one there is nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Whom a trusted PROXY header names; `None` = it is the peer.
    pub(crate) client: Option<Client>,
    /// Set by the layer, or later where the handler begins TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: OnceLock<TlsInfo>,
}
