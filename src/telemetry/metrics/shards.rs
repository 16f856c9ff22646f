//! Counters that many threads write.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// Beyond so many threads that write at once, some share a shard: it is still right, only slower.
const MOST_SHARDS: usize = 16;

/// As many shards as there may be threads that write at once, and as many again, as other threads take a number too.
static SHARDS: LazyLock<usize> = LazyLock::new(|| {
    let threads = available_parallelism().map_or(1, usize::from);
    (2 * threads).next_power_of_two().min(MOST_SHARDS)
});

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread; `NONE` until it first writes.
    #[allow(clippy::missing_const_for_thread_local, reason = "it is const; the lint does not see that on Windows")]
    static THREAD: Cell<usize> = const { Cell::new(NONE) };
}

const NONE: usize = usize::MAX;

/// One `T` for each of a few groups of threads. Each thread writes its own; a reader adds all of them up.
#[derive(Debug)]
pub(super) struct Shards<T>(Box<[Padded<T>]>);

/// What has cache lines of its own: two, as Intel's prefetcher takes them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> Shards<T> {
    pub(super) fn new() -> Self {
        Self((0..*SHARDS).map(|_| Padded::default()).collect())
    }
}

impl<T> Shards<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|padded| &padded.0)
    }
}

/// The shard of the current thread.
impl<T> Deref for Shards<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // The length is a power of two.
        &self.0[thread_number() & (self.0.len() - 1)].0
    }
}

#[inline]
fn thread_number() -> usize {
    match THREAD.get() {
        NONE => new_thread_number(),
        number => number,
    }
}

#[cold]
fn new_thread_number() -> usize {
    let number = THREADS.fetch_add(1, Ordering::Relaxed);
    THREAD.set(number);
    number
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let counter = Shards::<AtomicU64>::new();
        thread::scope(|scope| {
            for _ in 0..2 * MOST_SHARDS {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let sum: u64 = counter.iter().map(|shard| shard.load(Ordering::Relaxed)).sum();
        assert_eq!(sum, 2 * MOST_SHARDS as u64 * 1000);
    }

    #[test]
    fn shards_share_no_cache_line() {
        let shards = Shards::<AtomicU64>::new();
        let addresses: Vec<usize> = shards.iter().map(|shard| std::ptr::from_ref(shard).addr()).collect();
        assert!(addresses.len().is_power_of_two());
        assert!(addresses.windows(2).all(|pair| pair[0].abs_diff(pair[1]) >= 128));
    }
}
