//! What all connections together may hold in memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The budget for what connections hold: undecoded input, and output that was not written.
///
/// It is not charged for each read and write. Somebody looks from outside what connections hold, often enough, and while it is
/// too much no more is read from those that hold some already.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    held: AtomicU64,
    over: AtomicBool,
}

/// A connection that holds less than this is read from even then: it may be about to complete a frame, and all of them
/// together hold about what they take themselves.
const LITTLE: usize = 4096;

impl Budget {
    /// `None` = no limit.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let limit = limit.map_or(u64::MAX, |limit| limit as u64);
        Self { limit, held: AtomicU64::new(0), over: AtomicBool::new(false) }
    }

    /// `None` = no limit.
    pub(crate) fn limit(&self) -> Option<u64> {
        (self.limit != u64::MAX).then_some(self.limit)
    }

    /// What a connection is brought down to when it was too much: a tenth less than the limit, or it would be too much again
    /// with the next byte.
    pub(crate) fn enough(&self) -> u64 {
        self.limit / 10 * 9
    }

    /// Notes what connections hold; whether it is too much.
    pub(crate) fn note(&self, held: u64) -> bool {
        self.held.store(held, Ordering::Relaxed);
        let over = if self.is_over() { held > self.enough() } else { held > self.limit };
        self.over.store(over, Ordering::Relaxed);
        over
    }

    /// What connections held when that was looked at last.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Whether a connection that holds so much has to wait with reading.
    #[inline]
    pub(super) fn pauses(&self, holds: usize) -> bool {
        holds >= LITTLE && self.is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_until_there_is_some_room_again() {
        let budget = Budget::new(Some(1000));
        for (held, over) in
            [(0, false), (1000, false), (1001, true), (950, true), (901, true), (900, false), (950, false)]
        {
            assert_eq!(budget.note(held), over, "{held}");
            assert_eq!(budget.pauses(LITTLE), over);
            assert!(!budget.pauses(LITTLE - 1));
        }
        let unlimited = Budget::new(None);
        assert!(!unlimited.note(u64::MAX) && unlimited.limit().is_none());
    }
}
