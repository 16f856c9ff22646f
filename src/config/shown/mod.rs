//! A configuration as rows: each key and its value, as `server.toml` writes them.

mod notation;

use std::fmt::{self, Display};

use ipnet::IpNet;
use serde::{Serialize, Serializer};

use super::meant::{
    AccessConfig, AdminConfig, Limits, ListenerConfig, LogConfig, LogFormat, MaxConnections,
    ProxyProtocolConfig, Rotation, ServerConfig, SocketOptions, Timeouts,
};
use super::networks::ListFile;
use super::options::Choice;
use super::value::Size;
use notation::{percentage, size, timeout};

/// A key and its value.
pub(crate) type Row = (&'static str, Shown);

/// A value as server.toml writes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// It stands in quotes there.
    Text(String),
    Number(u64),
    Flag(bool),
    /// Texts.
    List(Vec<String>),
    /// It is not written, and this is what holds then.
    Absent(&'static str),
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Number(number) => f.pad(&number.to_string()),
            Self::Flag(flag) => f.pad(&flag.to_string()),
            Self::List(items) if items.is_empty() => f.pad("none"),
            Self::List(items) => f.pad(&items.join(", ")),
            Self::Absent(holds) => f.pad(holds),
        }
    }
}

/// `null` where nothing is written.
impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Absent(_) => serializer.serialize_unit(),
        }
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Shown {
    /// A word of the file.
    fn word(word: &str) -> Self {
        Self::Text(word.to_owned())
    }

    /// A number, or the word for none.
    fn number(number: Option<usize>, none: &str) -> Self {
        number.map_or_else(|| Self::word(none), |number| Self::Number(number as u64))
    }

    /// What is written, or what holds without it.
    fn written(text: Option<&String>, absent: &'static str) -> Self {
        text.map_or(Self::Absent(absent), |text| Self::Text(text.clone()))
    }
}

/// `[server]`.
pub(crate) fn server(config: &ServerConfig) -> [Row; 6] {
    let ServerConfig { workers, max_connections, lame_duck, drain_timeout, user, group } = config;
    let max_connections = match max_connections {
        MaxConnections::Auto => Shown::word("auto"),
        MaxConnections::Unlimited => limit(None),
        MaxConnections::At(most) => limit(Some(*most)),
    };
    [
        ("server.workers", Shown::number(*workers, "auto")),
        ("server.max_connections", max_connections),
        ("server.lame_duck", timeout((!lame_duck.is_zero()).then_some(*lame_duck)).into()),
        ("server.drain_timeout", timeout(*drain_timeout).into()),
        ("server.user", Shown::written(user.as_ref(), "stays")),
        ("server.group", Shown::written(group.as_ref(), "stays")),
    ]
}

/// `[log]`.
pub(crate) fn log(config: &LogConfig) -> [Row; 6] {
    let LogConfig { level, format, access, file, retention } = config;
    let path = file.as_ref().map(|file| file.display().to_string());
    let format = match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    [
        ("log.level", level.clone().into()),
        ("log.format", Shown::word(format)),
        ("log.access", Shown::Flag(*access)),
        ("log.file", Shown::written(path.as_ref(), "standard error")),
        ("log.rotate", rotation(retention.rotation).into()),
        ("log.keep", limit(retention.keep)),
    ]
}

/// `[admin]`.
pub(crate) fn admin(config: &AdminConfig) -> [Row; 10] {
    let AdminConfig {
        address,
        mode,
        owner,
        group,
        token_file,
        open,
        hosts,
        connections,
        timeout: limit,
        remember,
    } = config;
    let open = open.iter().map(|part| part.as_str().to_owned()).collect();
    [
        ("admin.address", address.to_string().into()),
        ("admin.mode", format!("{mode:04o}").into()),
        ("admin.owner", Shown::written(owner.as_ref(), "the process's")),
        ("admin.group", Shown::written(group.as_ref(), "the process's")),
        ("admin.token_file", token_file.display().to_string().into()),
        ("admin.open", Shown::List(open)),
        ("admin.hosts", Shown::List(hosts.clone())),
        ("admin.connections", Shown::Number(*connections as u64)),
        ("admin.timeout", timeout(Some(*limit)).into()),
        ("admin.remember", Shown::number(*remember, "off")),
    ]
}

/// What of a listener has no table of its own.
pub(crate) fn listener(config: &ListenerConfig) -> [Row; 3] {
    let addresses: Vec<String> = config.addresses.iter().map(ToString::to_string).collect();
    let codec = config.codec.as_ref().map(choice);
    [
        ("address", Shown::List(addresses)),
        ("codec", Shown::written(codec.as_ref(), "the handler's own")),
        ("handler", choice(&config.handler).into()),
    ]
}

