//! `proxy_protocol.*`: defaults, and entries that nobody can be.

use crate::config::fault::Faults;
use crate::config::meant::{Endpoint, ProxyProtocolConfig};
use crate::config::tree::{Node, Table};
use crate::config::written;

/// The listener's own, else that of `[defaults]`, else none.
pub(super) fn proxy_protocol(
    own: &written::Listener,
    defaults: &written::Defaults,
    table: &Table,
    endpoints: &[Endpoint],
    faults: &mut Faults,
) -> Option<ProxyProtocolConfig> {
    if let Some(own) = &own.proxy_protocol {
        check(own, table, faults);
        warn_of_nobody(table, endpoints, faults);
    }
    let written = own.proxy_protocol.as_ref().or(defaults.proxy_protocol.as_ref())?;
    Some(ProxyProtocolConfig { trusted: written.trusted.clone()? })
}

/// Says what is wrong in `[defaults]` there, and once.
pub(super) fn check_defaults(defaults: &written::Defaults, root: &Table, faults: &mut Faults) {
    if let (Some(written), Some(table)) =
        (&defaults.proxy_protocol, root.get("defaults").and_then(Node::table))
    {
        check(written, table, faults);
    }
}

/// Nobody is trusted unless it is said who.
fn check(written: &written::ProxyProtocol, holder: &Table, faults: &mut Faults) {
    const HELP: &str = "name the proxies, whose connections all have the header: trusted = [\"10.0.0.0/8\"]; or remove the key";
    if let Some(node) = holder.at(&["proxy_protocol", "trusted"]) {
        if node.is_empty_list() {
            faults.at(node.span.clone(), "this list of trusted peers is empty").help(HELP);
        }
    } else if let (None, Some(node)) = (&written.trusted, holder.get("proxy_protocol")) {
        faults.absent(node.span.clone(), "`proxy_protocol` has no `trusted`").help(HELP);
    }
}

/// Warns of entries that no peer of the listener can be.
fn warn_of_nobody(table: &Table, endpoints: &[Endpoint], faults: &mut Faults) {
    let Some(list) = table.at(&["proxy_protocol", "trusted"]) else { return };
    // What an activated socket is, is not known.
    let ip = endpoints.iter().any(|endpoint| !endpoint.is_unix());
    let unix = endpoints.iter().any(|endpoint| endpoint.port().is_none());
    for node in list.items().filter(|node| !node.is_faulty()) {
        let missing = match node.text() {
            Some("unix") => (!unix).then_some("a Unix socket"),
            Some(_) => (!ip).then_some("an address of IP"),
            None => None,
        };
        if let Some(missing) = missing.filter(|_| !endpoints.is_empty()) {
            faults.warn(
                node.span.clone(),
                format!("this listener has not {missing}: nobody who connects is this peer"),
            );
        }
    }
}
