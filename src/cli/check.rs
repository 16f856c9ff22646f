//! `terima check`: every problem, or what would listen.

pub(super) mod json;

use std::fmt::{self, Display};
use std::io::{self, Write};

use crate::Builder;
use crate::config::meant::{
    AccessConfig, AdminConfig, Config, Endpoint, Limits, ListenerConfig, LogConfig, ServerConfig,
    SocketOptions, Timeouts,
};
use crate::config::shown::{
    Row, access, admin, choice, limits, log, proxy_protocol, server, socket, timeouts,
};
use crate::telemetry;

use super::exit::Exit;
use super::failure::Failure;
use super::load::{Source, load};
use super::output;
use super::run::identity;

/// Loads the configuration and tells what it means; binds nothing.
pub(super) fn check(builder: Builder, source: &Source) -> Result<Exit, Failure> {
    let ready = load(builder, source)?;
    identity(ready.config())?;
    for warning in ready.warnings() {
        // If nobody can read it, the configuration is as good without.
        let _ = writeln!(io::stderr(), "{}\n", warning.render(telemetry::log::colour(&io::stderr())));
    }
    let summary = Summary(ready.config());
    output::print(format!("{}: no problems\n\n{summary}\n", source.configuration).as_bytes())
}

/// The configuration as a table: one key a line, in the words of server.toml, with the default where it is another.
struct Summary<'a>(&'a Config);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { server: process, log: lines, admin: interface, listeners, .. } = self.0;
        writeln!(f, "process")?;
        table(f, server(process), server(&ServerConfig::default()))?;
        table(f, log(lines), log(&LogConfig::default()))?;
        match interface {
            Some(interface) => table(f, admin(interface), admin(&AdminConfig::default()))?,
            None => row(f, "admin", "off")?,
        }
        for one in listeners {
            writeln!(f)?;
            listener(f, one)?;
        }
        Ok(())
    }
}

fn listener(f: &mut fmt::Formatter<'_>, config: &ListenerConfig) -> fmt::Result {
    let ListenerConfig {
        name,
        addresses,
        codec,
        handler,
        socket: options,
        access: who,
        limits: most,
        timeouts: deadlines,
        proxy_protocol: proxies,
    } = config;
    writeln!(f, "listener {name}")?;
    for address in addresses {
        let note = match address {
            Endpoint::Activated(_) => "  (systemd opens it, and starts the service with it)",
            _ if address.port() == Some(0) => "  (any free port)",
            _ => "",
        };
        row(f, "address", &format!("{address}{note}"))?;
    }
    row(f, "codec", &codec.as_ref().map_or_else(|| "the handler's own".to_owned(), choice))?;
    row(f, "handler", &choice(handler))?;
    table(f, socket(options), socket(&SocketOptions::default()))?;
    table(f, access(who), access(&AccessConfig::default()))?;
    table(f, limits(most), limits(&Limits::default()))?;
    table(f, timeouts(deadlines), timeouts(&Timeouts::default()))?;
    table(f, proxy_protocol(proxies.as_ref()), proxy_protocol(None))
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
