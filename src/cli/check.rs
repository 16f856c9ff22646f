//! `terima check`: every problem, or what would listen.

pub(super) mod json;

use std::fmt::{self, Display};
use std::io::{self, Write};

use crate::config::Choice;
use crate::config::meant::{
    Config, Limits, ListenerConfig, LogConfig, LogFormat, MaxConnections, Rotation, ServerConfig,
    SocketOptions, Timeouts,
};
use crate::telemetry::log;
use crate::{Builder, Size};

use super::exit::Exit;
use super::failure::Failure;
use super::load::{Source, load};
use super::notation::{percentage, size, timeout};
use super::output;
use super::run::identity;

/// Loads the configuration and tells what it means; binds nothing.
pub(super) fn check(builder: Builder, source: &Source) -> Result<Exit, Failure> {
    let ready = load(builder, source)?;
    identity(ready.config())?;
    for warning in ready.warnings() {
        // If nobody can read it, the configuration is as good without.
        let _ = writeln!(io::stderr(), "{}\n", warning.render(log::colour(&io::stderr())));
    }
    let summary = Summary(ready.config());
    output::print(format!("{}: no problems\n\n{summary}\n", source.configuration).as_bytes())
}

/// The configuration as a table: one key a line, in the words of server.toml, with the default where it is another.
struct Summary<'a>(&'a Config);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { server: process, log: lines, listeners } = self.0;
        writeln!(f, "process")?;
        table(f, server(process), server(&ServerConfig::default()))?;
        table(f, log(lines), log(&LogConfig::default()))?;
        for one in listeners {
            writeln!(f)?;
            listener(f, one)?;
        }
        Ok(())
    }
}

/// A key and its value.
type Row = (&'static str, Shown);

/// A value as server.toml writes it.
#[derive(PartialEq)]
enum Shown {
    /// It stands in quotes there.
    Text(String),
    Number(u64),
    Flag(bool),
    /// It is not written, and this is what holds then.
    Absent(&'static str),
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Number(number) => f.pad(&number.to_string()),
            Self::Flag(flag) => f.pad(&flag.to_string()),
            Self::Absent(holds) => f.pad(holds),
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

fn listener(f: &mut fmt::Formatter<'_>, config: &ListenerConfig) -> fmt::Result {
    let ListenerConfig {
        name,
        addresses,
        codec,
        handler,
        socket: options,
        limits: most,
        timeouts: deadlines,
    } = config;
    writeln!(f, "listener {name}")?;
    for address in addresses {
        let note = if address.port() == Some(0) { "  (any free port)" } else { "" };
        row(f, "address", &format!("{address}{note}"))?;
    }
    row(f, "codec", &codec.as_ref().map_or_else(|| "the handler's own".to_owned(), choice))?;
    row(f, "handler", &choice(handler))?;
    table(f, socket(options), socket(&SocketOptions::default()))?;
    table(f, limits(most), limits(&Limits::default()))?;
    table(f, timeouts(deadlines), timeouts(&Timeouts::default()))
}

/// `lines`, or `lines { max_frame = "4KiB" }`.
fn choice(choice: &Choice) -> String {
    let Choice { name, options, .. } = choice;
    if options.is_empty() { name.clone() } else { format!("{name} {options}") }
}

fn table<const N: usize>(f: &mut fmt::Formatter<'_>, rows: [Row; N], defaults: [Row; N]) -> fmt::Result {
    for ((key, value), (_, default)) in rows.into_iter().zip(defaults) {
        if value == default {
            row(f, key, &value.to_string())?;
        } else {
            row(f, key, &format!("{value:<12} (default {default})"))?;
        }
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, key: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {key:<24}  {value}")
}

fn server(config: &ServerConfig) -> [Row; 6] {
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

fn log(config: &LogConfig) -> [Row; 6] {
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

fn socket(config: &SocketOptions) -> [Row; 13] {
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

fn limits(config: &Limits) -> [Row; 5] {
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

fn timeouts(config: &Timeouts) -> [Row; 8] {
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
