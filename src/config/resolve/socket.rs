//! `socket.*`: defaults, keys that this system has not, and keys that do nothing.

use crate::config::fault::Faults;
use crate::config::meant::{Endpoint, SocketOptions};
use crate::config::source::Span;
use crate::config::tree::{Node, Table};
use crate::config::value::{Account, Timeout};
use crate::config::written;
use crate::platform;

/// The keys that only a Unix socket has a use for.
const OF_FILES: [&str; 3] = ["mode", "owner", "group"];

/// The keys that a socket has for good when it is passed on, and what its unit calls them.
const OF_THE_UNIT: [(&str, &str); 7] = [
    ("backlog", "Backlog="),
    ("reuse_port", "ReusePort="),
    ("only_v6", "BindIPv6Only="),
    ("freebind", "FreeBind="),
    ("mode", "SocketMode="),
    ("owner", "SocketUser="),
    ("group", "SocketGroup="),
];

/// The listener's own, else `[defaults]`, else built in.
pub(super) fn socket(own: &written::Socket, defaults: &written::Socket) -> SocketOptions {
    let built_in = SocketOptions::default();
    let account = |own: &Option<Account>, default: &Option<Account>| {
        own.as_ref().or(default.as_ref()).map(|account| account.0.clone())
    };
    SocketOptions {
        backlog: own.backlog.or(defaults.backlog).map_or(built_in.backlog, |backlog| backlog.0),
        nodelay: own.nodelay.or(defaults.nodelay).unwrap_or(built_in.nodelay),
        keepalive: own.keepalive.or(defaults.keepalive).map_or(built_in.keepalive, Timeout::limit),
        reuse_port: own.reuse_port.or(defaults.reuse_port).unwrap_or(built_in.reuse_port),
        only_v6: own.only_v6.or(defaults.only_v6).map_or(built_in.only_v6, |only| only.0),
        send_buffer: own.send_buffer.or(defaults.send_buffer).map_or(built_in.send_buffer, |size| size.0),
        receive_buffer: own
            .receive_buffer
            .or(defaults.receive_buffer)
            .map_or(built_in.receive_buffer, |size| size.0),
        fast_open: own.fast_open.or(defaults.fast_open).map_or(built_in.fast_open, |queue| queue.0),
        defer_accept: own
            .defer_accept
            .or(defaults.defer_accept)
            .map_or(built_in.defer_accept, Timeout::limit),
        freebind: own.freebind.or(defaults.freebind).unwrap_or(built_in.freebind),
        mode: own.mode.or(defaults.mode).map_or(built_in.mode, |mode| mode.0),
        owner: account(&own.owner, &defaults.owner),
        group: account(&own.group, &defaults.group),
    }
}

/// Notes keys that ask for what this system does not have; at its default, a key asks for nothing. `holder` is the table that
/// `socket` stands in, and `who` what that is called.
pub(super) fn check_lacking(holder: &Table, own: &written::Socket, who: &str, faults: &mut Faults) {
    let Some(table) = holder.get("socket").and_then(Node::table) else { return };
    let options = socket(own, &written::Socket::default());
    for entry in &table.entries {
        let key = entry.key.as_str();
        if platform::LACKING_SOCKET_OPTIONS.contains(&key) && asks_for(key, &options) {
            faults
                .at(
                    entry.key_span.clone(),
                    format!("{who} asks for `socket.{key}`, which this system has not"),
                )
                .help("remove the key: docs/configuration.md tells which systems have it");
        }
    }
}

/// Whether one of the keys that not every system has is at another value than its default.
fn asks_for(key: &str, options: &SocketOptions) -> bool {
    match key {
        "reuse_port" => options.reuse_port,
        "fast_open" => options.fast_open.is_some(),
        "defer_accept" => options.defer_accept.is_some(),
        "freebind" => options.freebind,
        _ => false,
    }
}

/// Warns of keys of a listener that none of its addresses has a use for.
pub(super) fn warn_of_useless(listener: &Table, endpoints: &[Endpoint], faults: &mut Faults) {
    let Some(table) = listener.get("socket").and_then(Node::table) else { return };
    let files = endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Path(_)));
    // What an activated socket is, is not known.
    let ports = endpoints.iter().any(|endpoint| !endpoint.is_unix());
    let all_activated = endpoints.iter().all(|endpoint| matches!(endpoint, Endpoint::Activated(_)));
    for entry in &table.entries {
        let key = entry.key.as_str();
        let missing = match key {
            _ if platform::LACKING_SOCKET_OPTIONS.contains(&key) => continue,
            _ if all_activated && OF_THE_UNIT.iter().any(|(ours, _)| *ours == key) => {
                warn_of_unit(key, &entry.key_span, endpoints, faults);
                continue;
            }
            _ if OF_FILES.contains(&key) => (!files).then_some("a Unix socket with a path"),
            "backlog" | "send_buffer" | "receive_buffer" => None,
            _ => (!ports).then_some("TCP"),
        };
        if let Some(missing) = missing.filter(|_| !endpoints.is_empty()) {
            faults.warn(
                entry.key_span.clone(),
                format!("`socket.{key}` is for {missing}, which this listener has not: the key does nothing"),
            );
        }
    }
}

/// Warns of a key that whoever opened the socket had to set.
fn warn_of_unit(key: &str, span: &Span, endpoints: &[Endpoint], faults: &mut Faults) {
    let unit = OF_THE_UNIT.iter().find(|(ours, _)| *ours == key).map_or("", |(_, unit)| unit);
    if !endpoints.is_empty() {
        faults.warn(
            span.clone(),
            format!("systemd opens the sockets of this listener: instead of `socket.{key}`, which does nothing, set {unit} in their unit"),
        );
    }
}
