//! The end of a server: lame duck, stop accepting, drain, cut.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::Running;

/// How long accept loops and connections that were cut off are waited for. They end as soon as they are polled, but a
/// handler may block the thread.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Every connection ended by itself, and everything owed was delivered.
    Drained,
    /// The time was over, or it was aborted: connections were cut off.
    TimedOut {
        /// How many.
        aborted: usize,
    },
}

/// Begins the shutdown, unless it has begun, and tells whether it had not: it goes on whether or not somebody waits for it.
pub(super) fn begin(server: &Arc<Running>) -> bool {
    let begins = server.stopping.set(Instant::now()).is_ok();
    if begins {
        let driven = Arc::clone(server);
        server.runtime.spawn(async move { run(&driven).await });
    }
    begins
}

/// Sees the shutdown to its end.
///
/// The caller drives it too, beside the task that [`begin`] spawned: that one is on the server's own runtime, whose workers
/// handlers may all have blocked. Every step may be done twice.
pub(super) async fn shutdown(server: &Arc<Running>) -> Shutdown {
    begin(server);
    let mut ended = server.ended.subscribe();
    tokio::select! {
        shutdown = run(server) => shutdown,
        Ok(shutdown) = ended.wait_for(Option::is_some) => shutdown.unwrap_or(Shutdown::Drained),
    }
}

async fn run(server: &Running) -> Shutdown {
    let began = *server.stopping.get_or_init(Instant::now);
    let draining = began + server.lame_duck;
    tokio::select! {
        () = sleep_until(draining) => {}
        () = server.abort.cancelled() => {}
    }
    debug!(connections = server.connections.inside(), "the drain begins");
    server.stop.cancel();
    server.accept_loops.close();
    let drained = async {
        server.accept_loops.wait().await;
        server.registry.begin_drain();
        server.connections.empty().await;
    };
    tokio::select! {
        biased;
        () = drained => {}
        () = until(server.drain_timeout.and_then(|limit| draining.checked_add(limit))) => cut(server).await,
        () = server.abort.cancelled() => cut(server).await,
    }
    conclude(server)
}

/// Waits for the end, whoever asked for it, or nobody where one connection was all there was to serve.
pub(super) async fn ended(server: &Running) -> Shutdown {
    let mut ended = server.ended.subscribe();
    let by_itself = async {
        server.accept_loops.wait().await;
        // After the accept loops: what they accepted is inside by then.
        server.connections.empty().await;
    };
    tokio::select! {
        Ok(shutdown) = ended.wait_for(Option::is_some) => shutdown.unwrap_or(Shutdown::Drained),
        () = by_itself => conclude(server),
    }
}

/// Tells how it ended. Everybody is told the same.
fn conclude(server: &Running) -> Shutdown {
    let aborted = server.registry.aborted();
    let ended = if aborted == 0 { Shutdown::Drained } else { Shutdown::TimedOut { aborted } };
    server.ended.send_if_modified(|told| told.is_none() && told.replace(ended).is_none());
    server.ended.borrow().unwrap_or(ended)
}

/// Cuts off what is left. Those that only wait for their client to close are not counted: they have delivered what they
/// owed.
async fn cut(server: &Running) {
    // Again, as the accept loops may not have ended: whoever enters from now on is drained too.
    server.registry.begin_drain();
    server.registry.abort();
    let ended = async {
        server.accept_loops.wait().await;
        // Those that they took from the backlog at last.
        server.registry.abort();
        server.connections.empty().await;
    };
    let _ = timeout(CUT_GRACE, ended).await;
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
