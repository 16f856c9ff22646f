//! `limits.*`: defaults, and what no key alone can tell.

use crate::config::fault::Faults;
use crate::config::meant::{Limits, ListenerConfig, MaxBuffered, MaxConnections, ServerConfig, WhenFull};
use crate::config::tree::{Node, Table};
use crate::config::value::Size;
use crate::config::written;

/// The listener's own, else `[defaults]`, else built in.
pub(super) fn limits(own: &written::Limits, defaults: Option<&written::Limits>) -> Limits {
    let none = written::Limits::default();
    let defaults = defaults.unwrap_or(&none);
    let built_in = Limits::default();
    let size =
        |own: Option<Size>, default: Option<Size>, built_in| own.or(default).map_or(built_in, Size::bytes);
    Limits {
        connections: own.connections.or(defaults.connections).map_or(built_in.connections, |limit| limit.0),
        establishing: own
            .establishing
            .or(defaults.establishing)
            .map_or(built_in.establishing, |limit| limit.0),
        connections_per_client: own
            .connections_per_client
            .or(defaults.connections_per_client)
            .map_or(built_in.connections_per_client, |limit| limit.0),
        rate: own.rate.or(defaults.rate).map_or(built_in.rate, |limit| limit.0),
        rate_per_client: own
            .rate_per_client
            .or(defaults.rate_per_client)
            .map_or(built_in.rate_per_client, |limit| limit.0),
        prefix_v4: own.prefix_v4.or(defaults.prefix_v4).map_or(built_in.prefix_v4, |prefix| prefix.0),
        prefix_v6: own.prefix_v6.or(defaults.prefix_v6).map_or(built_in.prefix_v6, |prefix| prefix.0),
        when_full: own.when_full.or(defaults.when_full).unwrap_or(built_in.when_full),
        reply: own.reply.as_ref().or(defaults.reply.as_ref()).cloned(),
        client_full: own.client_full.or(defaults.client_full).unwrap_or(built_in.client_full),
        input: size(own.input, defaults.input, built_in.input),
        output: size(own.output, defaults.output, built_in.output),
        flush_at: size(own.flush_at, defaults.flush_at, built_in.flush_at),
    }
}

/// `send` must begin to wait before `try_send` refuses. Said of the table that wrote one of the two.
pub(super) fn check_flush(limits: &Limits, table: &Table, faults: &mut Faults) {
    let written = ["flush_at", "output"].into_iter().find_map(|key| table.at(&["limits", key]));
    let Some(node) = written.filter(|node| !node.is_faulty() && limits.flush_at > limits.output) else {
        return;
    };
    let (flush_at, output) = (Size::of(limits.flush_at), Size::of(limits.output));
    faults
        .at(node.span.clone(), format!("`flush_at`, {flush_at}, is more than `output`, {output}"))
        .help(format!("set `flush_at` to \"{output}\" or less, or `output` to \"{flush_at}\" or more"));
}

/// What the limits of a listener ask of each other. `who` is what the listener is called.
pub(super) fn check_limits(limits: &Limits, listener: &Table, who: &str, faults: &mut Faults) {
    check_reply(limits, listener, who, faults);
    if let (MaxConnections::At(establishing), Some(connections)) = (limits.establishing, limits.connections)
        && establishing >= connections
        && let Some(node) = written(listener, &["establishing", "connections"])
    {
        faults.warn(
            node.span.clone(),
            format!(
                "`limits.establishing`, {establishing}, is not less than `limits.connections`, {connections}: \
                 peers that connect and say nothing can take all places"
            ),
        );
    }
}

fn check_reply(limits: &Limits, listener: &Table, who: &str, faults: &mut Faults) {
    let replies = limits.when_full == WhenFull::Reply;
    if replies && limits.reply.is_none() {
        // Where `[defaults]` says it, of the listener as a whole.
        let span =
            written(listener, &["when_full"]).or_else(|| listener.get("name")).map(|node| node.span.clone());
        if let Some(span) = span {
            faults
                .absent(span, format!("{who} is to reply when it is full, but there is no `limits.reply`"))
                .help("add limits.reply = \"busy, try later\"");
        }
    }
    let Some(node) = written(listener, &["reply", "when_full"]) else { return };
    if !replies && listener.at(&["limits", "reply"]).is_some() {
        let word = limits.when_full.as_str();
        faults.warn(
            node.span.clone(),
            format!("`limits.when_full` is \"{word}\": `limits.reply` is sent with \"reply\" alone"),
        );
    }
    if replies && listener.get("tls").is_some() {
        let told = "`tls` would have to come before a reply: a peer that finds no room is closed";
        faults.warn(node.span.clone(), told.to_owned());
    }
}

/// The first of the keys of `limits` that the listener has itself.
fn written<'a>(listener: &'a Table, keys: &[&str]) -> Option<&'a Node> {
    keys.iter().find_map(|key| listener.at(&["limits", key])).filter(|node| !node.is_faulty())
}

/// A budget that is written down, and connections that may exceed it by what is written down too.
pub(super) fn warn_of_memory(
    server: &ServerConfig,
    listeners: &[ListenerConfig],
    root: &Table,
    faults: &mut Faults,
) {
    let (MaxBuffered::At(budget), Some(node)) = (server.max_buffered, root.at(&["server", "max_buffered"]))
    else {
        return;
    };
    let all = match server.max_connections {
        MaxConnections::At(all) => all,
        MaxConnections::Auto | MaxConnections::Unlimited => usize::MAX,
    };
    for ListenerConfig { name, limits, .. } in listeners {
        let Some(connections) =
            limits.connections.map(|own| own.min(all)).or((all < usize::MAX).then_some(all))
        else {
            continue;
        };
        let each = limits.input.saturating_add(limits.output);
        let most = each.saturating_mul(connections);
        if most > budget {
            faults.warn(
                node.span.clone(),
                format!(
                    "{connections} connections of listener `{name}` may hold {} each, more than this: then those \
                     that hold most are ended",
                    Size::of(each)
                ),
            );
        }
    }
}
