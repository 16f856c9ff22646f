//! Descriptors that are set aside for the clients of the admin interface.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::platform::Spare;

/// Descriptors that the service can't take: each is given up when a client is accepted that there would be none for.
#[derive(Debug)]
pub(super) struct Reserve(Mutex<Spares>);

#[derive(Debug)]
struct Spares {
    held: Vec<Spare>,
    given_up: Vec<Spare>,
}

impl Reserve {
    /// Takes so many, as far as there are.
    pub(super) fn new(descriptors: usize) -> Self {
        let held = (0..descriptors).map(|_| Spare::new()).collect();
        Self(Mutex::new(Spares { held, given_up: Vec::new() }))
    }

    /// Gives one back to the system; `false` if none is left.
    pub(super) fn give(&self) -> bool {
        let mut spares = self.lock();
        while let Some(mut spare) = spares.held.pop() {
            if spare.release() {
                spares.given_up.push(spare);
                return true;
            }
        }
        false
    }

    /// Takes again what was given up, as far as the system has it.
    pub(super) fn refill(&self) {
        let mut spares = self.lock();
        while let Some(mut spare) = spares.given_up.pop() {
            if !spare.refill() {
                spares.given_up.push(spare);
                break;
            }
            spares.held.push(spare);
        }
    }

    /// Whether some are given up.
    pub(super) fn is_short(&self) -> bool {
        !self.lock().given_up.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Spares> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_taken_again() {
        let reserve = Reserve::new(2);
        for _ in 0..2 {
            assert_eq!((reserve.give(), reserve.give(), reserve.give()), (cfg!(unix), cfg!(unix), false));
            assert_eq!(reserve.is_short(), cfg!(unix));
            reserve.refill();
            assert!(!reserve.is_short());
        }
    }
}
