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
use tracing::{info, warn};

use super::reply::Reply;
use crate::admission::{Decision, Permits, Refusal};
use crate::config::{ClientFull, WhenFull};
use crate::connection::{Info, Registry, Settings, Shared};
use crate::listener::{Accepted, Client, Heartbeat, Listener, Socket};
use crate::telemetry::Sampler;

/// Most connections that are still taken from the backlog when the server stops.
const LAST_ACCEPTS: usize = 1024;

/// What a listener does with the connections that its accept loops bring.
pub(super) struct Entrance {
    pub(super) settings: Arc<Settings>,
    pub(super) registry: Arc<Registry>,
    /// Whether accepting is paused, as whoever runs the server wants it.
    pub(super) paused: Arc<watch::Sender<bool>>,
    /// The last id that a connection of this process was given.
    pub(super) last_id: Arc<AtomicU64>,
    /// A busy listener may be full, and not, many times a second.
    pub(super) fillings: Sampler,
    /// What peers are told for whom there is no room.
    pub(super) reply: Option<Reply>,
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
                (accepted, decision) = self.next(), if accepts => match decision {
                    Decision::Refuse(barred @ Refusal::Access(_)) => self.entrance.turn_away(accepted, barred),
                    // Who comes after `pause` has returned may still have been accepted: it waits here, then.
                    _ if *paused.borrow() => self.held = Some(accepted),
                    Decision::Admit(permits) => self.entrance.serve(accepted, permits),
                    Decision::Refuse(refusal) => self.entrance.turn_away(accepted, refusal),
                },
            }
        }
        self.serve_backlog();
        self.give_up_held();
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
                () = &mut stopped => return self.give_up_held(),
                _ = tick.tick() => self.listener.tick(),
                Ok(()) = paused.changed() => {}
                (accepted, decision) = self.next(), if accepts => match decision {
                    Decision::Refuse(barred @ Refusal::Access(_)) => self.entrance.turn_away(accepted, barred),
                    _ if *paused.borrow() => self.held = Some(accepted),
                    Decision::Admit(permits) => return self.entrance.serve(accepted, permits),
                    Decision::Refuse(refusal) => self.entrance.turn_away(accepted, refusal),
                },
            }
        }
    }

    /// The next connection, and what was decided of it. Cancel safe: the next call goes on.
    ///
    /// Access is asked once, as soon as it is accepted: a place is not for who may not come in, and nobody waits for one.
    ///
    /// With `when_full = "queue"` nothing is accepted while there is no room, so that peers wait in the backlog.
    async fn next(&mut self) -> (Accepted, Decision) {
        let queue = self.entrance.when_full() == WhenFull::Queue;
        if queue && self.held.is_none() {
            self.room().await;
        }
        loop {
            let (accepted, was_asked) = match self.held.take() {
                Some(accepted) => (accepted, true),
                None => (self.listener.accept().await, false),
            };
            let settings = &self.entrance.settings;
            let client = self.entrance.client(&accepted);
            if let Some(rule) = client.filter(|_| !was_asked).and_then(|client| settings.bars(client)) {
                return (accepted, Decision::Refuse(Refusal::Access(rule)));
            }
            match settings.admission.decide(client) {
                Decision::Refuse(refusal) if queue && !refusal.is_the_clients() => {
                    self.held = Some(accepted);
                    self.room().await;
                }
                decision => return (accepted, decision),
            }
        }
    }

    /// Waits until there is room.
    async fn room(&mut self) {
        let admission = &self.entrance.settings.admission;
        let Some(refusal) = admission.full() else {
            self.full = false;
            return;
        };
        if !mem::replace(&mut self.full, true) {
            self.entrance.filled(refusal);
        }
        admission.room().await;
        self.full = false;
    }

    /// Whom it has accepted and found no place for until its end is not served.
    fn give_up_held(&mut self) {
        if let Some(accepted) = self.held.take() {
            let refusal = self.entrance.settings.admission.full().unwrap_or(Refusal::ListenerFull);
            self.entrance.turn_away(accepted, refusal);
        }
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
                Poll::Ready((accepted, Decision::Admit(permits))) => self.entrance.serve(accepted, permits),
                Poll::Ready((accepted, Decision::Refuse(refusal))) => {
                    self.entrance.turn_away(accepted, refusal);
                }
                Poll::Pending => return,
            }
        }
    }
}

impl Entrance {
    fn when_full(&self) -> WhenFull {
        self.settings.limits.when_full
    }

    /// A peer is its own client, unless a header is going to tell another.
    fn client(&self, accepted: &Accepted) -> Option<Client> {
        (!self.settings.names_client(accepted.peer)).then_some(Client(accepted.peer.0))
    }

    fn turn_away(&self, accepted: Accepted, refusal: Refusal) {
        self.settings.tell_refused(refusal, Client(accepted.peer.0));
        self.settings.metrics.refused(refusal.counted());
        let how = match (refusal.is_the_clients(), self.settings.limits.client_full) {
            (false, _) => self.when_full(),
            (true, ClientFull::Close) => WhenFull::Close,
            (true, ClientFull::Reset) => WhenFull::Reset,
        };
        match (how, &self.reply) {
            (WhenFull::Reply, Some(reply)) => reply.give(accepted.stream),
            _ => accepted.turn_away(how),
        }
    }

    fn serve(&self, accepted: Accepted, permits: Permits) {
        // Before anything that can end it.
        self.settings.metrics.admitted();
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let info = Info::new(id, Arc::clone(&self.settings), accepted.peer, accepted.local);
        let shared = Shared::new(info, accepted.stream);
        Arc::clone(&self.settings.service).serve(self.registry.enter(shared, permits));
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
        if let Some(suppressed) = self.settings.refusals.rest() {
            warn!(%listener, suppressed, "further peers found no room");
        }
        if let Some(suppressed) = self.settings.barred.rest() {
            info!(%listener, suppressed, "further peers were not let in");
        }
        if let Some(suppressed) = self.settings.dry_runs.rest() {
            info!(%listener, suppressed, "further peers would not be let in without access.dry_run");
        }
        if let Some(suppressed) = self.settings.failures.rest() {
            warn!(%listener, suppressed, "further handlers failed");
        }
    }
}
