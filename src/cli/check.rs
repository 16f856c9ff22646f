//! `terima check`: every problem, or what would listen.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use crate::config::meant::{
    Config, Limits, ListenerConfig, LogConfig, LogFileConfig, LogFormat, MaxConnections, Rotation,
    ServerConfig, SocketOptions, Timeouts,
};
use crate::{Builder, Size};

use crate::telemetry::log;

use super::args::Source;
use super::exit::Exit;
use super::failure::Failure;
use super::load::load;
use super::notation::{limit, percentage, size, timeout};
use super::run::identity;

/// Loads the configuration and tells what it means; binds nothing.
pub(super) fn check(builder: Builder, source: &Source) -> Result<Exit, Failure> {
    let ready = load(builder, source)?;
    identity(ready.config())?;
    for warning in ready.warnings() {
        // If nobody can read it, the configuration is as good without.
        let _ = writeln!(io::stderr(), "{}\n", warning.render(log::colour(&io::stderr())));
    }
    let summary = Summary(ready.config()).to_string();
    let mut out = io::stdout().lock();
    match writeln!(out, "{}: no problems\n\n{summary}", source.file.display()).and_then(|()| out.flush()) {
        // Who stops reading (`| head`) has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Other(anyhow::Error::new(error).context("can't write the summary")))
        }
        _ => Ok(Exit::Ended),
    }
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

type Row = (&'static str, String);

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
    row(f, "codec", codec.as_ref().map_or("the handler's own", |codec| &codec.name))?;
    row(f, "handler", &handler.name)?;
    table(f, socket(options), socket(&SocketOptions::default()))?;
    table(f, limits(most), limits(&Limits::default()))?;
    table(f, timeouts(deadlines), timeouts(&Timeouts::default()))
}

fn table<const N: usize>(f: &mut fmt::Formatter<'_>, rows: [Row; N], defaults: [Row; N]) -> fmt::Result {
    for ((key, value), (_, default)) in rows.into_iter().zip(defaults) {
        if value == default {
            row(f, key, &value)?;
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
    let stays = |name: &Option<String>| name.clone().unwrap_or_else(|| "stays".to_owned());
    let max_connections = match max_connections {
        MaxConnections::Auto => "auto".to_owned(),
        MaxConnections::Unlimited => limit(None),
        MaxConnections::At(most) => limit(Some(*most)),
    };
    [
        ("server.workers", workers.map_or_else(|| "auto".to_owned(), |workers| workers.to_string())),
        ("server.max_connections", max_connections),
        ("server.lame_duck", timeout((!lame_duck.is_zero()).then_some(*lame_duck))),
        ("server.drain_timeout", timeout(*drain_timeout)),
        ("server.user", stays(user)),
        ("server.group", stays(group)),
    ]
}

fn log(config: &LogConfig) -> [Row; 6] {
    let LogConfig { level, format, access, file } = config;
    let path =
        file.as_ref().map_or_else(|| "standard error".to_owned(), |file| file.path.display().to_string());
    let file = file.clone().unwrap_or_else(|| LogFileConfig::new(PathBuf::new()));
    let (rotate, keep) = (rotation(file.rotation), limit(file.keep));
    let format = match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    [
        ("log.level", level.clone()),
        ("log.format", format.to_owned()),
        ("log.access", access.to_string()),
        ("log.file", path),
        ("log.rotate", rotate),
        ("log.keep", keep),
    ]
}

fn socket(config: &SocketOptions) -> [Row; 13] {
    let SocketOptions {
        backlog, nodelay, keepalive, reuse_port, only_v6, send_buffer, receive_buffer, ..
    } = config;
    let SocketOptions { fast_open, defer_accept, freebind, mode, owner, group, .. } = config;
    let buffer = |bytes: &Option<usize>| bytes.map_or_else(|| "auto".to_owned(), size);
    let account = |name: &Option<String>| name.clone().unwrap_or_else(|| "the process's".to_owned());
    [
        ("socket.backlog", backlog.to_string()),
        ("socket.nodelay", nodelay.to_string()),
        ("socket.keepalive", timeout(*keepalive)),
        ("socket.reuse_port", reuse_port.to_string()),
        ("socket.only_v6", only_v6.map_or_else(|| "auto".to_owned(), |only| only.to_string())),
        ("socket.send_buffer", buffer(send_buffer)),
        ("socket.receive_buffer", buffer(receive_buffer)),
        ("socket.fast_open", fast_open.map_or_else(|| "off".to_owned(), |queue| queue.to_string())),
        ("socket.defer_accept", timeout(*defer_accept)),
        ("socket.freebind", freebind.to_string()),
        ("socket.mode", format!("{mode:04o}")),
        ("socket.owner", account(owner)),
        ("socket.group", account(group)),
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
        ("limits.when_full", when_full.as_str().to_owned()),
        ("limits.input", size(*input)),
        ("limits.output", size(*output)),
        ("limits.flush_at", size(*flush_at)),
    ]
}

fn timeouts(config: &Timeouts) -> [Row; 8] {
    let Timeouts { establish, first_frame, frame, write, idle, half_close, lifetime, lifetime_jitter } =
        config;
    [
        ("timeouts.establish", timeout(*establish)),
        ("timeouts.first_frame", timeout(*first_frame)),
        ("timeouts.frame", timeout(*frame)),
        ("timeouts.write", timeout(*write)),
        ("timeouts.idle", timeout(*idle)),
        ("timeouts.half_close", timeout(*half_close)),
        ("timeouts.lifetime", timeout(*lifetime)),
        ("timeouts.lifetime_jitter", percentage(*lifetime_jitter)),
    ]
}
