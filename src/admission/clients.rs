//! What each client takes: its connections, and how fast they come.

use std::array;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::key::{Key, Prefixes};
use super::rate::{Pace, since};
use crate::config::Rate;

/// The clients of one listener, and what each of them takes.
///
/// **Connections** are counted exactly: there is an entry for each client that has one, and none for the others.
///
/// **Rates** are remembered for a while: of each client, when all its tokens will have come back. At most
/// [`MOST_REMEMBERED`] are, and those that have not come for longest are forgotten first. A client that is forgotten has all
/// its tokens again: a burst more, at most, and for that others had to come from so many addresses meanwhile.
#[derive(Debug)]
pub(crate) struct Clients {
    most: Option<u32>,
    pace: Option<Pace>,
    prefixes: Prefixes,
    start: Instant,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>; SHARDS]>,
}

/// Some of the clients, so that accept loops and connections that end seldom meet.
#[derive(Debug, Default)]
struct Shard {
    /// How many connections each of them has.
    connected: HashMap<Key, u32>,
    /// When all tokens of each will have come back.
    recent: HashMap<Key, u64>,
    /// Those that have not come since `recent` was begun.
    older: HashMap<Key, u64>,
}

const SHARDS: usize = 64;

/// How many a generation of a shard remembers: as many as go into a hash table of 2,048 places.
const GENERATION: usize = 2048 / 8 * 7;

/// How many clients' rates a listener remembers at most. With 33 bytes for each place in the tables that
/// is not quite 9 MiB.
#[cfg(test)]
const MOST_REMEMBERED: usize = SHARDS * 2 * GENERATION;

/// Why a client gets no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Connections,
    Tokens,
}

/// A connection of a client, given back on drop.
#[derive(Debug)]
pub(crate) struct ClientPlace {
    clients: Arc<Clients>,
    key: Key,
}

impl Clients {
    /// `None` where no client has a limit of its own.
    pub(crate) fn new(most: Option<usize>, rate: Option<Rate>, prefixes: Prefixes) -> Option<Self> {
        if most.is_none() && rate.is_none() {
            return None;
        }
        Some(Self {
            // There can't be so many.
            most: most.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            pace: rate.map(Pace::new),
            prefixes,
            start: Instant::now(),
            hasher: RandomState::new(),
            shards: Box::new(array::from_fn(|_| Mutex::default())),
        })
    }

    pub(super) fn prefixes(&self) -> Prefixes {
        self.prefixes
    }

    /// Takes a place and a token of the client's, both or none. There is no place to hold where only the rate is limited.
    pub(super) fn enter(self: &Arc<Self>, key: Key) -> Result<Option<ClientPlace>, Spent> {
        let mut shard = self.shard(&key);
        let Some(most) = self.most else {
            return self.take_token(&mut shard, key).map(|()| None);
        };
        if shard.connected.get(&key).is_some_and(|connected| *connected >= most) {
            return Err(Spent::Connections);
        }
        self.take_token(&mut shard, key)?;
        *shard.connected.entry(key).or_insert(0) += 1;
        Ok(Some(ClientPlace { clients: Arc::clone(self), key }))
    }

    fn take_token(&self, shard: &mut Shard, key: Key) -> Result<(), Spent> {
        let Some(pace) = self.pace else { return Ok(()) };
        let spent = shard.recall(key);
        let taken = pace.take(spent.unwrap_or(0), since(self.start));
        // Also who gets none has come, and is not the next to be forgotten.
        let remember = taken.ok().or(spent);
        if let Some(spent) = remember {
            shard.remember(key, spent);
        }
        taken.map(|_| ()).map_err(|_| Spent::Tokens)
    }

    /// Puts back a token that was taken for a connection that is not served, for another reason.
    pub(super) fn put_back(&self, key: Key) {
        let Some(pace) = self.pace else { return };
        let mut shard = self.shard(&key);
        let Shard { recent, older, .. } = &mut *shard;
        if let Some(spent) = recent.get_mut(&key).or_else(|| older.get_mut(&key)) {
            *spent = pace.put_back(*spent);
        }
    }

    /// How many clients have connections, and how many are remembered.
    pub(crate) fn known(&self) -> Known {
        let mut known = Known::default();
        for shard in self.shards.iter() {
            let shard = lock(shard);
            known.connected += shard.connected.len();
            known.remembered += shard.recent.len() + shard.older.len();
        }
        known
    }

    /// How many connections a client has, and whether it has a token. Nothing is taken.
    #[cfg(feature = "admin")]
    pub(super) fn stand(&self, key: &Key) -> Stand {
        let shard = self.shard(key);
        let spent = shard.recent.get(key).or_else(|| shard.older.get(key)).copied().unwrap_or(0);
        Stand {
            connections: shard.connected.get(key).map_or(0, |connected| *connected as usize),
            has_token: self.pace.is_none_or(|pace| pace.take(spent, since(self.start)).is_ok()),
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        // Below SHARDS whatever the width of usize.
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        lock(&self.shards[index])
    }

    fn leave(&self, key: Key) {
        let mut shard = self.shard(&key);
        if let Entry::Occupied(mut connected) = shard.connected.entry(key) {
            *connected.get_mut() -= 1;
            if *connected.get() == 0 {
                connected.remove();
            }
        }
        // What a flood has left behind is given back, but not at each of its ends.
        let (held, room) = (shard.connected.len(), shard.connected.capacity());
        if room > 64 && held < room / 8 {
            shard.connected.shrink_to(room / 4);
        }
    }
}

/// How much a table of clients holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Clients that have connections, where these are counted.
    pub(crate) connected: usize,
    /// Clients whose rate is remembered.
    pub(crate) remembered: usize,
}

/// What one client has.
#[cfg(feature = "admin")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) connections: usize,
    pub(crate) has_token: bool,
}

impl Shard {
    /// What is remembered of a client. It is taken out where it is of the older ones.
    fn recall(&mut self, key: Key) -> Option<u64> {
        self.recent.get(&key).copied().or_else(|| self.older.remove(&key))
    }

    fn remember(&mut self, key: Key, spent: u64) {
        // A full table grows at an `insert`, even of a key that it has.
        if let Some(known) = self.recent.get_mut(&key) {
            *known = spent;
            return;
        }
        if self.recent.len() >= GENERATION {
            // Cleared, it keeps its memory for the next.
            self.older.clear();
            mem::swap(&mut self.recent, &mut self.older);
        }
        self.recent.insert(key, spent);
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        self.clients.leave(self.key);
    }
}

/// Nothing panics under this lock.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
