//! The connections that are alive.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::end::EndReason;
use super::shared::{Buffered, Shared};
use crate::admission::Permits;

/// Enough that accepting and ending connections on all cores at once seldom meet.
const SHARDS: usize = 16;

/// Every live connection of a server, by id.
pub(crate) struct Registry {
    shards: [Mutex<HashMap<u64, Arc<Shared>>>; SHARDS],
    draining: AtomicBool,
    aborted: AtomicUsize,
}

/// A connection that was let in: its place in the registry and its permits, given back on drop, whichever way its task
/// ends.
pub(crate) struct Admitted {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    /// `None` in the drop.
    permits: Option<Permits>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self { shards: Default::default(), draining: AtomicBool::new(false), aborted: AtomicUsize::new(0) }
    }

    /// Enters a connection. One that comes after the drain began is told so at once.
    pub(crate) fn enter(self: &Arc<Self>, shared: Shared, permits: Permits) -> Admitted {
        let shared = Arc::new(shared);
        self.shard(shared.info.id()).insert(shared.info.id(), Arc::clone(&shared));
        // After the insertion: `begin_drain` sets the mark before it goes through the shards, so one of the two sees it.
        if self.draining.load(Ordering::SeqCst) {
            shared.begin_drain(EndReason::Drained);
        }
        Admitted { shared, registry: Arc::clone(self), permits: Some(permits) }
    }

    /// Tells every connection, and all that come later, that the server stops.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.for_each(|shared| shared.begin_drain(EndReason::Drained));
    }

    /// Cuts every connection off. Returns how many owed something and had not been cut off before.
    pub(crate) fn abort(&self) -> usize {
        let before = self.aborted();
        self.for_each(|shared| shared.abort(EndReason::DrainAborted, Some(&self.aborted)));
        self.aborted() - before
    }

    /// How many connections owed something when they were cut off, all in all.
    pub(crate) fn aborted(&self) -> usize {
        self.aborted.load(Ordering::Acquire)
    }

    /// What connections hold in memory, by the name of their listener.
    pub(crate) fn buffered(&self) -> HashMap<Arc<str>, Buffered> {
        let mut sums = HashMap::<Arc<str>, Buffered>::new();
        self.for_each(|shared| {
            let name = &shared.settings().name;
            match sums.get_mut(name) {
                Some(sum) => *sum += shared.buffered(),
                None => drop(sums.insert(Arc::clone(name), shared.buffered())),
            }
        });
        sums
    }

    /// Every connection, by id. One share after the other, and for none longer than it takes to take down who is in it.
    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(lock(shard).values().map(Arc::clone));
        }
        all.sort_unstable_by_key(|shared| shared.info.id());
        all
    }

    pub(crate) fn get(&self, id: u64) -> Option<Arc<Shared>> {
        self.shard(id).get(&id).map(Arc::clone)
    }

    /// No connection is waited for under a share's lock, or whoever accepts would wait too.
    fn for_each(&self, mut visit: impl FnMut(&Shared)) {
        for shard in &self.shards {
            for shared in lock(shard).values() {
                visit(shared);
            }
        }
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, HashMap<u64, Arc<Shared>>> {
        // The remainder is below SHARDS whatever the width of usize.
        lock(&self.shards[usize::try_from(id % SHARDS as u64).unwrap_or(0)])
    }
}

impl Admitted {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Gives everything back, then tells whoever wants to know.
    #[cfg(feature = "testing")]
    pub(super) fn leave(self, ended: &super::end::Ended) {
        let shared = Arc::clone(&self.shared);
        drop(self);
        if let Some(tell) = &shared.settings().on_end {
            tell(&shared, ended);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.registry.shard(self.shared.info.id()).remove(&self.shared.info.id());
        self.shared.count_end(None);
        // After the registry: who waits for the last permit finds the registry empty. And who waits for this connection finds
        // its place free.
        self.permits = None;
        self.shared.gone();
    }
}

/// Nothing panics under this lock.
fn lock(shard: &Mutex<HashMap<u64, Arc<Shared>>>) -> MutexGuard<'_, HashMap<u64, Arc<Shared>>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
