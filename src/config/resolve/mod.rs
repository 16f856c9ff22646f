//! From `server.toml` as written to as meant: fills in the defaults and checks what no key alone can tell.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::Faults;
use super::meant::{Config, Endpoint, Limits, ListenerConfig, LogConfig, Retention, ServerConfig, Timeouts};
use super::options::Choice;
use super::printable::quoted;
use super::source::Span;
use super::tree::{Node, Table};
use super::value::{Size, Timeout, too_long};
use super::written::{self, File};
use crate::platform;
use access::{ListFiles, access};
use socket::socket;
use unique::Unique;

mod access;
mod admin;
mod proxy_protocol;
mod socket;
mod unique;

/// Resolves a file. Its tree says where things are written.
pub(super) fn resolve(file: &File, root: &Table, faults: &mut Faults) -> Config {
    if let Some(defaults) = root.get("defaults").and_then(Node::table) {
        check_flush(&limits(&file.defaults.limits, None), defaults, faults);
        socket::check_lacking(defaults, &file.defaults.socket, "[defaults]", faults);
        access::check_empty(defaults, faults);
    }
    proxy_protocol::check_defaults(&file.defaults, root, faults);
    let mut unique = Unique::default();
    let mut files = ListFiles::default();
    let mut listeners = Vec::new();
    let nodes = root.get("listener").into_iter().flat_map(Node::items);
    for (written, node) in file.listener.iter().zip(nodes) {
        listeners.extend(listener(written, &file.defaults, (node, root), (&mut unique, &mut files), faults));
    }
    let log = log(&file.log);
    check_level(&log.level, root, faults);
    check_account(root, faults);
    let admin = file.admin.as_ref().map(|written| admin::admin(written, root, &mut unique, faults));
    Config {
        server: server(&file.server),
        log,
        admin,
        listeners,
        #[cfg(feature = "admin")]
        origins: super::origins::Origins::default(),
    }
}

fn server(written: &written::Server) -> ServerConfig {
    let built_in = ServerConfig::default();
    ServerConfig {
        workers: written.workers.map_or(built_in.workers, |workers| workers.0),
        max_connections: written.max_connections.map_or(built_in.max_connections, |limit| limit.0),
        lame_duck: written
            .lame_duck
            .map_or(built_in.lame_duck, |lame_duck| lame_duck.limit().unwrap_or_default()),
        drain_timeout: written.drain_timeout.map_or(built_in.drain_timeout, |timeout| timeout.limit()),
        user: written.user.as_ref().map(|user| user.0.clone()),
        group: written.group.as_ref().map(|group| group.0.clone()),
    }
}

/// Only Unix has processes that become another user.
fn check_account(root: &Table, faults: &mut Faults) {
    for key in ["user", "group"] {
        if let Some(node) = root.at(&["server", key])
            && !platform::CHANGES_USER
        {
            faults
                .at(node.span.clone(), format!("on this system a process can't become another {key}"))
                .help("remove the key, and choose the account where the service is installed");
        }
    }
}

fn log(written: &written::Log) -> LogConfig {
    let built_in = LogConfig::default();
    LogConfig {
        level: written.level.clone().unwrap_or(built_in.level),
        format: written.format.unwrap_or(built_in.format),
        access: written.access.unwrap_or(built_in.access),
        file: written.file.clone().map(Into::into),
        retention: Retention {
            rotation: written.rotate.map_or(built_in.retention.rotation, |rotate| rotate.0),
            keep: written.keep.map_or(built_in.retention.keep, |keep| keep.0),
        },
    }
}

fn check_level(level: &str, root: &Table, faults: &mut Faults) {
    let reason = if level.trim().is_empty() {
        Some("the log level must not be empty".to_owned())
    } else {
        filter_fault(level)
    };
    if let (Some(reason), Some(node)) = (reason, root.at(&["log", "level"])) {
        faults.at(node.span.clone(), reason).help(
            "write \"error\", \"warn\", \"info\", \"debug\", \"trace\", \"off\", or a filter as \"info,terima=debug\"",
        );
    }
}

/// The filter's own syntax is known to what writes the log, which only the binary has.
#[cfg(feature = "cli")]
fn filter_fault(level: &str) -> Option<String> {
    crate::telemetry::log::check_level(level).err()
}

#[cfg(not(feature = "cli"))]
fn filter_fault(_level: &str) -> Option<String> {
    None
}

/// One listener; none where it has no usable handler. `node` is where it is written, in the whole of `root`.
fn listener(
    written: &written::Listener,
    defaults: &written::Defaults,
    (node, root): (&Node, &Table),
    (unique, files): (&mut Unique, &mut ListFiles),
    faults: &mut Faults,
) -> Option<ListenerConfig> {
    let table = node.table()?;
    let name: Arc<str> = written.name.as_ref().map_or("", |name| &name.0).into();
    require(table, "name", &node.span, "name = \"…\", by which logs and metrics call it", faults);
    unique.name(&name, table, faults);

    let addresses = addresses(written, table, &called(&name), faults);
    require(table, "address", &node.span, "address = \"127.0.0.1:27015\", or a list", faults);
    unique.addresses(&name, &addresses, table, faults);
    socket::check_lacking(table, &written.socket, &called(&name), faults);
    socket::warn_of_useless(table, &addresses, faults);
    access::check_empty(table, faults);
    access::warn_of_useless(table, &addresses, faults);
    let access = access(&written.access, &defaults.access, (table, root), files, faults);

    let limits = limits(&written.limits, Some(&defaults.limits));
    check_flush(&limits, table, faults);

    require(table, "handler", &node.span, "handler = \"echo\", or another handler", faults);
    let codec = table.get("codec").and_then(|node| Choice::read(node, "codec", faults));
    let handler = table.get("handler").and_then(|node| Choice::read(node, "handler", faults));
    let socket = socket(&written.socket, &defaults.socket);
    let timeouts = timeouts(&written.timeouts, &defaults.timeouts);
    let proxy_protocol = proxy_protocol::proxy_protocol(written, defaults, table, &addresses, faults);
    Some(ListenerConfig {
        name,
        addresses,
        codec,
        handler: handler?,
        socket,
        access,
        limits,
        timeouts,
        proxy_protocol,
    })
}

