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
mod layers;
mod metrics;
#[cfg(feature = "admin")]
mod phase;
#[cfg(feature = "testing")]
mod probe;
mod ready;
#[cfg(feature = "schema")]
mod schema;
mod start;
mod status;
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
use tracing::info;

#[cfg(feature = "admin")]
use crate::admission::Access;
use crate::admission::Gate;
use crate::config::watch::Watchable;
use crate::connection::{Connections, Registry};
use crate::listener::{Heartbeat, ListenAddress, Queue};
#[cfg(feature = "admin")]
use crate::telemetry::metrics::Figures;
use crate::telemetry::metrics::{ListenerMetrics, exposition};
#[cfg(feature = "admin")]
use crate::telemetry::remembered::{Gone, Remembered};

#[cfg(feature = "cli")]
pub(crate) use self::bind::Bound;
pub use self::builder::Builder;
pub use self::drain::Shutdown;
#[cfg(feature = "admin")]
pub(crate) use self::phase::{Draining, Phase};
#[cfg(feature = "testing")]
pub(crate) use self::probe::Probe;
pub use self::ready::Ready;
pub use self::start::StartError;
pub use self::status::{ListenerState, ListenerStatus};

/// A running server. A handle: clones are the same server, and dropping them changes nothing.
#[derive(Clone)]
pub struct Server(Arc<Running>);

/// What the handles, the accept loops and the drain share.
struct Running {
    listeners: Vec<RunningListener>,
    registry: Arc<Registry>,
    connections: Arc<Gate>,
    /// What is read again when it changes, each once.
    files: Vec<Arc<dyn Watchable>>,
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
    #[cfg(feature = "admin")]
    access: Arc<Access>,
    paused: Arc<watch::Sender<bool>>,
}

/// There is no listener of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no listener `{0}`")]
pub struct UnknownListener(String);

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
        self.0.listeners.iter().map(|listener| listener.status(&self.0.connections)).collect()
    }

    /// What was counted for a listener; `None` for a name that there is not.
    #[cfg(feature = "admin")]
    pub(crate) fn figures(&self, listener: &str) -> Option<Figures> {
        let listener = self.0.listeners.iter().find(|running| &*running.name == listener);
        listener.map(|listener| listener.metrics.read())
    }

    /// Who may come in to a listener.
    #[cfg(feature = "admin")]
    pub(crate) fn access(&self, listener: &str) -> Option<&Access> {
        self.0.listeners.iter().find(|running| &*running.name == listener).map(|running| &*running.access)
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

    /// Stops accepting on a listener, until [`resume`](Self::resume). Connections in progress go on.
    ///
    /// The sockets stay: for a peer that connects meanwhile it looks as if the server were slow, and it is served on
    /// `resume`, or when the server stops. Once `socket.backlog` peers wait, the system ignores or refuses further ones; so
    /// this is for minutes, and not instead of `limits.connections`. Who connects after this has returned is not served before
    /// `resume`.
    ///
    /// # Errors
    ///
    /// [`UnknownListener`]: there is none of that name.
    pub fn pause(&self, listener: &str) -> Result<(), UnknownListener> {
        self.set_paused(listener, true)
    }

    /// Accepts again on a listener that was paused. On one that was not, it does nothing.
    ///
    /// # Errors
    ///
    /// [`UnknownListener`]: there is none of that name.
    pub fn resume(&self, listener: &str) -> Result<(), UnknownListener> {
        self.set_paused(listener, false)
    }

    fn set_paused(&self, name: &str, paused: bool) -> Result<(), UnknownListener> {
        let listener = self.0.listeners.iter().find(|listener| &*listener.name == name);
        let listener = listener.ok_or_else(|| UnknownListener(name.to_owned()))?;
        if listener.paused.send_replace(paused) != paused {
            info!(listener = name, "{}", if paused { "accepting is paused" } else { "accepting is resumed" });
        }
        Ok(())
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

    /// Waits for the server's end, whoever asks for it: until nothing is accepted any more and the last connection has
    /// ended, or was cut off. At once if that is so already.
    ///
    /// It asks for nothing itself; that is what [`shutdown`](Self::shutdown) does. Cancel safe: nothing is changed by waiting.
    pub async fn ended(&self) -> Shutdown {
        drain::ended(&self.0).await
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
