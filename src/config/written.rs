//! `server.toml` as written: every key may be absent, and no default is known here.
//!
//! `untagged` and `flatten` are not used: serde would lose where a fault is. What stands at a struct is also what an editor
//! shows of its table; of a key, it shows the comment in the shipped file.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::meant::{LogFormat, Open, Trusted, WhenFull};
use super::value::{
    Account, Addresses, AdminAddress, AdminConnections, AdminTimeout, Backlog, BufferSize, Connections,
    FastOpen, FilePath, HostName, Keep, Mode, Name, Network, OnlyV6, Percent, ProcessConnections, Remember,
    Rotate, Size, Timeout, Workers,
};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["listener"])))]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) server: Server,
    pub(super) log: Log,
    pub(super) admin: Option<Admin>,
    pub(super) defaults: Defaults,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) listener: Vec<Listener>,
}

/// `[server]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    pub(super) workers: Option<Workers>,
    pub(super) max_connections: Option<ProcessConnections>,
    pub(super) lame_duck: Option<Timeout>,
    pub(super) drain_timeout: Option<Timeout>,
    pub(super) user: Option<Account>,
    pub(super) group: Option<Account>,
}

/// `[log]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) level: Option<String>,
    pub(super) format: Option<LogFormat>,
    pub(super) access: Option<bool>,
    pub(super) file: Option<FilePath>,
    pub(super) rotate: Option<Rotate>,
    pub(super) keep: Option<Keep>,
}

/// `[admin]`: there is one where it is written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) address: Option<AdminAddress>,
    pub(super) mode: Option<Mode>,
    pub(super) owner: Option<Account>,
    pub(super) group: Option<Account>,
    pub(super) token_file: Option<FilePath>,
    pub(super) open: Option<Vec<Open>>,
    pub(super) hosts: Option<Vec<HostName>>,
    pub(super) connections: Option<AdminConnections>,
    pub(super) timeout: Option<AdminTimeout>,
    pub(super) remember: Option<Remember>,
}

/// `[defaults]`: what a listener may have, but what it is called, where it listens and what it serves.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Defaults {
    pub(super) socket: Socket,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) proxy_protocol: Option<ProxyProtocol>,
}

/// One `[[listener]]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["name", "address", "handler"])))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Listener {
    pub(super) name: Option<Name>,
    pub(super) address: Option<Addresses>,
    /// Only its factory understands what is in it, so it stays in the tree; see [`Choice`](super::options::Choice).
    #[allow(dead_code, reason = "makes the key a known one")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(super) codec: Option<IgnoredAny>,
    /// As `codec`.
    #[allow(dead_code, reason = "makes the key a known one")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(super) handler: Option<IgnoredAny>,
    pub(super) socket: Socket,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) proxy_protocol: Option<ProxyProtocol>,
}

/// `socket.*`: options of sockets, and of the connections that come from them.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Socket {
    pub(super) backlog: Option<Backlog>,
    pub(super) nodelay: Option<bool>,
    pub(super) keepalive: Option<Timeout>,
    pub(super) reuse_port: Option<bool>,
    pub(super) only_v6: Option<OnlyV6>,
    pub(super) send_buffer: Option<BufferSize>,
    pub(super) receive_buffer: Option<BufferSize>,
    pub(super) fast_open: Option<FastOpen>,
    pub(super) defer_accept: Option<Timeout>,
    pub(super) freebind: Option<bool>,
    pub(super) mode: Option<Mode>,
    pub(super) owner: Option<Account>,
    pub(super) group: Option<Account>,
}

/// `access.*`: who may come in, by network, or by user where there are Unix sockets.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Access {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) allow: Option<Vec<Network>>,
    pub(super) deny: Option<Vec<Network>>,
    pub(super) allow_file: Option<FilePath>,
    pub(super) deny_file: Option<FilePath>,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) allow_users: Option<Vec<Account>>,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) allow_groups: Option<Vec<Account>>,
    pub(super) dry_run: Option<bool>,
}

/// `limits.*`: how many connections there may be, and what each may take.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) connections: Option<Connections>,
    pub(super) when_full: Option<WhenFull>,
    pub(super) input: Option<Size>,
    pub(super) output: Option<Size>,
    pub(super) flush_at: Option<Size>,
}

/// `timeouts.*`: how long the client may take for what it has to do.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Timeouts {
    pub(super) establish: Option<Timeout>,
    pub(super) first_frame: Option<Timeout>,
    pub(super) frame: Option<Timeout>,
    pub(super) write: Option<Timeout>,
    pub(super) idle: Option<Timeout>,
    pub(super) half_close: Option<Timeout>,
    pub(super) lifetime: Option<Timeout>,
    pub(super) lifetime_jitter: Option<Percent>,
}

/// `proxy_protocol.*`: headers with the client's address, from proxies that pass connections on. It is on where it is written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["trusted"])))]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProxyProtocol {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) trusted: Option<Vec<Trusted>>,
}
