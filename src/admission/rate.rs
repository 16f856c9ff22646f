//! How fast connections may come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::config::Rate;

/// A pace that is kept, and a burst that is let through at once: a token bucket in one number, as the "generic cell rate
/// algorithm" of ATM networks has it. What is kept of the past is when all the tokens that were taken will have come back.
///
/// Times are nanoseconds since some start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From one token to the next.
    interval: u64,
    /// As long as all of them take to come back.
    burst: u64,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let interval = nanoseconds(rate.interval()).max(1);
        Self { interval, burst: interval.saturating_mul(rate.burst.into()) }
    }

    /// Takes a token from what is left: what is left then, or when there will be one.
    pub(super) fn take(self, spent: u64, now: u64) -> Result<u64, u64> {
        let taken = spent.max(now).saturating_add(self.interval);
        let earliest = taken.saturating_sub(self.burst);
        if earliest <= now { Ok(taken) } else { Err(earliest) }
    }

    /// Puts a token back that was taken for nothing.
    pub(super) fn put_back(self, spent: u64) -> u64 {
        spent.saturating_sub(self.interval)
    }
}

/// A token bucket that any number of threads take from: one atomic number, so none of them takes one too many.
#[derive(Debug)]
pub(crate) struct Bucket {
    pace: Pace,
    start: Instant,
    spent: AtomicU64,
}

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { pace: Pace::new(rate), start: Instant::now(), spent: AtomicU64::new(0) }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&self) -> bool {
        let now = since(self.start);
        let take = |spent| self.pace.take(spent, now).ok();
        self.spent.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// Puts a token back that was taken for nothing.
    pub(crate) fn put_back(&self) {
        let put_back = |spent| Some(self.pace.put_back(spent));
        // It always has something to put in its place.
        let _ = self.spent.fetch_update(Ordering::AcqRel, Ordering::Acquire, put_back);
    }

    /// When there is a token; `None` = now.
    fn ready_at(&self) -> Option<Instant> {
        let earliest = self.pace.take(self.spent.load(Ordering::Acquire), since(self.start)).err()?;
        self.start.checked_add(Duration::from_nanos(earliest))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready_at().is_some()
    }

    /// Resolves when there is a token, which it does not take. Cancel safe.
    pub(crate) async fn ready(&self) {
        while let Some(at) = self.ready_at() {
            sleep_until(at).await;
        }
    }
}

/// The nanoseconds since then.
pub(super) fn since(start: Instant) -> u64 {
    nanoseconds(start.elapsed())
}

/// That is for 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::config::meant::Per;

    fn rate(count: u32, burst: u32) -> Rate {
        Rate { count, per: Per::Second, burst }
    }

    /// A bucket as one would draw it: tokens drip into it until it is full.
    struct Model {
        interval: u128,
        most: u128,
        held: u128,
        at: u64,
    }

    impl Model {
        fn take(&mut self, now: u64) -> bool {
            self.held = self.most.min(self.held + u128::from(now - self.at));
            self.at = now;
            let there = self.held >= self.interval;
            if there {
                self.held -= self.interval;
            }
            there
        }
    }

    proptest! {
        #[test]
        fn it_is_a_token_bucket(
            (count, burst) in (1..=1_000_000_u32, 1..=1_000_u32),
            waits in prop::collection::vec(prop_oneof![Just(0), 0..3_000_000_u64, 0..3_000_000_000_u64], 1..300),
        ) {
            let pace = Pace::new(rate(count, burst));
            let most = u128::from(pace.interval) * u128::from(burst);
            let mut model = Model { interval: pace.interval.into(), most, held: most, at: 0 };
            let (mut spent, mut now) = (0, 0);
            for wait in waits {
                now += wait;
                let taken = pace.take(spent, now);
                prop_assert_eq!(taken.is_ok(), model.take(now), "at {}", now);
                match taken {
                    Ok(left) => spent = left,
                    // Then there is one, and not a nanosecond before.
                    Err(at) => {
                        prop_assert!(pace.take(spent, at).is_ok());
                        prop_assert!(pace.take(spent, at - 1).is_err());
                    }
                }
            }
        }

        #[test]
        fn what_is_put_back_was_never_taken(count in 1..=1_000_000_u32, burst in 1..=100_u32, taken in 0..100_u32) {
            let pace = Pace::new(rate(count, burst));
            let spent = (0..taken).try_fold(7, |spent, _| pace.take(spent, 7)).unwrap_or(7);
            if let Ok(one_more) = pace.take(spent, 7) {
                prop_assert_eq!(pace.put_back(one_more), spent);
            }
        }
    }

    #[test]
    fn the_longest_time_of_the_largest_burst_is_counted() {
        let pace = Pace::new(Rate { count: 1, per: Per::Hour, burst: 1_000_000 });
        let (mut spent, year) = (0, 365 * 24 * 3600 * 1_000_000_000);
        for n in 0..1_000_000 {
            spent = pace.take(spent, year).unwrap_or_else(|_| panic!("{n}"));
        }
        assert!(pace.take(spent, year).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_the_pace() {
        let bucket = Bucket::new(rate(10, 5));
        assert_eq!((0..20).filter(|_| bucket.take()).count(), 5);
        let start = Instant::now();
        for n in 1..=10 {
            bucket.ready().await;
            assert!(bucket.take() && !bucket.take());
            // The timer's resolution is a millisecond.
            let late = start.elapsed().saturating_sub(n * Duration::from_millis(100));
            assert!(late <= Duration::from_millis(1), "{late:?}");
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(
            (0..20).filter(|_| bucket.take()).count(),
            5,
            "no more than its burst, however long nobody came"
        );
    }

    #[test]
    fn many_threads_take_no_token_too_many() {
        // None comes back while the test runs.
        let bucket = Arc::new(Bucket::new(Rate { count: 1, per: Per::Hour, burst: 1000 }));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let bucket = Arc::clone(&bucket);
                std::thread::spawn(move || (0..1000).filter(|_| bucket.take()).count())
            })
            .collect();
        let taken: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(taken, 1000);
    }
}
