//! From a checked configuration to a running server: everything is bound before anything is served.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept_loop::{AcceptLoop, Entrance};
use super::ready::{Ready, ReadyListener};
use super::{Running, RunningListener, Server};
use crate::admission::{Admission, Gate};
use crate::config::{Config, MaxConnections};
use crate::connection::{Registry, Settings};
use crate::listener::{Heartbeat, Listener, Spare, TcpSocket, bind};
use crate::platform;
use crate::telemetry::Sampler;

/// Descriptors that `max_connections = "auto"` leaves for everything that is not a connection: the standard streams, the
/// runtime's own, files and pipes of handlers.
const RESERVED_DESCRIPTORS: usize = 32;

/// How often at most a listener says that it is full.
const FILLINGS_EVERY: Duration = Duration::from_secs(60);

/// Why a server did not start. Nothing is bound and nothing runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not listen on one of its addresses.
    #[error("listener `{listener}` cannot listen on {address}")]
    Bind {
        /// The listener's name.
        listener: String,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A listener whose sockets are bound.
struct Bound {
    ready: ReadyListener,
    sockets: Vec<TcpSocket>,
}

pub(super) fn start(ready: Ready) -> Result<Server, StartError> {
    let Ready { config, listeners } = ready;
    let addresses = config.listeners.iter().flat_map(|listener| listener.addresses.iter().copied());
    let addresses: Vec<_> = addresses.collect();
    let bound =
        listeners.into_iter().map(|ready| bind_all(ready, &addresses)).collect::<Result<Vec<_>, _>>()?;
    Ok(serve(&config, bound, addresses.len()))
}

fn bind_all(ready: ReadyListener, all: &[SocketAddr]) -> Result<Bound, StartError> {
    let bind = |&address: &SocketAddr| {
        let socket = bind(address, only_v6(address, all)).and_then(TcpSocket::new);
        socket.map_err(|source| StartError::Bind { listener: ready.name.to_string(), address, source })
    };
    let sockets = ready.addresses.iter().map(bind).collect::<Result<_, _>>()?;
    Ok(Bound { ready, sockets })
}

/// Whether an IPv6 socket leaves IPv4 alone: always, but for a wildcard without an IPv4 twin on its port.
fn only_v6(address: SocketAddr, all: &[SocketAddr]) -> bool {
    let twin = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port() && address.port() != 0;
    match address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => all.iter().any(twin),
        _ => true,
    }
}

/// Runs the accept loops. Nothing can fail any more.
fn serve(config: &Config, bound: Vec<Bound>, addresses: usize) -> Server {
    let connections = Arc::new(Gate::new(max_connections(config.server.max_connections, addresses)));
    let registry = Arc::new(Registry::new());
    let last_id = Arc::new(AtomicU64::new(0));
    let spare = Arc::new(Spare::new());
    let stop = CancellationToken::new();
    let accept_loops = TaskTracker::new();
    let mut listeners = Vec::with_capacity(bound.len());
    for Bound { ready, sockets } in bound {
        let gate = Arc::new(Gate::new(ready.limits.connections));
        let settings = Arc::new(Settings {
            name: Arc::clone(&ready.name),
            limits: ready.limits,
            timeouts: ready.timeouts,
            drain_timeout: config.server.drain_timeout,
            access: config.log.access,
            failures: Sampler::new(),
            layers: Vec::new(),
        });
        let entrance = Arc::new(Entrance {
            admission: Admission::new(Arc::clone(&connections), Arc::clone(&gate)),
            settings: Arc::clone(&settings),
            service: ready.service,
            registry: Arc::clone(&registry),
            last_id: Arc::clone(&last_id),
            refusals: Sampler::new(),
            fillings: Sampler::at_most(1, FILLINGS_EVERY),
        });
        let mut running = RunningListener {
            name: ready.name,
            addresses: Vec::new(),
            heartbeats: Vec::new(),
            connections: gate,
        };
        for socket in sockets {
            let heartbeat = Arc::new(Heartbeat::new());
            running.addresses.push(socket.bound());
            running.heartbeats.push(Arc::clone(&heartbeat));
            let name = Arc::clone(&settings.name);
            let listener =
                Listener::new(socket, name, settings.limits.when_full, Arc::clone(&spare), heartbeat);
            accept_loops.spawn(AcceptLoop::new(listener, Arc::clone(&entrance)).run(stop.clone()));
        }
        listeners.push(running);
    }
    Server(Arc::new(Running {
        listeners,
        registry,
        connections,
        accept_loops,
        stop,
        abort: CancellationToken::new(),
        stopping: OnceLock::new(),
        lame_duck: config.server.lame_duck,
        drain_timeout: config.server.drain_timeout,
        ended: watch::Sender::new(None),
        runtime: Handle::current(),
    }))
}

/// `server.max_connections`; `None` = no limit.
fn max_connections(configured: MaxConnections, addresses: usize) -> Option<usize> {
    match configured {
        MaxConnections::Unlimited => None,
        MaxConnections::At(limit) => Some(limit),
        MaxConnections::Auto => {
            let descriptors = platform::descriptor_limit()?;
            Some(descriptors.saturating_sub(RESERVED_DESCRIPTORS + addresses).max(1))
        }
    }
}
