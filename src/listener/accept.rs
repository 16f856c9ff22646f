//! Accepting without fail.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::heartbeat::Heartbeat;
use super::socket::{Accepted, Socket};
use super::spare::Spare;
use crate::config::WhenFull;
use crate::platform::{self, Blame};
use crate::telemetry::metrics::{ListenerMetrics, Refused};

/// The first pause after an error that is ours; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// So many connections in a row may have been gone before they were accepted. Beyond it, what is said of each is our
/// problem after all: a security policy answers EPERM for ever.
const MOST_SKIPPED: u32 = 64;

/// Without an error for so long, an episode is over. Without it a service at the edge of its descriptors, which can
/// accept one connection in two, would log each of them.
const QUIET: Duration = Duration::from_secs(10);

/// A socket that connections are accepted from, whatever goes wrong.
pub(crate) struct Listener<S> {
    socket: S,
    name: Arc<str>,
    when_full: WhenFull,
    spare: Arc<Spare>,
    heartbeat: Arc<Heartbeat>,
    metrics: Arc<ListenerMetrics>,
    pause: Option<Pause>,
    episode: Option<Episode>,
    /// Connections that were gone before they were accepted, since the last one that was not.
    skipped: u32,
    /// The socket is dead, and that was said.
    dead: bool,
}

/// Accepting waits until then.
struct Pause {
    until: Instant,
    length: Duration,
}

/// A time in which accepting failed again and again: one line in the log when it begins, one when it is over.
struct Episode {
    began: Instant,
    last: Instant,
    errors: u64,
    turned_away: u64,
}

impl<S: Socket> Listener<S> {
    pub(crate) fn new(
        socket: S,
        name: Arc<str>,
        when_full: WhenFull,
        spare: Arc<Spare>,
        heartbeat: Arc<Heartbeat>,
        metrics: Arc<ListenerMetrics>,
    ) -> Self {
        Self {
            socket,
            name,
            when_full,
            spare,
            heartbeat,
            metrics,
            pause: None,
            episode: None,
            skipped: 0,
            dead: false,
        }
    }

    /// Accepts the next connection.
    ///
    /// Errors are sorted by whose problem they are, after accept(2): the connection's own are skipped; ours for a while
    /// (no descriptors, no memory, anything unknown) are waited out; a socket that is dead is reported, and then nothing
    /// is accepted any more. Cancel safe, a pause included: it goes on in the next call.
    pub(crate) async fn accept(&mut self) -> Accepted {
        loop {
            if self.dead {
                pending::<()>().await;
            }
            if let Some(pause) = &self.pause {
                sleep_until(pause.until).await;
                self.heartbeat.set_starved(false);
            }
            let error = match self.socket.accept().await {
                Ok(accepted) => {
                    self.pause = None;
                    self.skipped = 0;
                    return accepted;
                }
                Err(error) => error,
            };
            let blame = platform::accept_error(&error);
            self.metrics.accept_failed(blame);
            match blame {
                Blame::Connection if self.skipped < MOST_SKIPPED => self.skipped += 1,
                Blame::Connection | Blame::Ours => self.pause(&error).await,
                Blame::Listener => {
                    error!(listener = %self.name, %error, "the listening socket is dead: nothing is accepted any more");
                    self.heartbeat.fail();
                    self.dead = true;
                }
            }
        }
    }

    /// Closes the socket, in an orderly way: nobody is going to miss a sign of life.
    pub(crate) fn close(self) {
        self.heartbeat.close();
    }

    /// A sign of life, also while nothing is accepted; to be called every [`Heartbeat::INTERVAL`].
    pub(crate) fn tick(&mut self) {
        self.heartbeat.beat();
        if let Some(episode) = self.episode.take_if(|episode| episode.last.elapsed() >= QUIET) {
            let lasted = episode.last - episode.began;
            self.pause = None;
            info!(
                listener = %self.name, errors = episode.errors, turned_away = episode.turned_away, ?lasted,
                "accepting without errors again"
            );
        }
    }

    async fn pause(&mut self, error: &io::Error) {
        let length = self.pause.as_ref().map_or(FIRST_PAUSE, |pause| LONGEST_PAUSE.min(2 * pause.length));
        let now = Instant::now();
        self.pause = Some(Pause { until: now + length, length });
        self.heartbeat.set_starved(true);
        self.metrics.accept_paused();
        let episode = self.episode.get_or_insert_with(|| {
            warn!(listener = %self.name, %error, when_full = self.when_full.as_str(), "accepting pauses");
            Episode { began: now, last: now, errors: 0, turned_away: 0 }
        });
        episode.last = now;
        episode.errors += 1;
        // Queued peers stay in the backlog. Otherwise one of them is told, at each turn of the back-off.
        if self.when_full != WhenFull::Queue && platform::out_of_descriptors(error) {
            let when_full = self.when_full;
            let turned_away = self.spare.lend(&self.socket, |accepted| accepted.turn_away(when_full)).await;
            if turned_away {
                episode.turned_away += 1;
                self.metrics.refused(Refused::Descriptors);
            }
        }
    }
}

impl Accepted {
    /// Ends a connection that is not served, as `when_full` says.
    pub(crate) fn turn_away(self, when_full: WhenFull) {
        if when_full == WhenFull::Reset {
            self.stream.reset_on_drop();
        }
    }
}
