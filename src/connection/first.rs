//! A reason that is given once.

use std::sync::atomic::{AtomicU8, Ordering};

use super::end::EndReason;

/// The first reason that was given, if any was: later ones change nothing.
#[derive(Default)]
pub(super) struct First(AtomicU8);

impl First {
    /// Returns whether it is the first.
    pub(super) fn give(&self, reason: EndReason) -> bool {
        self.0.compare_exchange(0, code(reason), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[inline]
    pub(super) fn get(&self) -> Option<EndReason> {
        let given = self.0.load(Ordering::Acquire).checked_sub(1)?;
        EndReason::ALL.get(usize::from(given)).copied()
    }
}

/// Its place among all of them, from one on.
fn code(reason: EndReason) -> u8 {
    reason as u8 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_comes_back_and_the_first_stays() {
        for reason in EndReason::ALL {
            let first = First::default();
            assert_eq!(first.get(), None);
            assert!(first.give(reason));
            assert!(!first.give(EndReason::Drained));
            assert_eq!(first.get(), Some(reason));
        }
    }
}
