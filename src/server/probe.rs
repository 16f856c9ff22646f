//! A server under test: its sockets follow a script, the ends of its connections are told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::bind::{Bound, BoundListener};
use super::{Ready, Server, StartError};
use crate::config::Endpoint;
use crate::connection::OnEnd;
use crate::listener::Script;

/// What a test has in a listener.
pub(crate) struct Probe {
    /// What the listener's sockets answer before anything else.
    pub(crate) script: Script,
    pub(crate) on_end: OnEnd,
}

impl Ready {
    /// Starts it on loopback, each address of TCP at a port of the system's choice, with a probe in each listener and without
    /// the admin interface.
    pub(crate) async fn start_probed(
        mut self,
        mut probe: impl FnMut(&str) -> Probe,
    ) -> Result<Server, StartError> {
        // Nobody else has the configuration before the start.
        if let Some(config) = Arc::get_mut(&mut self.config) {
            config.admin = None;
        }
        for listener in &mut self.listeners {
            listener.addresses.iter_mut().for_each(confine);
            listener.probe = Some(probe(&listener.name));
        }
        self.start().await
    }

    /// Starts it without any socket: only the script brings connections.
    pub(crate) fn start_unbound(self, mut probe: impl FnMut(&str) -> Probe) -> Result<Server, StartError> {
        let listeners = self.listeners.into_iter().map(|mut ready| {
            ready.probe = Some(probe(&ready.name));
            BoundListener::new(ready, Vec::new())
        });
        Bound {
            config: self.config,
            listeners: listeners.collect::<Result<_, _>>()?,
            once: self.once,
            #[cfg(feature = "admin")]
            admin: None,
            #[cfg(feature = "admin")]
            admin_address: None,
        }
        .serve()
    }
}

/// Keeps an address to this machine, and leaves its port to the system: the file of a service that runs can be tested as it
/// is. So can that of one whose sockets systemd opens.
fn confine(endpoint: &mut Endpoint) {
    let ip: IpAddr = match endpoint {
        Endpoint::Ip(address) if address.is_ipv6() => Ipv6Addr::LOCALHOST.into(),
        Endpoint::Ip(_) | Endpoint::Any(_) | Endpoint::Name { .. } | Endpoint::Activated(_) => {
            Ipv4Addr::LOCALHOST.into()
        }
        Endpoint::Path(_) | Endpoint::Abstract(_) => return,
    };
    *endpoint = Endpoint::Ip(SocketAddr::new(ip, 0));
}
