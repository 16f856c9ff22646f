//! What no two listeners may share: a name, an address.

use std::collections::HashSet;
use std::sync::Arc;

use super::called;
use crate::config::fault::Faults;
use crate::config::meant::Endpoint;
use crate::config::printable::quoted;
use crate::config::source::Span;
use crate::config::tree::Table;

/// The names and addresses of the listeners so far.
#[derive(Default)]
pub(super) struct Unique {
    names: HashSet<Arc<str>>,
    addresses: Vec<(Endpoint, Arc<str>)>,
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
        addresses: &[Endpoint],
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
            if address.port() == Some(0) {
                continue;
            }
            if let Some((taken, other)) = self.addresses.iter().find(|(taken, _)| overlap(taken, address)) {
                faults.at(node.span.clone(), format!("{} listens on {taken} already", called(other))).help(
                    if taken == address {
                        "an address belongs to one listener, and stands there once"
                    } else {
                        "\":PORT\" stands for every address, 0.0.0.0 and [::] for those of their kind: use another port"
                    },
                );
            }
            self.addresses.push((address.clone(), name.clone()));
        }
    }
}

impl Unique {
    /// Notes that the admin interface would listen where a listener does.
    pub(super) fn admin(&mut self, address: &Endpoint, written: &Span, faults: &mut Faults) {
        if address.port() == Some(0) {
            return;
        }
        if let Some((taken, other)) = self.addresses.iter().find(|(taken, _)| overlap(taken, address)) {
            faults
                .at(written.clone(), format!("{} listens on {taken} already", called(other)))
                .help("the admin interface has an address of its own");
        }
    }
}

/// Whether the system would refuse the second of them. An IPv6 wildcard leaves IPv4 alone where that is listed too; what
/// a name stands for is known at the start.
fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Ip(one), Endpoint::Ip(other)) => {
            let wildcard = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() == other.port()
                && (one.ip() == other.ip() || (wildcard && one.is_ipv4() == other.is_ipv4()))
        }
        (Endpoint::Any(port), other) | (other, Endpoint::Any(port)) => other.port() == Some(*port),
        (one, other) => one == other,
    }
}
