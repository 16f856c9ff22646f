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

use crate::admission::{Access, AccessRule, Admission, Decision, Permits, Refusal};
use crate::config::WhenFull;
use crate::connection::{Info, Registry, Settings, Shared};
use crate::listener::{Accepted, Heartbeat, Listener, Peer, Socket};
use crate::telemetry::Sampler;
use crate::telemetry::metrics::Refused;

/// Most connections that are still taken from the backlog when the server stops.
const LAST_ACCEPTS: usize = 1024;

/// What a listener does with the connections that its accept loops bring.
pub(super) struct Entrance {
    pub(super) access: Arc<Access>,
    pub(super) admission: Admission,
    pub(super) settings: Arc<Settings>,
    pub(super) registry: Arc<Registry>,
    /// Whether accepting is paused, as whoever runs the server wants it.
    pub(super) paused: Arc<watch::Sender<bool>>,
    /// The last id that a connection of this process was given.
    pub(super) last_id: Arc<AtomicU64>,
    /// Refusals are as many as the peers want them to be.
    pub(super) refusals: Sampler,
    /// So are those that access does not let in, and those that it would not.
    pub(super) barred: Sampler,
    pub(super) dry_runs: Sampler,
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
                    Err(Refused::Access) => self.entrance.turn_away(accepted, Refused::Access),
                    // Who comes after `pause` has returned may still have been accepted: it waits here, then.
                    _ if *paused.borrow() => self.held = Some(accepted),
                    Ok(permits) => self.entrance.serve(accepted, permits),
                    Err(refused) => self.entrance.turn_away(accepted, refused),
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
                (accepted, permits) = self.next(), if accepts => match permits {
                    Err(Refused::Access) => self.entrance.turn_away(accepted, Refused::Access),
                    _ if *paused.borrow() => self.held = Some(accepted),
                    Ok(permits) => return self.entrance.serve(accepted, permits),
                    Err(refused) => self.entrance.turn_away(accepted, refused),
                },
            }
        }
    }

    /// The next connection, with its permits or why it is to be turned away. Cancel safe: the next call goes on.
    ///
    /// Access is asked once, as soon as it is accepted: a place is not for who may not come in, and nobody waits for one.
    /// With `when_full = "queue"` nothing is accepted while there is no room, so that peers wait in the backlog.
    async fn next(&mut self) -> (Accepted, Result<Permits, Refused>) {
        let queue = self.entrance.when_full() == WhenFull::Queue;
        if queue && self.held.is_none() {
            self.room().await;
        }
        loop {
            let accepted = match self.held.take() {
                Some(accepted) => accepted,
                None => {
                    let accepted = self.listener.accept().await;
                    if self.entrance.bars(&accepted.peer) {
                        return (accepted, Err(Refused::Access));
                    }
                    accepted
                }
            };
            match self.entrance.admission.decide() {
                Decision::Admit(permits) => return (accepted, Ok(permits)),
                Decision::Refuse(_) if queue => {
                    self.held = Some(accepted);
                    self.room().await;
                }
                Decision::Refuse(refusal) => {
                    self.entrance.refused(refusal);
                    return (accepted, Err(Refused::Limit));
                }
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

    /// Whom it has accepted and found no place for until its end is not served.
    fn give_up_held(&mut self) {
        if let Some(accepted) = self.held.take() {
            self.entrance.turn_away(accepted, Refused::Limit);
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
                Poll::Ready((accepted, Ok(permits))) => self.entrance.serve(accepted, permits),
                Poll::Ready((accepted, Err(refused))) => self.entrance.turn_away(accepted, refused),
                Poll::Pending => return,
            }
        }
    }
}

impl Entrance {
    fn when_full(&self) -> WhenFull {
        self.settings.limits.when_full
    }

    /// Whether access does not let a peer in. It says so, and what it would do in a dry run.
    fn bars(&self, peer: &Peer) -> bool {
        let verdict = self.access.decide(&peer.0);
        if verdict.admits {
            return false;
        }
        if self.access.dry_run {
            self.settings.metrics.access_dry_run();
            self.would_bar(peer, verdict.rule);
            return false;
        }
        self.barred(peer, verdict.rule);
        true
    }

    fn turn_away(&self, accepted: Accepted, refused: Refused) {
        self.settings.metrics.refused(refused);
        accepted.turn_away(self.when_full());
    }

    fn serve(&self, accepted: Accepted, permits: Permits) {
        // Before anything that can end it.
        self.settings.metrics.admitted();
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

    /// A peer is not let in.
    fn barred(&self, peer: &Peer, rule: AccessRule) {
        if let Some(admitted) = self.barred.admit() {
            info!(
                listener = %self.settings.name,
                reason = Refused::Access.as_str(),
                %peer,
                rule = %self.access.told(rule),
                suppressed = admitted.suppressed,
                "not let in"
            );
        }
    }

    /// A peer is let in that would not be.
    fn would_bar(&self, peer: &Peer, rule: AccessRule) {
        if let Some(admitted) = self.dry_runs.admit() {
            info!(
                listener = %self.settings.name,
                %peer,
                rule = %self.access.told(rule),
                suppressed = admitted.suppressed,
                "let in, but would not be without access.dry_run"
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
        if let Some(suppressed) = self.barred.rest() {
            info!(%listener, suppressed, "further peers were not let in");
        }
        if let Some(suppressed) = self.dry_runs.rest() {
            info!(%listener, suppressed, "further peers would not be let in without access.dry_run");
        }
        if let Some(suppressed) = self.settings.failures.rest() {
            warn!(%listener, suppressed, "further handlers failed");
        }
    }
}
