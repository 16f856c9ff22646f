//! The accept loop: accepts and spawns. It reads no byte, and it ends only with the server.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;
use tokio::task::coop;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::admission::{Admission, Decision, Permits, Refusal};
use crate::config::WhenFull;
use crate::connection::{Info, Registry, Settings, Shared};
use crate::listener::{Accepted, Heartbeat, Listener, Socket};
use crate::telemetry::Sampler;

/// Most connections that are still taken from the backlog when the server stops.
const LAST_ACCEPTS: usize = 1024;

/// What a listener does with the connections that its accept loops bring.
pub(super) struct Entrance {
    pub(super) admission: Admission,
    pub(super) settings: Arc<Settings>,
    pub(super) registry: Arc<Registry>,
    /// Whether accepting is paused, as whoever runs the server wants it.
    pub(super) paused: Arc<watch::Sender<bool>>,
    /// The last id that a connection of this process was given.
    pub(super) last_id: Arc<AtomicU64>,
    /// Refusals are as many as the peers want them to be.
    pub(super) refusals: Sampler,
    /// A busy listener may be full, and not, many times a second.
    pub(super) fillings: Sampler,
}

/// One listening socket, and what its connections are served by.
pub(super) struct AcceptLoop<S> {
    listener: Listener<S>,
    entrance: Arc<Entrance>,
    /// Accepted, but another loop took the last place meanwhile, or a pause began.
    held: Option<Accepted>,
    /// That there is no room was said already.
    full: bool,
}

impl<S: Socket> AcceptLoop<S> {
    pub(super) fn new(listener: Listener<S>, entrance: Arc<Entrance>) -> Self {
        Self { listener, entrance, held: None, full: false }
    }

    /// Accepts until `stop`, which nothing delays: not a pause, not a limit that is reached.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut stopped = pin!(stop.cancelled());
        let mut paused = self.entrance.paused.subscribe();
        let mut tick = interval(Heartbeat::INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepts = !*paused.borrow_and_update();
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = tick.tick() => {
                    self.listener.tick();
                    self.entrance.tell_the_rest();
                }
                // Before the next peer: once a pause was asked for, nobody is accepted.
                Ok(()) = paused.changed() => {}
                (accepted, permits) = self.next(), if accepts => match permits {
                    // Who comes after `pause` has returned may still have been accepted: it waits here, then.
                    _ if *paused.borrow() => self.held = Some(accepted),
                    Some(permits) => self.entrance.serve(accepted, permits),
                    None => accepted.turn_away(self.entrance.when_full()),
                },
            }
        }
        self.serve_backlog();
        self.listener.close();
    }

    /// Accepts until one connection is served, or until `stop`. That one is served in the poll that accepted it.
    pub(super) async fn run_once(mut self, stop: CancellationToken) {
        let mut stopped = pin!(stop.cancelled());
        let mut paused = self.entrance.paused.subscribe();
        let mut tick = interval(Heartbeat::INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepts = !*paused.borrow_and_update();
            tokio::select! {
                biased;
                () = &mut stopped => return,
                _ = tick.tick() => self.listener.tick(),
                Ok(()) = paused.changed() => {}
                (accepted, permits) = self.next(), if accepts => match permits {
                    _ if *paused.borrow() => self.held = Some(accepted),
                    Some(permits) => return self.entrance.serve(accepted, permits),
                    None => accepted.turn_away(self.entrance.when_full()),
                },
            }
        }
    }

    /// The next connection, with its permits unless it is to be turned away. Cancel safe: the next call goes on.
    ///
    /// With `when_full = "queue"` nothing is accepted while there is no room, so that peers wait in the backlog.
    async fn next(&mut self) -> (Accepted, Option<Permits>) {
        let queue = self.entrance.when_full() == WhenFull::Queue;
        if queue && self.held.is_none() {
            self.room().await;
        }
        if self.held.is_none() {
            self.held = Some(self.listener.accept().await);
        }
        loop {
            let decision = self.entrance.admission.decide();
            match (decision, self.held.take()) {
                (Decision::Admit(permits), Some(accepted)) => return (accepted, Some(permits)),
                (Decision::Refuse(_), held) if queue => {
                    self.held = held;
                    self.room().await;
                }
                (Decision::Refuse(refusal), Some(accepted)) => {
                    self.entrance.refused(refusal);
                    return (accepted, None);
                }
                (_, None) => self.held = Some(self.listener.accept().await),
            }
        }
    }

    /// Waits until there is room.
    async fn room(&mut self) {
        let Some(refusal) = self.entrance.admission.full() else { return };
        if !mem::replace(&mut self.full, true) {
            self.entrance.filled(refusal);
        }
        self.entrance.admission.room().await;
        self.full = false;
    }

    /// Serves who is still in the backlog, as far as there is room: closing the listening socket would reset them, though
    /// they were connected before the server stopped. They are drained like the others. So are those that a pause has kept
    /// there: they were to wait, not to be refused.
    fn serve_backlog(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..LAST_ACCEPTS {
            // Outside the task's budget, which would end after the first 128.
            let next = pin!(coop::unconstrained(self.next())).poll(&mut cx);
            match next {
                Poll::Ready((accepted, Some(permits))) => self.entrance.serve(accepted, permits),
                Poll::Ready((accepted, None)) => accepted.turn_away(self.entrance.when_full()),
                Poll::Pending => return,
            }
        }
    }
}

impl Entrance {
    fn when_full(&self) -> WhenFull {
        self.settings.limits.when_full
    }

    fn serve(&self, accepted: Accepted, permits: Permits) {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let info = Info::new(id, Arc::clone(&self.settings), accepted.peer, accepted.local);
        let shared = Shared::new(info, accepted.stream);
        Arc::clone(&self.settings.service).serve(self.registry.enter(shared, permits));
    }

    /// A peer was turned away.
    fn refused(&self, refusal: Refusal) {
        if let Some(admitted) = self.refusals.admit() {
            warn!(
                listener = %self.settings.name,
                reason = refusal.as_str(),
                limit = refusal.key(),
                when_full = self.when_full().as_str(),
                suppressed = admitted.suppressed,
                "no room for another connection"
            );
        }
    }

    /// From now on peers wait in the backlog, if there are any.
    fn filled(&self, refusal: Refusal) {
        if self.fillings.admit().is_some() {
            warn!(
                listener = %self.settings.name,
                limit = refusal.key(),
                "full: further peers wait in the backlog"
            );
        }
    }

    /// Tells how many lines were left out of the log, once no more follow.
    fn tell_the_rest(&self) {
        let listener = &self.settings.name;
        if let Some(suppressed) = self.refusals.rest() {
            warn!(%listener, suppressed, "further peers found no room");
        }
        if let Some(suppressed) = self.settings.failures.rest() {
            warn!(%listener, suppressed, "further handlers failed");
        }
    }
}
