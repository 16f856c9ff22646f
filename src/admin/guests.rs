//! The clients of the admin interface: so many at once, and a new one always gets in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    /// When its last request was whole; before the first, when it came.
    heard: Mutex<Instant>,
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

    /// Lets a client in. Where there is no room, the one that has been silent longest is sent away for it; who is just being
    /// answered is not. `None` where all are.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Guest> {
        let mut inside = self.lock();
        if inside.guests.len() >= self.most && !inside.send_one_away() {
            return None;
        }
        inside.last_id += 1;
        let id = inside.last_id;
        let state = Arc::new(State {
            heard: Mutex::new(Instant::now()),
            busy: AtomicBool::new(false),
            leave: CancellationToken::new(),
        });
        inside.guests.insert(id, Arc::clone(&state));
        Some(Guest(Arc::new(Inner { guests: Arc::clone(self), id, state })))
    }

    /// Sends one away, for its descriptor. `false` if there is none that can be.
    pub(super) fn make_room(&self) -> bool {
        self.lock().send_one_away()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn send_one_away(&mut self) -> bool {
        let idle = self.guests.iter().filter(|(_, state)| !state.busy.load(Ordering::Relaxed));
        let Some(id) = idle.min_by_key(|(_, state)| state.heard()).map(|(id, _)| *id) else { return false };
        if let Some(state) = self.guests.remove(&id) {
            state.leave.cancel();
        }
        true
    }
}

impl State {
    fn heard(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Its request is whole and is answered until what is returned is dropped.
    pub(super) fn busy(&self) -> Busy {
        let state = &self.0.state;
        state.busy.store(true, Ordering::Relaxed);
        *state.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Busy(Arc::clone(state))
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
        drop(first.busy());
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
        let (answering, also) = (first.busy(), second.busy());
        assert!(guests.enter().is_none());
        assert!(!guests.make_room());
        drop(answering);
        let _third = guests.enter().unwrap();
        assert_eq!([is_sent_away(&first), is_sent_away(&second)], [true, false]);
        drop(also);
    }
}