/// The addresses as written, but with paths that can be opened. `who` is what the listener is called.
fn addresses(written: &written::Listener, table: &Table, who: &str, faults: &mut Faults) -> Vec<Endpoint> {
    let mut addresses = written.address.as_ref().map_or_else(Vec::new, |addresses| addresses.0.clone());
    let nodes = table.get("address").into_iter().flat_map(Node::items);
    for (address, node) in addresses.iter_mut().zip(nodes) {
        if let (Endpoint::Activated(_), false) = (&*address, platform::ACTIVATED_SOCKETS) {
            faults
                .at(node.span.clone(), format!("{who} wants a socket of systemd, which this system has not"))
                .help("listen on an address: \"127.0.0.1:27015\"");
        }
        if address.is_unix() && !platform::UNIX_SOCKETS {
            faults
                .at(node.span.clone(), format!("{who} wants a Unix socket, which this system has not"))
                .help("listen on an address of IP: \"127.0.0.1:27015\"");
            continue;
        }
        let Endpoint::Path(path) = address else { continue };
        *path = socket_path(path, &node.span, faults);
    }
    addresses
}

/// The path of a Unix socket as it can be opened.
fn socket_path(path: &Path, written: &Span, faults: &mut Faults) -> PathBuf {
    let located = faults.sources.locate(&path.to_string_lossy(), written);
    if located.len() >= platform::LONGEST_SOCKET_PATH {
        let message = too_long(&located);
        let (reason, help) = message.split_once('\n').unwrap_or((&message, ""));
        faults.at(written.clone(), reason).help(help);
    }
    located.into()
}

fn require(table: &Table, key: &str, listener: &Span, example: &str, faults: &mut Faults) {
    if table.get(key).is_none() {
        faults
            .absent(listener.clone(), format!("this listener has no `{key}`"))
            .help(format!("add {example}"));
    }
}

/// The listener's own, else `[defaults]`, else built in.
fn limits(own: &written::Limits, defaults: Option<&written::Limits>) -> Limits {
    let none = written::Limits::default();
    let defaults = defaults.unwrap_or(&none);
    let built_in = Limits::default();
    let size =
        |own: Option<Size>, default: Option<Size>, built_in| own.or(default).map_or(built_in, Size::bytes);
    Limits {
        connections: own.connections.or(defaults.connections).map_or(built_in.connections, |limit| limit.0),
        when_full: own.when_full.or(defaults.when_full).unwrap_or(built_in.when_full),
        input: size(own.input, defaults.input, built_in.input),
        output: size(own.output, defaults.output, built_in.output),
        flush_at: size(own.flush_at, defaults.flush_at, built_in.flush_at),
    }
}

/// The listener's own, else `[defaults]`, else built in.
fn timeouts(own: &written::Timeouts, defaults: &written::Timeouts) -> Timeouts {
    let built_in = Timeouts::default();
    let limit = |own: Option<Timeout>, default: Option<Timeout>, built_in| {
        own.or(default).map_or(built_in, Timeout::limit)
    };
    Timeouts {
        establish: limit(own.establish, defaults.establish, built_in.establish),
        first_frame: limit(own.first_frame, defaults.first_frame, built_in.first_frame),
        frame: limit(own.frame, defaults.frame, built_in.frame),
        write: limit(own.write, defaults.write, built_in.write),
        idle: limit(own.idle, defaults.idle, built_in.idle),
        half_close: limit(own.half_close, defaults.half_close, built_in.half_close),
        lifetime: limit(own.lifetime, defaults.lifetime, built_in.lifetime),
        lifetime_jitter: own
            .lifetime_jitter
            .or(defaults.lifetime_jitter)
            .map_or(built_in.lifetime_jitter, |percent| percent.part()),
    }
}

/// `send` must begin to wait before `try_send` refuses. Said of the table that wrote one of the two.
fn check_flush(limits: &Limits, table: &Table, faults: &mut Faults) {
    let written = ["flush_at", "output"].into_iter().find_map(|key| table.at(&["limits", key]));
    let Some(node) = written.filter(|node| !node.is_faulty() && limits.flush_at > limits.output) else {
        return;
    };
    let (flush_at, output) = (Size::of(limits.flush_at), Size::of(limits.output));
    faults
        .at(node.span.clone(), format!("`flush_at`, {flush_at}, is more than `output`, {output}"))
        .help(format!("set `flush_at` to \"{output}\" or less, or `output` to \"{flush_at}\" or more"));
}

/// The name of a listener in a message.
fn called(name: &str) -> String {
    if name.is_empty() {
        "a listener without a name".to_owned()
    } else {
        format!("listener {}", quoted(name))
    }
}
