//! The clients of the admin interface: so many at once, and a new one always gets in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::auth::Caller;

/// Who is connected to the admin interface.
#[derive(Debug)]
pub(super) struct Guests {
    most: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    last_id: u64,
    guests: HashMap<u64, Arc<State>>,
}

/// One client. Dropped, it has left.
#[derive(Debug, Clone)]
pub(super) struct Guest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    guests: Arc<Guests>,
    id: u64,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// When its last request was whole, or it took the last line of an answer that goes on; before the first, when it came.
    heard: Mutex<Instant>,
    /// It has shown that it may ask everything.
    trusted: AtomicBool,
    /// A request of it is being answered.
    busy: AtomicBool,
    /// It has to make room for another.
    leave: CancellationToken,
}

/// While a request is answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<State>);

impl Guests {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, inside: Mutex::default() })
    }

    /// Lets a client in. Where there is no room, the one that has been silent longest is sent away for it: of those that nobody
    /// knows, unless the others have more than half of the places. Who is just being answered is not; `None` where all are.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Guest> {
        let mut inside = self.lock();
        if inside.guests.len() >= self.most && !inside.send_one_away(self.most) {
            return None;
        }
        inside.last_id += 1;
        let id = inside.last_id;
        let state = Arc::new(State {
            heard: Mutex::new(Instant::now()),
            trusted: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            leave: CancellationToken::new(),
        });
        inside.guests.insert(id, Arc::clone(&state));
        Some(Guest(Arc::new(Inner { guests: Arc::clone(self), id, state })))
    }

    /// Sends one away, for its descriptor. `false` if there is none that can be.
    pub(super) fn make_room(&self) -> bool {
        self.lock().send_one_away(self.most)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// `most` is how many there may be.
    fn send_one_away(&mut self, most: usize) -> bool {
        // Half of the places are for those who have shown who they are: a crowd that has no token does not drive them out. The
        // other half is for newcomers, who have not had the time to.
        let trusted = self.guests.values().filter(|state| state.is_trusted()).count();
        let crowded = trusted > most / 2;
        let idle = self.guests.iter().filter(|(_, state)| !state.busy.load(Ordering::Relaxed));
        let rank = |state: &State| (state.is_trusted() != crowded, state.heard());
        let Some(id) = idle.min_by_key(|(_, state)| rank(state)).map(|(id, _)| *id) else { return false };
        if let Some(state) = self.guests.remove(&id) {
            state.leave.cancel();
        }
        true
    }
}

impl State {
    fn is_trusted(&self) -> bool {
        self.trusted.load(Ordering::Relaxed)
    }

    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn heard(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Its request is whole and is answered until what is returned is dropped.
    pub(super) fn busy(&self, caller: Caller) -> Busy {
        let state = &self.0.state;
        if caller == Caller::Trusted {
            state.trusted.store(true, Ordering::Relaxed);
        }
        state.busy.store(true, Ordering::Relaxed);
        state.hear();
        Busy(Arc::clone(state))
    }

    /// It takes a part of an answer that goes on: nobody is silent who listens.
    pub(super) fn takes(&self) {
        self.0.state.hear();
    }

    /// Resolves when it has to make room for another. Cancel safe.
    pub(super) async fn sent_away(&self) {
        self.0.state.leave.cancelled().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.guests.lock().guests.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn is_sent_away(guest: &Guest) -> bool {
        guest.0.state.leave.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_silent_longest_makes_room() {
        let guests = Guests::new(2);
        let first = guests.enter().unwrap();
        advance(Duration::from_secs(1)).await;
        let second = guests.enter().unwrap();
        advance(Duration::from_secs(1)).await;
        drop(first.busy(Caller::Anybody));
        let third = guests.enter().unwrap();
        assert_eq!([&first, &second, &third].map(is_sent_away), [false, true, false]);
        second.sent_away().await;
        drop(second);
        assert_eq!(guests.lock().guests.len(), 2, "its place was taken already");
        drop((first, third));
        assert_eq!(guests.lock().guests.len(), 0);
    }

    #[tokio::test]
    async fn who_is_being_answered_stays() {
        let guests = Guests::new(2);
        let (first, second) = (guests.enter().unwrap(), guests.enter().unwrap());
        let (answering, also) = (first.busy(Caller::Trusted), second.busy(Caller::Anybody));
        assert!(guests.enter().is_none());
        assert!(!guests.make_room());
        drop(answering);
        let _third = guests.enter().unwrap();
        assert_eq!([is_sent_away(&first), is_sent_away(&second)], [true, false]);
        drop(also);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_drives_out_nobody_who_is_known_and_the_known_no_newcomer() {
        let guests = Guests::new(4);
        let come = || guests.enter().unwrap();
        let known = [come(), come()];
        for guest in &known {
            advance(Duration::from_secs(1)).await;
            drop(guest.busy(Caller::Trusted));
        }
        let mut crowd = Vec::new();
        for _ in 0..10 {
            advance(Duration::from_secs(1)).await;
            crowd.push(come());
        }
        assert!(!known.iter().any(is_sent_away));
        assert_eq!(crowd.iter().filter(|guest| is_sent_away(guest)).count(), 8);
        // A third that is known is one too many: the first of them goes, and the newcomers stay.
        let newcomers = crowd.split_off(8);
        drop(newcomers[0].busy(Caller::Trusted));
        let _last = come();
        assert_eq!(known.each_ref().map(is_sent_away), [true, false]);
        assert!(!newcomers.iter().any(is_sent_away));
    }
}
