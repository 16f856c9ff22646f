//! What the layers have found out of a connection.

use crate::listener::Client;

/// What the layers have found out of a connection before its first frame. Of a plain one there is nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Whom a trusted PROXY header names; `None` = it is the peer.
    pub(crate) client: Option<Client>,
}