/// `lines`, or `lines { max_frame = "4KiB" }`.
pub(crate) fn choice(choice: &Choice) -> String {
    let Choice { name, options, .. } = choice;
    if options.is_empty() { name.clone() } else { format!("{name} {options}") }
}

/// `socket.*` of a listener.
pub(crate) fn socket(config: &SocketOptions) -> [Row; 13] {
    let SocketOptions {
        backlog, nodelay, keepalive, reuse_port, only_v6, send_buffer, receive_buffer, ..
    } = config;
    let SocketOptions { fast_open, defer_accept, freebind, mode, owner, group, .. } = config;
    let buffer =
        |bytes: &Option<usize>| bytes.map_or_else(|| Shown::word("auto"), |bytes| size(bytes).into());
    let count = |count: i32| Shown::Number(count.unsigned_abs().into());
    [
        ("socket.backlog", count(*backlog)),
        ("socket.nodelay", Shown::Flag(*nodelay)),
        ("socket.keepalive", timeout(*keepalive).into()),
        ("socket.reuse_port", Shown::Flag(*reuse_port)),
        ("socket.only_v6", only_v6.map_or_else(|| Shown::word("auto"), Shown::Flag)),
        ("socket.send_buffer", buffer(send_buffer)),
        ("socket.receive_buffer", buffer(receive_buffer)),
        ("socket.fast_open", fast_open.map_or_else(|| Shown::word("off"), count)),
        ("socket.defer_accept", timeout(*defer_accept).into()),
        ("socket.freebind", Shown::Flag(*freebind)),
        ("socket.mode", format!("{mode:04o}").into()),
        ("socket.owner", Shown::written(owner.as_ref(), "the process's")),
        ("socket.group", Shown::written(group.as_ref(), "the process's")),
    ]
}

fn rotation(rotation: Rotation) -> String {
    match rotation {
        Rotation::Never => "never".to_owned(),
        Rotation::Hourly => "hourly".to_owned(),
        Rotation::Daily => "daily".to_owned(),
        Rotation::Size(bytes) => Size::of(usize::try_from(bytes).unwrap_or(usize::MAX)).to_string(),
    }
}

/// `proxy_protocol.*` of a listener.
pub(crate) fn proxy_protocol(config: Option<&ProxyProtocolConfig>) -> [Row; 1] {
    let trusted = config.map_or(Shown::Absent("off"), |config| {
        Shown::List(config.trusted.iter().map(ToString::to_string).collect())
    });
    [("proxy_protocol.trusted", trusted)]
}

/// `access.*` of a listener.
pub(crate) fn access(config: &AccessConfig) -> [Row; 7] {
    let AccessConfig { allow, deny, allow_file, deny_file, allow_users, allow_groups, dry_run } = config;
    let list = |list: &Option<Vec<String>>| match list {
        Some(list) => Shown::List(list.clone()),
        None => Shown::Absent("everybody"),
    };
    let networks = |list: &Vec<IpNet>| list.iter().map(|network| bare(*network)).collect();
    let file = |file: &Option<ListFile>| {
        let path = file.as_ref().map(|file| file.path().display().to_string());
        Shown::written(path.as_ref(), "none")
    };
    [
        ("access.allow", list(&allow.as_ref().map(networks))),
        ("access.deny", Shown::List(networks(deny))),
        ("access.allow_file", file(allow_file)),
        ("access.deny_file", file(deny_file)),
        ("access.allow_users", list(allow_users)),
        ("access.allow_groups", list(allow_groups)),
        ("access.dry_run", Shown::Flag(*dry_run)),
    ]
}

/// An address alone has no length.
fn bare(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// `limits.*` of a listener.
pub(crate) fn limits(config: &Limits) -> [Row; 5] {
    let Limits { connections, when_full, input, output, flush_at } = config;
    [
        ("limits.connections", limit(*connections)),
        ("limits.when_full", Shown::word(when_full.as_str())),
        ("limits.input", size(*input).into()),
        ("limits.output", size(*output).into()),
        ("limits.flush_at", size(*flush_at).into()),
    ]
}

fn limit(most: Option<usize>) -> Shown {
    Shown::number(most, "unlimited")
}

/// `timeouts.*` of a listener.
pub(crate) fn timeouts(config: &Timeouts) -> [Row; 8] {
    let Timeouts { establish, first_frame, frame, write, idle, half_close, lifetime, lifetime_jitter } =
        config;
    [
        ("timeouts.establish", timeout(*establish).into()),
        ("timeouts.first_frame", timeout(*first_frame).into()),
        ("timeouts.frame", timeout(*frame).into()),
        ("timeouts.write", timeout(*write).into()),
        ("timeouts.idle", timeout(*idle).into()),
        ("timeouts.half_close", timeout(*half_close).into()),
        ("timeouts.lifetime", timeout(*lifetime).into()),
        ("timeouts.lifetime_jitter", percentage(*lifetime_jitter).into()),
    ]
}
