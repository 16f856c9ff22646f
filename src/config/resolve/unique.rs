//! What no two listeners may share: a name, an address.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::called;
use crate::config::fault::Faults;
use crate::config::printable::quoted;
use crate::config::tree::Table;

/// The names and addresses of the listeners so far.
#[derive(Default)]
pub(super) struct Unique {
    names: HashSet<Arc<str>>,
    addresses: HashMap<SocketAddr, Arc<str>>,
}

impl Unique {
    /// Notes a name that another listener has.
    pub(super) fn name(&mut self, name: &Arc<str>, table: &Table, faults: &mut Faults) {
        if !name.is_empty()
            && !self.names.insert(name.clone())
            && let Some(node) = table.get("name")
        {
            faults.at(node.span.clone(), format!("another listener is called {} already", quoted(name)));
        }
    }

    /// Notes a list without addresses, and each address that is listened on already.
    pub(super) fn addresses(
        &mut self,
        name: &Arc<str>,
        addresses: &[SocketAddr],
        table: &Table,
        faults: &mut Faults,
    ) {
        let Some(node) = table.get("address").filter(|node| !node.is_faulty()) else {
            return;
        };
        if node.is_empty_list() {
            faults
                .at(node.span.clone(), "this list of addresses is empty")
                .help("write one at least: \"127.0.0.1:27015\"");
        }
        for (address, node) in addresses.iter().zip(node.items()) {
            // The system gives each listener on port 0 a port of its own.
            if address.port() == 0 {
                continue;
            }
            if let Some(other) = self.addresses.insert(*address, name.clone()) {
                faults
                    .at(node.span.clone(), format!("{} listens on {address} already", called(&other)))
                    .help("an address belongs to one listener, and stands there once");
            }
        }
    }
}
