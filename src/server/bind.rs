//! Binds everything that a configuration listens on, before anything is served.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::net::lookup_host;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::ready::{Ready, ReadyListener};
use super::start::StartError;
#[cfg(feature = "admin")]
use crate::admin::{self, Loaded};
use crate::admission::Access;
use crate::config::{Config, Endpoint, SocketOptions};
use crate::listener::{ListenAddress, Listening, activated_names};
use crate::platform;
use crate::telemetry::escape::Escaped;

/// A configuration whose sockets all listen. Clients can connect; nobody answers them yet.
pub(crate) struct Bound {
    pub(super) config: Arc<Config>,
    pub(super) listeners: Vec<BoundListener>,
    pub(super) once: bool,
    #[cfg(feature = "admin")]
    pub(super) admin: Option<admin::Bound>,
    /// Once that is opened.
    #[cfg(feature = "admin")]
    pub(super) admin_address: Option<ListenAddress>,
}

pub(super) struct BoundListener {
    pub(super) ready: ReadyListener,
    pub(super) access: Access,
    pub(super) sockets: Vec<Listening>,
}

/// A listener, and for each of its endpoints the addresses of TCP that it stands for.
struct Resolved {
    ready: ReadyListener,
    endpoints: Vec<(Endpoint, Vec<SocketAddr>)>,
}

/// Binds all or nothing. Needs a runtime for the names, and registers nothing with it.
pub(super) async fn bind(ready: Ready) -> Result<Bound, StartError> {
    #[cfg(feature = "admin")]
    let loaded = Loaded { config: ready.config.clone(), file: ready.file, overrides: ready.overrides };
    #[cfg(feature = "admin")]
    let account = ready.account;
    let (config, listeners, once) = (ready.config, ready.listeners, ready.once);
    let mut resolved = Vec::with_capacity(listeners.len());
    for ready in listeners {
        resolved.push(resolve(ready).await?);
    }
    let all: Vec<SocketAddr> = resolved
        .iter()
        .flat_map(|listener| listener.endpoints.iter().flat_map(|(_, addresses)| addresses.iter().copied()))
        .collect();
    let named: Vec<Endpoint> = resolved
        .iter()
        .flat_map(|listener| listener.endpoints.iter().map(|(endpoint, _)| endpoint.clone()))
        .collect();
    // Users and groups are looked up, and a folder's lock is waited for.
    let bind = move || {
        let listeners = resolved.into_iter().map(|listener| listener.bind(&all)).collect::<Result<_, _>>()?;
        warn_of_unserved(&named);
        Ok::<_, StartError>(Bound {
            config,
            listeners,
            once,
            #[cfg(feature = "admin")]
            admin: admin::Bound::bind(loaded, account)?,
            #[cfg(feature = "admin")]
            admin_address: None,
        })
    };
    match spawn_blocking(bind).await {
        Ok(bound) => bound,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only a runtime that ends cancels it.
            Err(_) => pending().await,
        },
    }
}

async fn resolve(ready: ReadyListener) -> Result<Resolved, StartError> {
    let mut endpoints = Vec::with_capacity(ready.addresses.len());
    for endpoint in &ready.addresses {
        let addresses = match endpoint {
            Endpoint::Ip(address) => vec![*address],
            Endpoint::Name { host, port } => look_up(host, *port).await.map_err(|source| {
                StartError::Resolve { listener: ready.name.to_string(), name: host.clone(), source }
            })?,
            Endpoint::Any(_) | Endpoint::Path(_) | Endpoint::Abstract(_) | Endpoint::Activated(_) => {
                Vec::new()
            }
        };
        endpoints.push((endpoint.clone(), addresses));
    }
    Ok(Resolved { ready, endpoints })
}

/// Whoever connects to a socket that the service manager has opened, and nobody serves, waits for ever.
fn warn_of_unserved(named: &[Endpoint]) {
    for name in activated_names() {
        if !named.contains(&Endpoint::Activated(name.clone())) {
            warn!(socket = %Escaped(&name), "no listener names this socket of systemd: nobody answers who connects to it");
        }
    }
}

/// What a name stands for, each address once.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for address in lookup_host((host, port)).await? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    Ok(addresses)
}

impl BoundListener {
    /// Looks up whom it lets in.
    pub(super) fn new(ready: ReadyListener, sockets: Vec<Listening>) -> Result<Self, StartError> {
        match Access::new(&ready.access) {
            Ok(access) => Ok(Self { ready, access, sockets }),
            Err(error) => Err(StartError::Access { listener: ready.name.to_string(), source: error.into() }),
        }
    }
}

impl Resolved {
    fn bind(self, all: &[SocketAddr]) -> Result<BoundListener, StartError> {
        let Self { ready, endpoints } = self;
        let mut sockets = Vec::with_capacity(endpoints.len());
        for (endpoint, addresses) in endpoints {
            bind_endpoint(&ready, &endpoint, &addresses, all, &mut sockets)?;
        }
        BoundListener::new(ready, sockets)
    }
}

fn bind_endpoint(
    ready: &ReadyListener,
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
    all: &[SocketAddr],
    sockets: &mut Vec<Listening>,
) -> Result<(), StartError> {
    let options = &ready.socket;
    let failed = |address: ListenAddress| {
        let listener = ready.name.to_string();
        move |source| StartError::Bind { listener, address, source }
    };
    match endpoint {
        Endpoint::Path(path) => {
            sockets.push(Listening::path(path, options).map_err(failed(ListenAddress::Unix(path.clone())))?);
        }
        Endpoint::Abstract(name) => {
            sockets
                .push(Listening::name(name, options).map_err(failed(ListenAddress::Abstract(name.clone())))?);
        }
        Endpoint::Activated(name) => {
            let passed = Listening::activated(name, options);
            sockets.extend(passed.map_err(|source| StartError::Activation {
                listener: ready.name.to_string(),
                name: name.clone(),
                source,
            })?);
        }
        Endpoint::Any(port) => {
            let every = SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), *port);
            let socket = Listening::any(*port, only_v6(every, options, all), options);
            sockets.push(socket.map_err(failed(ListenAddress::Tcp(every)))?);
        }
        Endpoint::Ip(_) | Endpoint::Name { .. } => {
            let before = sockets.len();
            for (index, &address) in addresses.iter().enumerate() {
                match Listening::tcp(address, only_v6(address, options, all), options) {
                    Ok(socket) => sockets.push(socket),
                    // `localhost` stands for ::1 also where IPv6 is switched off.
                    Err(error)
                        if platform::lacks_address(&error)
                            && (sockets.len() > before || index + 1 < addresses.len()) =>
                    {
                        warn!(listener = %ready.name, %address, %endpoint, %error, "an address of a name is left out");
                    }
                    Err(error) => return Err(failed(ListenAddress::Tcp(address))(error)),
                }
            }
        }
    }
    Ok(())
}

/// Whether an IPv6 socket leaves IPv4 alone: always, but for a wildcard without an IPv4 twin on its port, unless
/// `socket.only_v6` says otherwise.
fn only_v6(address: SocketAddr, options: &SocketOptions, all: &[SocketAddr]) -> bool {
    let twin = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port() && address.port() != 0;
    match address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => options.only_v6.unwrap_or_else(|| all.iter().any(twin)),
        _ => true,
    }
}
