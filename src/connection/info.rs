//! What is known of a connection when its handler starts.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::settings::Settings;
use crate::establish::{Facts, ProxyHeader};
use crate::listener::{Client, Compact, Local, Peer};

/// What is known of a connection when its handler starts. It does not change.
#[derive(Clone)]
pub struct Info {
    id: u64,
    /// As of accept; a reload does not change them.
    settings: Arc<Settings>,
    peer: Compact,
    local: Compact,
    /// Set once, before the handler starts; a plain connection has none.
    facts: OnceLock<Arc<Facts>>,
}

impl Info {
    pub(crate) fn new(id: u64, settings: Arc<Settings>, peer: Peer, local: Local) -> Self {
        Self { id, settings, peer: peer.0.into(), local: local.0.into(), facts: OnceLock::new() }
    }

    /// Notes what the layers have found out.
    pub(super) fn establish(&self, facts: Facts) {
        // They are taken off once.
        let _ = self.facts.set(Arc::new(facts));
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
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
        Peer(self.peer.into())
    }

    /// The address that the service believes it talks to.
    pub fn client(&self) -> Client {
        self.facts.get().and_then(|facts| facts.client).unwrap_or(Client(self.peer.into()))
    }

    /// What the PROXY header says, where the listener trusts the peer to send one.
    pub fn proxy(&self) -> Option<&ProxyHeader> {
        self.facts.get().and_then(|facts| facts.proxy.as_ref())
    }

    /// Whether somebody only looks whether the service is there.
    pub(crate) fn is_probe(&self) -> bool {
        self.facts.get().is_some_and(|facts| facts.is_probe())
    }

    /// The address of this end.
    pub fn local(&self) -> Local {
        Local(self.local.into())
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info")
            .field("id", &self.id)
            .field("listener", &self.listener())
            .field("peer", &self.peer())
            .field("local", &self.local())
            .finish()
    }
}
