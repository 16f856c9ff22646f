//! The socket of the admin interface, and the descriptors that its clients will need.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use super::auth::Policy;
use super::reserve::Reserve;
use super::token::{Token, TokenError};
use crate::config::Overrides;
use crate::config::meant::{AdminConfig, Config, Endpoint, SocketOptions};
use crate::listener::{Accepted, ListenAddress, Listening, Socket as _, TcpSocket, UnixSocket};
use crate::platform::{self, Account, SocketAccess, SocketFile};

/// Clients that wait until they are accepted, which they are at once.
const BACKLOG: i32 = 64;

/// What a running service's configuration was read from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<Config>,
    /// `None` = no file.
    pub(crate) file: Option<PathBuf>,
    pub(crate) overrides: Overrides,
}

/// An admin interface whose socket listens. No runtime serves it yet; dropped, it is closed.
pub(crate) struct Bound {
    pub(super) config: AdminConfig,
    pub(super) loaded: Loaded,
    pub(super) policy: Policy,
    pub(super) reserve: Reserve,
    listening: Listening,
}

/// Why there is no admin interface.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// It could not listen on its address.
    #[error("the admin interface cannot listen on {address}")]
    Bind {
        /// The address.
        address: ListenAddress,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no token, which it asks for over TCP.
    #[error("admin.token_file: {}", path.display())]
    Token {
        /// The token's file.
        path: PathBuf,
        /// What is the matter with it.
        #[source]
        source: TokenError,
    },
}

impl Bound {
    /// Binds it, if there is to be one; the files that it makes are given to `account`, which the process will be. It may block,
    /// for a second at most.
    ///
    /// # Errors
    ///
    /// The address can't be listened on, or there is no token.
    pub(crate) fn bind(loaded: Loaded, account: Account) -> Result<Option<Self>, AdminError> {
        let Some(config) = loaded.config.admin.clone() else { return Ok(None) };
        let listening = listen(&config, account)?;
        let token = config.is_tcp().then(|| token(&config.token_file, account)).transpose()?;
        Ok(Some(Self {
            policy: Policy::new(&config, token),
            reserve: Reserve::new(config.connections),
            config,
            loaded,
            listening,
        }))
    }

    /// Hands the socket to the runtime that this is called on.
    ///
    /// # Errors
    ///
    /// The runtime can't watch it.
    pub(crate) fn open(self) -> Result<Open, AdminError> {
        let address = self.listening.address();
        let door = match self.listening {
            Listening::Tcp { socket, address, options } => {
                TcpSocket::new(socket, address, options).map(Door::Tcp)
            }
            Listening::Unix { socket, file, .. } => UnixSocket::new(socket, file).map(Door::Unix),
        };
        let door = door.map_err(|source| AdminError::Bind { address: address.clone(), source })?;
        let Self { config, loaded, policy, reserve, .. } = self;
        Ok(Open { config, loaded, policy, reserve, address, door })
    }
}

/// An admin interface on a runtime; [`serve`](Self::serve) lets clients in.
pub(crate) struct Open {
    pub(super) config: AdminConfig,
    pub(super) loaded: Loaded,
    pub(super) policy: Policy,
    pub(super) reserve: Reserve,
    pub(super) address: ListenAddress,
    pub(super) door: Door,
}

impl Open {
    /// Where it listens: with port 0 in the file, the port that the system chose.
    pub(crate) fn address(&self) -> &ListenAddress {
        &self.address
    }
}

/// Where clients come in.
pub(super) enum Door {
    Tcp(TcpSocket),
    Unix(UnixSocket),
}

impl Door {
    /// Whether a client waits to be accepted.
    pub(super) fn is_waited_at(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.is_waited_at(),
            Self::Unix(socket) => socket.is_waited_at(),
        }
    }

    /// Accepts one client. Cancel safe.
    ///
    /// # Errors
    ///
    /// As accept(2).
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(socket) => socket.accept().await,
            Self::Unix(socket) => socket.accept().await,
        }
    }
}

fn token(path: &Path, account: Account) -> Result<Token, AdminError> {
    Token::read_or_make(path, account).map_err(|source| AdminError::Token { path: path.to_owned(), source })
}

fn listen(config: &AdminConfig, account: Account) -> Result<Listening, AdminError> {
    let options = SocketOptions { backlog: BACKLOG, ..SocketOptions::default() };
    let (listening, address) = match &config.address {
        Endpoint::Ip(address) => (Listening::tcp(*address, true, &options), ListenAddress::Tcp(*address)),
        Endpoint::Any(port) => {
            let every = (std::net::Ipv6Addr::UNSPECIFIED, *port).into();
            (Listening::any(*port, false, &options), ListenAddress::Tcp(every))
        }
        Endpoint::Path(path) => (unix(path, config, account), ListenAddress::Unix(path.clone())),
        // Refused where they are written.
        Endpoint::Name { .. } | Endpoint::Abstract(_) | Endpoint::Activated(_) => {
            (Err(io::ErrorKind::Unsupported.into()), ListenAddress::Abstract(config.address.to_string()))
        }
    };
    listening.map_err(|source| AdminError::Bind { address, source })
}

fn unix(path: &Path, config: &AdminConfig, account: Account) -> io::Result<Listening> {
    let missing =
        |key: &str, name: &str| io::Error::other(format!("{key}: there is no `{name}` on this machine"));
    let owner = match &config.owner {
        Some(name) => Some(platform::user_id(name)?.ok_or_else(|| missing("admin.owner", name))?),
        None => account.user,
    };
    let group = match &config.group {
        Some(name) => Some(platform::group_id(name)?.ok_or_else(|| missing("admin.group", name))?),
        None => account.group,
    };
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let file = SocketFile::listen(&socket, path, &SocketAccess { mode: config.mode, owner, group }, BACKLOG)?;
    Ok(Listening::Unix { socket, address: ListenAddress::Unix(path.to_owned()), file: Some(file) })
}
