//! `server.toml` as meant: typed, resolved, nothing left to default.

mod access;
mod admin;
mod proxy_protocol;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

pub(crate) use self::access::AccessConfig;
pub(crate) use self::admin::{AdminConfig, Open};
pub(crate) use self::proxy_protocol::{ProxyProtocolConfig, Trusted};
use super::options::Choice;

/// A whole `server.toml`, resolved.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) log: LogConfig,
    /// `None` = there is no admin interface.
    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "it is a fault of the file then"))]
    pub(crate) admin: Option<AdminConfig>,
    pub(crate) listeners: Vec<ListenerConfig>,
    /// Where its keys are written.
    #[cfg(feature = "admin")]
    pub(crate) origins: super::origins::Origins,
}

/// `[server]`: what belongs to the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerConfig {
    /// Worker threads of the runtime; `None` = one a core. Only the binary reads it.
    pub(crate) workers: Option<usize>,
    pub(crate) max_connections: MaxConnections,
    /// How long the server says "not ready" and still accepts, before the drain starts; zero = off.
    pub(crate) lame_duck: Duration,
    /// How long a drain may take; `None` = as long as it takes.
    pub(crate) drain_timeout: Option<Duration>,
    /// Whom the process becomes once all is bound, by name or number. Only the binary reads it.
    pub(crate) user: Option<String>,
    /// As `user`; absent, it is the user's own.
    pub(crate) group: Option<String>,
}

/// `server.max_connections`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxConnections {
    /// From the descriptor limit, less a reserve.
    Auto,
    Unlimited,
    At(usize),
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogConfig {
    /// In tracing's filter syntax: `info`, `terima=debug,info`, …
    pub(crate) level: String,
    pub(crate) format: LogFormat,
    /// Whether each ended connection writes a line.
    pub(crate) access: bool,
    /// `None` = standard error.
    pub(crate) file: Option<PathBuf>,
    pub(crate) retention: Retention,
}

/// What becomes of the log's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) rotation: Rotation,
    /// How many of the files that were put aside are kept; `None` = all.
    pub(crate) keep: Option<usize>,
}

/// `log.rotate`: when the file is put aside and a new one begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    Never,
    Hourly,
    Daily,
    /// Before it would be larger than so many bytes.
    Size(u64),
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// One `[[listener]]`, with `[defaults]` and the built-in defaults filled in.
#[derive(Debug)]
pub(crate) struct ListenerConfig {
    pub(crate) name: Arc<str>,
    pub(crate) addresses: Vec<Endpoint>,
    /// Absent: the handler's own codec.
    pub(crate) codec: Option<Choice>,
    pub(crate) handler: Choice,
    pub(crate) socket: SocketOptions,
    pub(crate) access: AccessConfig,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// `None` = no header is looked for.
    pub(crate) proxy_protocol: Option<ProxyProtocolConfig>,
}

/// Where a listener is to listen, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `127.0.0.1:7`, `[::]:7`
    Ip(SocketAddr),
    /// `:7`: every address of the machine.
    Any(u16),
    /// `localhost:7`: whatever the name stands for at the start.
    Name { host: String, port: u16 },
    /// `unix:/run/terima/echo.sock`
    Path(PathBuf),
    /// `unix:@echo`: a name in the kernel, without a file.
    Abstract(String),
    /// `systemd:echo.socket`: whatever the service manager listens on, and passes under this name.
    Activated(String),
}

