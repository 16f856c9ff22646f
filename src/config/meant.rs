//! `server.toml` as meant: typed, resolved, nothing left to default.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::options::Choice;

/// A whole `server.toml`, resolved.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) log: LogConfig,
    pub(crate) listeners: Vec<ListenerConfig>,
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
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// One `[[listener]]`, with `[defaults]` and the built-in defaults filled in.
#[derive(Debug)]
pub(crate) struct ListenerConfig {
    pub(crate) name: Arc<str>,
    pub(crate) addresses: Vec<SocketAddr>,
    /// Absent: the handler's own codec.
    pub(crate) codec: Option<Choice>,
    pub(crate) handler: Choice,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
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
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text, access: true }
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
