//! Descriptors that are set aside for the clients of the admin interface.

use std::sync::{Mutex, PoisonError};

use crate::platform::Spare;

/// Descriptors that the service can't take: each is given up when a client is accepted that there would be none for.
#[derive(Debug)]
pub(super) struct Reserve(Mutex<Vec<Spare>>);

impl Reserve {
    /// Takes so many, as far as there are.
    pub(super) fn new(descriptors: usize) -> Self {
        Self(Mutex::new((0..descriptors).map(|_| Spare::new()).collect()))
    }

    /// Gives one back to the system; `false` if none is left.
    pub(super) fn give(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().any(Spare::release)
    }

    /// Takes again what was given up, as far as the system has it.
    pub(super) fn refill(&self) {
        // Nothing is to be had for the others where there is none for one.
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = spares.iter_mut().all(Spare::refill);
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
            reserve.refill();
        }
    }
}
