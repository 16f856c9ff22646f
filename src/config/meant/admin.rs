//! `[admin]`: how the running service is asked, and told what to do.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Endpoint;
use crate::platform;

/// `[admin]`. Where it is not written, there is no admin interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdminConfig {
    /// Of IP, every address of the machine, or a Unix socket with a file: a name stands for too many things, and who may
    /// connect to an abstract socket can't be said.
    pub(crate) address: Endpoint,
    /// Permissions, user and group of a Unix socket's file, as `socket.*` of a listener.
    pub(crate) mode: u32,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    /// What whoever comes over TCP has to know.
    pub(crate) token_file: PathBuf,
    /// What he may ask without.
    pub(crate) open: Vec<Open>,
    /// Names in a request's `Host`, beside `localhost` and addresses of IP.
    pub(crate) hosts: Vec<String>,
    /// Clients of the admin interface at once.
    pub(crate) connections: usize,
    /// How long one of them may take for a request, and for taking the answer.
    pub(crate) timeout: Duration,
    /// How many connections that have ended are remembered; `None` = none.
    pub(crate) remember: Option<usize>,
}

/// `admin.open`: what needs no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Open {
    /// `/live` and `/ready`.
    Health,
    /// `/metrics`.
    Metrics,
}

impl AdminConfig {
    /// The name of a token's file where none is given.
    pub(crate) const TOKEN_FILE: &'static str = "admin.token";

    /// Whether it listens on TCP, where anybody can connect.
    pub(crate) fn is_tcp(&self) -> bool {
        self.address.port().is_some()
    }

    /// Descriptors that it takes, whatever the service does: its clients' and the listening one.
    #[cfg(feature = "admin")]
    pub(crate) fn descriptors(&self) -> usize {
        self.connections + 1
    }
}

#[cfg(feature = "admin")]
impl Open {
    /// The word for it in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metrics => "metrics",
        }
    }
}

impl Default for AdminConfig {
    fn default() -> Self {
        let tcp = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 27080);
        Self {
            address: if platform::UNIX_SOCKETS {
                Endpoint::Path("/run/terima/admin.sock".into())
            } else {
                Endpoint::Ip(tcp)
            },
            mode: 0o600,
            owner: None,
            group: None,
            token_file: Self::TOKEN_FILE.into(),
            open: vec![Open::Health, Open::Metrics],
            hosts: Vec::new(),
            connections: 16,
            timeout: Duration::from_secs(10),
            remember: Some(1000),
        }
    }
}
