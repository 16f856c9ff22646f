//! The connections that ended last, for who asks after their end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::listener::{Client, Peer};

/// The connections that ended last, and no more than so many.
#[derive(Debug)]
pub(crate) struct Remembered {
    most: usize,
    list: Mutex<VecDeque<Arc<Gone>>>,
}

/// A connection that has ended.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) id: u64,
    pub(crate) listener: String,
    pub(crate) peer: Peer,
    pub(crate) client: Client,
    /// When it ended.
    pub(crate) at: SystemTime,
    pub(crate) age: Duration,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) frames_in: u64,
    pub(crate) frames_out: u64,
    pub(crate) reason: &'static str,
    /// Escaped, and cut, as in the log.
    pub(crate) error: Option<String>,
}

impl Remembered {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, list: Mutex::default() }
    }

    /// Takes note of one, and forgets the oldest if there are too many.
    pub(crate) fn note(&self, gone: Gone) {
        let gone = Arc::new(gone);
        let forgotten = {
            let mut list = self.lock();
            let forgotten = if list.len() >= self.most { list.pop_front() } else { None };
            list.push_back(gone);
            forgotten
        };
        // Freed outside of the lock, which every connection's end takes.
        drop(forgotten);
    }

    /// The latest that are wanted, the last one first.
    pub(crate) fn latest(&self, most: usize, wanted: impl Fn(&Gone) -> bool) -> Vec<Arc<Gone>> {
        self.lock().iter().rev().filter(|gone| wanted(gone)).take(most).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Gone>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::Address;

    #[test]
    fn the_latest_are_kept() {
        let remembered = Remembered::new(3);
        for id in 1..=5 {
            remembered.note(Gone {
                id,
                listener: "echo".to_owned(),
                peer: Peer(Address::Unnamed),
                client: Client(Address::Unnamed),
                at: SystemTime::UNIX_EPOCH,
                age: Duration::ZERO,
                bytes_in: 0,
                bytes_out: 0,
                frames_in: 0,
                frames_out: 0,
                reason: "idle",
                error: None,
            });
        }
        let ids = |most, wanted: fn(&Gone) -> bool| {
            remembered.latest(most, wanted).iter().map(|gone| gone.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(10, |_| true), [5, 4, 3]);
        assert_eq!(ids(2, |_| true), [5, 4]);
        assert_eq!(ids(10, |gone| gone.id < 4), [3]);
    }
}
