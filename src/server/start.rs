//! From bound sockets to a running server.

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept_loop::{AcceptLoop, Entrance};
use super::bind::{Bound, BoundListener};
use super::first_of::FirstOf;
use super::ready::ReadyListener;
use super::reply::{self, Reply};
use super::{Running, RunningListener, Server, memory, watchdog};
use crate::BoxError;
#[cfg(feature = "admin")]
use crate::admin::AdminError;
use crate::admission::{Access, Admission, Bucket, Clients, Crowd, Gate, Prefixes};
#[cfg(feature = "admin")]
use crate::config::meant::AdminConfig;
use crate::config::watch::Watchable;
use crate::config::{Config, Limits, MaxConnections};
#[cfg(feature = "admin")]
use crate::connection::Questions;
use crate::connection::{Budget, Registry, Settings};
use crate::listener::{
    ActivationError, Heartbeat, ListenAddress, Listener, Listening, Queue, Socket, Spare, TcpSocket,
    UnixSocket,
};
#[cfg(feature = "testing")]
use crate::listener::{Script, Scripted};
use crate::platform;
use crate::telemetry::Sampler;
use crate::telemetry::metrics::ListenerMetrics;
#[cfg(feature = "admin")]
use crate::telemetry::remembered::Remembered;

/// Descriptors that `max_connections = "auto"` leaves for everything that is not a connection: the standard streams, the
/// runtime's own, files that figures are read from, files and pipes of handlers.
const RESERVED_DESCRIPTORS: usize = 32;

