//! From `server.toml` to a running server, and to its end.
//!
//! [`Builder`] knows the handlers and codecs by name; `load` makes a [`Ready`] of it and a file, or tells every problem
//! of the file; `start` makes a running [`Server`] of that.

mod accept_loop;
mod bind;
mod builder;
mod catalogue;
mod drain;
mod first_of;
mod metrics;
#[cfg(feature = "admin")]
mod phase;
mod ready;
mod start;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Gate;
use crate::connection::{Connections, Registry};
use crate::listener::{Heartbeat, ListenAddress, Queue};
use crate::telemetry::metrics::{ListenerMetrics, exposition};
#[cfg(feature = "admin")]
use crate::telemetry::remembered::{Gone, Remembered};

#[cfg(feature = "cli")]
pub(crate) use self::bind::Bound;
pub use self::builder::Builder;
pub use self::drain::Shutdown;
#[cfg(feature = "admin")]
pub(crate) use self::phase::{Draining, Phase};
pub use self::ready::Ready;
pub use self::start::StartError;

/// A running server. A handle: clones are the same server, and dropping them changes nothing.
#[derive(Clone)]
pub struct Server(Arc<Running>);

/// What the handles, the accept loops and the drain share.
struct Running {
    listeners: Vec<RunningListener>,
    registry: Arc<Registry>,
    connections: Arc<Gate>,
    accept_loops: TaskTracker,
    /// Ends the accept loops.
    stop: CancellationToken,
    /// Ends the drain before its deadline.
    abort: CancellationToken,
    /// When a shutdown was asked for: from then on the server is not ready any more.
    stopping: OnceLock<Instant>,
    lame_duck: Duration,
    drain_timeout: Option<Duration>,
    ended: watch::Sender<Option<Shutdown>>,
    /// Where the server was started.
    runtime: Handle,
    #[cfg(feature = "admin")]
    admin_address: Option<ListenAddress>,
    #[cfg(feature = "admin")]
    remembered: Option<Arc<Remembered>>,
}

struct RunningListener {
    name: Arc<str>,
    addresses: Vec<ListenAddress>,
    /// Those of them that are TCP's.
    tcp_addresses: Vec<SocketAddr>,
    heartbeats: Vec<Arc<Heartbeat>>,
    /// What waits at its sockets of TCP, by their addresses.
    queues: Vec<(String, Queue)>,
    connections: Arc<Gate>,
    metrics: Arc<ListenerMetrics>,
}

/// A listener of a running server, as of now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListenerStatus {
    /// Its name in the file.
    pub name: String,
    /// Where it listens: with port 0 in the file, the port that the system chose.
    pub addresses: Vec<ListenAddress>,
    /// Connections that it serves.
    pub connections: usize,
    /// Every accept loop of it is alive: its socket works and it has been running within the last seconds.
    pub healthy: bool,
    /// The age of the oldest heartbeat of its accept loops.
    pub heartbeat_age: Duration,
    /// Accepting pauses, because the system had no resources for it.
    pub paused: bool,
}

impl Server {
    /// Where a server begins: the built-in handlers and codecs are registered.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The addresses of TCP that a listener is bound to, in the order of the file; empty for a name that there is not.
    /// [`Server::listeners`] tells those of Unix sockets too.
    pub fn addresses(&self, listener: &str) -> &[SocketAddr] {
        let listener = self.0.listeners.iter().find(|running| &*running.name == listener);
        listener.map_or(&[], |running| &running.tcp_addresses)
    }

    /// Every listener, in the order of the file.
    pub fn listeners(&self) -> Vec<ListenerStatus> {
        self.0.listeners.iter().map(RunningListener::status).collect()
    }

    /// Where the admin interface listens, if the file has `[admin]`: with port 0 there, the port that the system chose.
    #[cfg(feature = "admin")]
    pub fn admin_address(&self) -> Option<&ListenAddress> {
        self.0.admin_address.as_ref()
    }

    /// The connections that are being served: how many, which, and a handle of each.
    ///
    /// ```no_run
    /// # use terima::{Framing, Server, SharedFrame};
    /// # fn tell(server: &Server) {
    /// let news = SharedFrame::new("the shop closes in ten minutes");
    /// for client in server.connections().handles() {
    ///     if let Some(sender) = client.sender::<Framing>() {
    ///         let _ = sender.try_send_shared(&news);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn connections(&self) -> Connections {
        Connections::new(Arc::clone(&self.0.registry), Arc::clone(&self.0.connections))
    }

    /// The latest connections that have ended, the last one first.
    #[cfg(feature = "admin")]
    pub(crate) fn remembered(&self, most: usize, wanted: impl Fn(&Gone) -> bool) -> Vec<Arc<Gone>> {
        self.0.remembered.as_ref().map_or_else(Vec::new, |remembered| remembered.latest(most, wanted))
    }

    /// Whether new clients are welcome: from `start` until a shutdown is asked for, the lame-duck time excluded.
    pub fn is_ready(&self) -> bool {
        self.0.stopping.get().is_none()
    }

    /// What the server counts and measures, for Prometheus: its text format, version 0.0.4. An HTTP server of one's own
    /// answers with it, and with [`Server::METRICS_CONTENT_TYPE`].
    ///
    /// Every name is explained in `docs/metrics.md`. It takes a few milliseconds with ten thousand connections, on the calling
    /// thread; connections and accept loops go on meanwhile.
    pub fn metrics(&self) -> String {
        metrics::expose(&self.0)
    }

    /// The `Content-Type` of [`Server::metrics`].
    pub const METRICS_CONTENT_TYPE: &str = exposition::CONTENT_TYPE;

    /// Stops the server and waits for its end.
    ///
    /// The server is not ready any more, accepts for `server.lame_duck` longer, then stops listening and drains: idle
    /// connections close at once, busy ones get the frames that had arrived and may answer them. It is over when the
    /// last connection has ended, or `server.drain_timeout` after the drain began: what is left then is cut off.
    ///
    /// Cancel safe: the shutdown goes on. Further calls wait for the same end.
    pub async fn shutdown(&self) -> Shutdown {
        drain::shutdown(&self.0).await
    }

    /// Waits until nothing is accepted any more and the last connection has ended: after a shutdown, or by itself where one
    /// connection is all there is to serve.
    ///
    /// Cancel safe.
    #[cfg(feature = "cli")]
    pub(crate) async fn ended(&self) {
        self.0.accept_loops.wait().await;
        // After the accept loops: what they accepted is inside by then.
        self.0.connections.empty().await;
    }

    /// Ends every connection now. What a shutdown would still have waited for is cut off.
    pub fn abort(&self) {
        self.0.abort.cancel();
        drain::begin(&self.0);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listeners", &self.listeners()).finish_non_exhaustive()
    }
}

impl RunningListener {
    fn status(&self) -> ListenerStatus {
        ListenerStatus {
            name: self.name.as_ref().to_owned(),
            addresses: self.addresses.clone(),
            connections: self.connections.inside(),
            healthy: self.heartbeats.iter().all(|heartbeat| heartbeat.is_healthy()),
            heartbeat_age: self.heartbeats.iter().map(|heartbeat| heartbeat.age()).max().unwrap_or_default(),
            paused: self.heartbeats.iter().any(|heartbeat| heartbeat.is_paused()),
        }
    }
}
