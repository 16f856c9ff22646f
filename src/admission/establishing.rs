//! How many may be on their way to the first frame at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Connections of a listener that are not past its layers, the PROXY header and TLS.
///
/// Whoever comes gets in. Where there are as many as may be, the one that has been at it for longest gives way: a client that
/// means it is done in a few round trips, and those that hold their places are the ones that are not. So peers that connect
/// and say nothing, however many, starve nobody as long as they don't come faster than `limit` of them in the time that a
/// handshake takes. (sshd's `MaxStartups` drops newcomers at random, which hits the good ones as often as the others.)
#[derive(Debug)]
pub(crate) struct Crowd {
    limit: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    last: u64,
    /// In the order in which they came.
    places: BTreeMap<u64, Arc<Notify>>,
}

/// A place in the crowd, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    lost: Arc<Notify>,
}

impl Crowd {
    /// For at most `limit`, which is at least one; `None` = no limit.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit: limit.unwrap_or(usize::MAX).max(1), inside: Mutex::default() }
    }

    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let lost = Arc::new(Notify::new());
        let mut inside = self.lock();
        if inside.places.len() >= self.limit
            && let Some((_, oldest)) = inside.places.pop_first()
        {
            // It is heard whenever its task waits for it.
            oldest.notify_one();
        }
        inside.last += 1;
        let number = inside.last;
        inside.places.insert(number, Arc::clone(&lost));
        drop(inside);
        Place { crowd: Arc::clone(self), number, lost }
    }

    #[cfg(test)]
    pub(crate) fn inside(&self) -> usize {
        self.lock().places.len()
    }

    /// Nothing panics under this lock.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Resolves when it has to give way. Cancel safe.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
        // For who asks again.
        self.lost.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_lost(place: &Place) -> bool {
        tokio::select! {
            biased;
            () = place.lost() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_one_that_takes_longest_gives_way() {
        let crowd = Arc::new(Crowd::new(Some(3)));
        let mut places: Vec<_> = (0..3).map(|_| crowd.enter()).collect();
        for place in &places {
            assert!(!is_lost(place).await);
        }
        // One is done in time: there is room without anybody's loss.
        drop(places.remove(1));
        places.push(crowd.enter());
        places.push(crowd.enter());
        let lost: Vec<_> = [is_lost(&places[0]).await, is_lost(&places[1]).await].into();
        assert_eq!(lost, [true, false]);
        assert!(is_lost(&places[0]).await, "it stays so");
        assert_eq!(crowd.inside(), 3);
        // What it has lost it does not give back.
        drop(places.remove(0));
        assert_eq!(crowd.inside(), 3);
        drop(places);
        assert_eq!(crowd.inside(), 0);
    }

    #[test]
    fn many_threads_at_the_edge() {
        let crowd = Arc::new(Crowd::new(Some(10)));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let crowd = Arc::clone(&crowd);
                std::thread::spawn(move || {
                    let mut most = 0;
                    for _ in 0..5_000 {
                        let places: Vec<_> = (0..3).map(|_| crowd.enter()).collect();
                        most = most.max(crowd.inside());
                        drop(places);
                    }
                    most
                })
            })
            .collect();
        let most = threads.into_iter().map(|thread| thread.join().unwrap()).max();
        assert!(most.is_some_and(|most| most <= 10), "{most:?}");
        assert_eq!(crowd.inside(), 0);
    }

    #[tokio::test]
    async fn without_a_limit_nobody_gives_way() {
        let crowd = Arc::new(Crowd::new(None));
        let places: Vec<_> = (0..10_000).map(|_| crowd.enter()).collect();
        assert!(!is_lost(&places[0]).await);
    }
}
