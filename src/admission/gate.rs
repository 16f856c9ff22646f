//! An exact limit on how many are inside.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts who is inside and lets nobody in beyond its limit. One atomic counter, whoever asks from wherever: a limit that
/// is split between acceptors or workers is wrong by their number.
#[derive(Debug)]
pub(crate) struct Gate {
    inside: AtomicUsize,
    limit: usize,
    left: Notify,
}

impl Gate {
    /// A gate for at most `limit`; `None` = no limit.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { inside: AtomicUsize::new(0), limit: limit.unwrap_or(usize::MAX), left: Notify::new() }
    }

    /// Takes a place, if there is one, which [`leave`](Self::leave) gives back.
    pub(super) fn enter(&self) -> bool {
        let enter = |inside| (inside < self.limit).then_some(inside + 1);
        self.inside.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter).is_ok()
    }

    /// Gives a place back that [`enter`](Self::enter) took.
    pub(super) fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::AcqRel);
        self.left.notify_waiters();
    }

    /// `None` = no limit.
    pub(crate) fn limit(&self) -> Option<usize> {
        (self.limit != usize::MAX).then_some(self.limit)
    }

    pub(crate) fn inside(&self) -> usize {
        self.inside.load(Ordering::Acquire)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.inside() >= self.limit
    }

    /// Resolves when there is room, which it does not reserve. Cancel safe.
    pub(crate) async fn room(&self) {
        self.until(|gate| !gate.is_full()).await;
    }

    /// Resolves when nobody is inside. Cancel safe.
    pub(crate) async fn empty(&self) {
        self.until(|gate| gate.inside() == 0).await;
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let mut left = pin!(self.left.notified());
            // Before the check: whoever leaves after it is heard.
            left.as_mut().enable();
            if holds(self) {
                return;
            }
            left.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn lets_in_exactly_as_many_as_the_limit_from_many_threads() {
        let gate = Arc::new(Gate::new(Some(10)));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let gate = Arc::clone(&gate);
                std::thread::spawn(move || {
                    let mut most = 0;
                    for _ in 0..20_000 {
                        let inside = (0..3).filter(|_| gate.enter()).count();
                        most = most.max(gate.inside());
                        (0..inside).for_each(|_| gate.leave());
                    }
                    most
                })
            })
            .collect();
        let most = threads.into_iter().map(|thread| thread.join().unwrap()).max();
        assert!(most.is_some_and(|most| most <= 10), "{most:?} were inside");
        assert_eq!(gate.inside(), 0);
        assert_eq!((0..20).filter(|_| gate.enter()).count(), 10);
    }

    #[tokio::test]
    async fn wakes_who_waits_for_room_and_who_waits_for_the_last() {
        let gate = Arc::new(Gate::new(Some(1)));
        assert!(gate.enter());
        let room = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.room().await }
        });
        let empty = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!room.is_finished() && !empty.is_finished());
        gate.leave();
        room.await.unwrap();
        empty.await.unwrap();
    }
}