/// `socket.*` of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    /// Connections that wait in the kernel for the accept loop.
    pub(crate) backlog: i32,
    pub(crate) nodelay: bool,
    /// Silence after which the system asks whether the client is still there; `None` = never.
    pub(crate) keepalive: Option<Duration>,
    pub(crate) reuse_port: bool,
    /// `None`: an IPv6 wildcard takes IPv4 too, unless that has an address of its own.
    pub(crate) only_v6: Option<bool>,
    /// Bytes; `None` = what the system gives.
    pub(crate) send_buffer: Option<usize>,
    /// As `send_buffer`.
    pub(crate) receive_buffer: Option<usize>,
    /// Clients whose first bytes may come with their SYN, at once; `None` = off.
    pub(crate) fast_open: Option<i32>,
    /// How long the system holds a connection back until its first bytes have come; `None` = not at all.
    pub(crate) defer_accept: Option<Duration>,
    pub(crate) freebind: bool,
    /// Permissions of a Unix socket's file.
    pub(crate) mode: u32,
    /// User and group of a Unix socket's file, by name or number; `None` = the process's own.
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
}

/// `limits.*` of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections at once; `None` = unlimited.
    pub(crate) connections: Option<usize>,
    /// What happens to a peer that comes when a total is reached.
    pub(crate) when_full: WhenFull,
    /// Most bytes received and not yet decoded, for one connection.
    pub(crate) input: usize,
    /// Most bytes that may wait for a client that reads slowly, before `try_send` refuses the next frame.
    pub(crate) output: usize,
    /// From so many waiting bytes on, `send` waits for the client.
    pub(crate) flush_at: usize,
}

/// `limits.when_full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenFull {
    /// The peer stays in the kernel's backlog and is served when there is room.
    Queue,
    /// The peer is accepted and closed.
    Close,
    /// The peer is accepted and reset.
    Reset,
}

/// `timeouts.*` of a listener; `None` = off.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timeouts {
    pub(crate) establish: Option<Duration>,
    pub(crate) first_frame: Option<Duration>,
    pub(crate) frame: Option<Duration>,
    pub(crate) write: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) half_close: Option<Duration>,
    pub(crate) lifetime: Option<Duration>,
    /// The part of `lifetime`, 0.0 to 1.0, by which it may be cut short at random.
    pub(crate) lifetime_jitter: f64,
}

impl Endpoint {
    /// Whether it is a Unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        matches!(self, Self::Path(_) | Self::Abstract(_))
    }

    /// The port; a Unix socket has none, and of an activated one it is not known.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Any(port) | Self::Name { port, .. } => Some(*port),
            Self::Path(_) | Self::Abstract(_) | Self::Activated(_) => None,
        }
    }
}

/// As the file writes it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Any(port) => write!(f, ":{port}"),
            Self::Name { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Path(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
            Self::Activated(name) => write!(f, "systemd:{name}"),
        }
    }
}

impl WhenFull {
    /// The word for it in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Close => "close",
            Self::Reset => "reset",
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            workers: None,
            max_connections: MaxConnections::Auto,
            lame_duck: Duration::ZERO,
            drain_timeout: Some(Duration::from_secs(30)),
            user: None,
            group: None,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { rotation: Rotation::Daily, keep: Some(7) }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
            access: true,
            file: None,
            retention: Retention::default(),
        }
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            // Small backlogs cost latency under bursts: one service's p99.9 fell from 1084 to 283 ms when it went from
            // 128 to 4096.
            backlog: 1024,
            // Output is gathered before it is written, so Nagle's algorithm could only delay it.
            nodelay: true,
            keepalive: Some(Duration::from_secs(60)),
            reuse_port: false,
            only_v6: None,
            send_buffer: None,
            receive_buffer: None,
            fast_open: None,
            defer_accept: None,
            freebind: false,
            mode: 0o660,
            owner: None,
            group: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            when_full: WhenFull::Queue,
            input: 1024 * 1024,
            output: 256 * 1024,
            flush_at: 64 * 1024,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            establish: Some(Duration::from_secs(10)),
            first_frame: None,
            frame: Some(Duration::from_secs(30)),
            write: Some(Duration::from_secs(30)),
            idle: Some(Duration::from_secs(600)),
            half_close: Some(Duration::from_secs(60)),
            lifetime: None,
            lifetime_jitter: 0.1,
        }
    }
}