/// How many connections `limits.establishing = "auto"` lets be established at once: half of those that there may be, so that
/// peers that say nothing leave the other half to the others, and never more than this.
const MOST_ESTABLISHING: usize = 1024;

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
        address: ListenAddress,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A socket that the service manager should have passed is not there, or none that can be served.
    #[error("listener `{listener}` cannot listen on systemd:{name}")]
    Activation {
        /// The listener's name.
        listener: String,
        /// What the socket is called.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ActivationError,
    },
    /// The admin interface could not be opened: its address, or its token.
    #[cfg(feature = "admin")]
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A listener lets in a user or a group over Unix sockets that the system does not know.
    #[error("listener `{listener}` cannot tell whom to let in")]
    Access {
        /// The listener's name.
        listener: String,
        /// Which user or group it is.
        #[source]
        source: BoxError,
    },
    /// A listener's address is a name that could not be looked up.
    #[error("listener `{listener}` cannot listen on {name}: the name is not known")]
    Resolve {
        /// The listener's name.
        listener: String,
        /// The name, without its port.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Serves what is bound, on the runtime that this is called on.
pub(super) fn serve(bound: Bound) -> Result<Server, StartError> {
    #[cfg(feature = "admin")]
    let admin_address = bound.admin_address;
    let (config, listeners, once) = (bound.config, bound.listeners, bound.once);
    // Before the first accept loop runs: if one socket can't be served, none is.
    let mut open = Vec::with_capacity(listeners.len());
    for BoundListener { ready, access, sockets } in listeners {
        let sockets = sockets.into_iter().map(|socket| {
            let address = socket.address();
            let opened = OpenSocket::new(socket);
            let failed = |source| StartError::Bind {
                listener: ready.name.to_string(),
                address: address.clone(),
                source,
            };
            Ok::<_, StartError>((opened.map_err(failed)?, address.clone()))
        });
        let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
        open.push(OpenListener { ready, access: Arc::new(access), sockets });
    }
    let running = run(&config, open, once);
    #[cfg(feature = "admin")]
    let running = Running { admin_address, ..running };
    Ok(Server(Arc::new(running)))
}

/// A listener whose sockets are on the runtime.
struct OpenListener {
    ready: ReadyListener,
    access: Arc<Access>,
    sockets: Vec<(OpenSocket, ListenAddress)>,
}

enum OpenSocket {
    Tcp(TcpSocket),
    Unix(UnixSocket),
}

impl OpenSocket {
    fn new(socket: Listening) -> io::Result<Self> {
        match socket {
            Listening::Tcp { socket, address, options } => {
                TcpSocket::new(socket, address, options).map(Self::Tcp)
            }
            Listening::Unix { socket, file, .. } => UnixSocket::new(socket, file).map(Self::Unix),
        }
    }

    /// What waits at it; the system tells that of TCP alone.
    fn queue(&self) -> Option<Queue> {
        match self {
            Self::Tcp(socket) => Some(socket.queue()),
            Self::Unix(_) => None,
        }
    }
}

/// Runs the accept loops. Nothing can fail any more.
fn run(config: &Config, open: Vec<OpenListener>, once: bool) -> Running {
    platform::keep_figures();
    let addresses: usize = open.iter().map(|listener| listener.sockets.len()).sum();
    let told = if open.iter().any(|listener| listener.ready.reply.is_some()) { reply::MOST } else { 0 };
    let connections = Arc::new(Gate::new(max_connections(config, addresses + told)));
    let registry = Arc::new(Registry::new());
    let budget = Arc::new(Budget::new(memory::limit(config.server.max_buffered)));
    if budget.limit().is_some() {
        tokio::spawn(memory::keep(Arc::downgrade(&registry), Arc::clone(&budget)));
    }
    let blocked = watchdog::start(Handle::current().metrics(), &connections);
    let replies = Arc::new(Semaphore::new(reply::MOST));
    let last_id = Arc::new(AtomicU64::new(0));
    let spare = Arc::new(Spare::new());
    let stop = CancellationToken::new();
    let accept_loops = TaskTracker::new();
    #[cfg(feature = "admin")]
    let remembered =
        config.admin.as_ref().and_then(|admin| admin.remember).map(Remembered::new).map(Arc::new);
    let mut only = once.then(FirstOf::default);
    let mut listeners = Vec::with_capacity(open.len());
    let files = keep_watch(&open);
    let layered = open.iter().filter(|listener| !listener.ready.layers.list.is_empty()).count();
    for OpenListener { ready, access, sockets } in open {
        let gate = Arc::new(Gate::new(ready.limits.connections));
        let admission = admission(&ready, &connections, &gate, layered);
        #[cfg(feature = "testing")]
        let (script, on_end) = ready.probe.map(|probe| (probe.script, probe.on_end)).unzip();
        let metrics = Arc::new(ListenerMetrics::new());
        let settings = Arc::new(Settings {
            name: Arc::clone(&ready.name),
            service: ready.service,
            limits: ready.limits,
            timeouts: ready.timeouts,
            drain_timeout: config.server.drain_timeout,
            metrics: Arc::clone(&metrics),
            #[cfg(feature = "admin")]
            questions: Questions::default(),
            #[cfg(feature = "admin")]
            remembered: remembered.clone(),
            access: config.log.access,
            failures: Sampler::new(),
            lists: access,
            barred: Sampler::new(),
            dry_runs: Sampler::new(),
            admission,
            refusals: Sampler::new(),
            budget: Arc::clone(&budget),
            layers: ready.layers.list,
            #[cfg(feature = "tls")]
            tls: ready.layers.tls,
            #[cfg(feature = "testing")]
            on_end,
        });
        let reply = ready.reply.map(|frame| Reply::new(frame, Arc::clone(&replies)));
        let paused = Arc::new(watch::Sender::new(false));
        let entrance = Arc::new(Entrance {
            settings: Arc::clone(&settings),
            registry: Arc::clone(&registry),
            paused: Arc::clone(&paused),
            last_id: Arc::clone(&last_id),
            fillings: Sampler::at_most(1, FILLINGS_EVERY),
            reply,
        });
        let mut running = RunningListener {
            name: ready.name,
            addresses: Vec::new(),
            tcp_addresses: Vec::new(),
            heartbeats: Vec::new(),
            queues: Vec::new(),
            connections: gate,
            settings: Arc::clone(&settings),
            metrics,
            paused,
            #[cfg(feature = "tls")]
            tls: settings.tls.clone(),
        };
        let start = Start {
            entrance: &entrance,
            spare: &spare,
            stop: &stop,
            #[cfg(feature = "testing")]
            script,
        };
        #[cfg(feature = "testing")]
        if let (Some(script), true) = (&start.script, sockets.is_empty()) {
            running.heartbeats.push(start.accept_loop(script.clone(), &accept_loops, only.as_mut()));
        }
        for (socket, address) in sockets {
            running.tcp_addresses.extend(address.tcp());
            running.queues.extend(socket.queue().map(|queue| (address.to_string(), queue)));
            running.addresses.push(address);
            running.heartbeats.push(match socket {
                OpenSocket::Tcp(socket) => start.accept_loop(socket, &accept_loops, only.as_mut()),
                OpenSocket::Unix(socket) => start.accept_loop(socket, &accept_loops, only.as_mut()),
            });
        }
        listeners.push(running);
    }
    if let Some(only) = only {
        accept_loops.spawn(only);
        // Nothing more is spawned, so that its end can be waited for.
        accept_loops.close();
    }
    Running {
        listeners,
        registry,
        connections,
        files,
        budget,
        blocked,
        accept_loops,
        stop,
        abort: CancellationToken::new(),
        stopping: OnceLock::new(),
        lame_duck: config.server.lame_duck,
        drain_timeout: config.server.drain_timeout,
        ended: watch::Sender::new(None),
        runtime: Handle::current(),
        #[cfg(feature = "admin")]
        admin_address: None,
        #[cfg(feature = "admin")]
        remembered,
    }
}

/// Has files looked at from now on: each once, though several listeners may have it.
fn keep_watch(listeners: &[OpenListener]) -> Vec<Arc<dyn Watchable>> {
    let mut watched: Vec<Arc<dyn Watchable>> = Vec::new();
    for file in listeners.iter().flat_map(|listener| listener.access.files()) {
        let one = file.watchable();
        if !watched.iter().any(|other| Arc::ptr_eq(other, &one)) {
            file.keep_watch();
            watched.push(one);
        }
    }
    #[cfg(feature = "tls")]
    for tls in listeners.iter().filter_map(|listener| listener.ready.layers.tls.as_ref()) {
        tls.keep_watch();
        watched.push(tls.watchable());
    }
    watched
}

/// What an accept loop is made of, beside its socket.
struct Start<'a> {
    entrance: &'a Arc<Entrance>,
    spare: &'a Arc<Spare>,
    stop: &'a CancellationToken,
    #[cfg(feature = "testing")]
    script: Option<Script>,
}

