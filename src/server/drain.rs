//! The end of a server: lame duck, stop accepting, drain, cut.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::Running;

/// How long connections that were cut off are waited for. They end as soon as they are polled; one whose handler blocks
/// its thread never is.
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

/// Begins the shutdown, unless it has begun.
pub(super) fn begin(server: &Arc<Running>) {
    if !server.stopping.swap(true, Ordering::AcqRel) {
        // On the caller's runtime where there is one: the server's workers may all be blocked by handlers.
        let runtime = Handle::try_current().unwrap_or_else(|_| server.runtime.clone());
        let server = Arc::clone(server);
        runtime.spawn(async move {
            let ended = run(&server).await;
            server.ended.send_replace(Some(ended));
        });
    }
}

/// Resolves when the server has ended.
pub(super) async fn ended(server: &Running) -> Shutdown {
    let mut ended = server.ended.subscribe();
    loop {
        if let Some(shutdown) = *ended.borrow_and_update() {
            return shutdown;
        }
        // The sender lives in `server`.
        if ended.changed().await.is_err() {
            return pending().await;
        }
    }
}

async fn run(server: &Running) -> Shutdown {
    tokio::select! {
        () = sleep(server.lame_duck) => {}
        () = server.abort.cancelled() => {}
    }
    server.stop.cancel();
    server.accept_loops.close();
    server.accept_loops.wait().await;
    debug!(connections = server.connections.inside(), "draining");
    server.registry.begin_drain();
    tokio::select! {
        biased;
        () = server.connections.empty() => return Shutdown::Drained,
        () = sleep_or_forever(server.drain_timeout) => {}
        () = server.abort.cancelled() => {}
    }
    let aborted = server.registry.abort();
    // Those that only wait for their client to close are not cut off: they have delivered what they owed.
    let _ = timeout(CUT_GRACE, server.connections.empty()).await;
    if aborted == 0 { Shutdown::Drained } else { Shutdown::TimedOut { aborted } }
}

async fn sleep_or_forever(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}