impl Start<'_> {
    /// Starts one; tells where its heart beats.
    fn accept_loop(
        &self,
        socket: impl Socket,
        tasks: &TaskTracker,
        only: Option<&mut FirstOf>,
    ) -> Arc<Heartbeat> {
        #[cfg(feature = "testing")]
        let socket = Scripted { script: self.script.clone(), socket };
        let heartbeat = Arc::new(Heartbeat::new());
        let settings = &self.entrance.settings;
        let (name, when_full) = (Arc::clone(&settings.name), settings.limits.when_full);
        let (spare, metrics) = (Arc::clone(self.spare), Arc::clone(&settings.metrics));
        let listener = Listener::new(socket, name, when_full, spare, Arc::clone(&heartbeat), metrics);
        let accept_loop = AcceptLoop::new(listener, Arc::clone(self.entrance));
        match only {
            Some(only) => only.add(Arc::clone(&heartbeat), accept_loop.run_once(self.stop.clone())),
            None => drop(tasks.spawn(accept_loop.run(self.stop.clone()))),
        }
        heartbeat
    }
}

/// Who is let in to a listener.
fn admission(ready: &ReadyListener, server: &Arc<Gate>, listener: &Arc<Gate>, layered: usize) -> Admission {
    let limits = &ready.limits;
    let prefixes = Prefixes { v4: limits.prefix_v4, v6: limits.prefix_v6 };
    let clients = Clients::new(limits.connections_per_client, limits.rate_per_client, prefixes);
    // A plain connection is established at once.
    let crowd =
        (!ready.layers.list.is_empty()).then(|| Crowd::new(establishing(limits, server.limit(), layered)));
    Admission::new(Arc::clone(server), Arc::clone(listener))
        .with_rate(limits.rate.map(Bucket::new))
        .with_clients(clients)
        .with_establishing(crowd)
}

/// `limits.establishing` of one of so many listeners that have something to establish; `None` = no limit.
fn establishing(limits: &Limits, server: Option<usize>, layered: usize) -> Option<usize> {
    match limits.establishing {
        MaxConnections::Unlimited => None,
        MaxConnections::At(limit) => Some(limit),
        MaxConnections::Auto => {
            // They share the process: silent peers of all of them together leave half of it to the others.
            let shared = server.map(|places| places / layered);
            let places = limits.connections.into_iter().chain(shared).min();
            Some(places.map_or(MOST_ESTABLISHING, |places| (places / 2).clamp(1, MOST_ESTABLISHING)))
        }
    }
}

/// `server.max_connections`; `None` = no limit.
///
/// `more` descriptors are for what this start needs of its own.
fn max_connections(config: &Config, more: usize) -> Option<usize> {
    match config.server.max_connections {
        MaxConnections::Unlimited => None,
        MaxConnections::At(limit) => Some(limit),
        MaxConnections::Auto => {
            let descriptors = platform::descriptor_limit()?;
            let reserved = RESERVED_DESCRIPTORS + more + admin_descriptors(config);
            Some(descriptors.saturating_sub(reserved).max(1))
        }
    }
}

/// Those that the admin interface has set aside.
#[cfg(feature = "admin")]
fn admin_descriptors(config: &Config) -> usize {
    config.admin.as_ref().map_or(0, AdminConfig::descriptors)
}

#[cfg(not(feature = "admin"))]
fn admin_descriptors(_config: &Config) -> usize {
    0
}
