//! Keys and values, in memory.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

/// So many connections can be served at once without one waiting for another, most of the time.
const SHARDS: usize = 16;

/// What an entry takes beside its key and its value, about.
const OVERHEAD: usize = 128;

/// Keys and values, each with a time to live or without. Shared by all connections.
#[derive(Debug)]
pub(crate) struct Store {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// The keys of one hash value, more or less. What is due is gone before anybody looks.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    entries: HashMap<Bytes, Entry>,
    /// The entries that have an end, by when that is.
    due: BTreeSet<(Instant, Bytes)>,
    /// Bytes that the entries take.
    used: usize,
    /// Bytes that they may take.
    room: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    pub(crate) expires: Option<Instant>,
}

/// There is no room for another entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Store {
    /// A store that holds about so many bytes.
    pub(crate) fn new(max_memory: usize) -> Self {
        let room = max_memory / SHARDS;
        let shards = std::array::from_fn(|_| Mutex::new(Shard { room, ..Shard::default() }));
        Self { shards, hasher: RandomState::new() }
    }

    /// The shard of a key. Not to be held across an await.
    pub(crate) fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        // The low bits; a HashMap looks at the high ones first.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits matter")]
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        lock(&self.shards[index])
    }

    /// Every shard, one after the other.
    pub(crate) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }
}

/// Nothing panics while a shard is locked.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
    shard.expire();
    shard
}

impl Shard {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Puts an entry in the place of what there was.
    ///
    /// Key and value are copied: what a client sent stands in one piece of memory with other requests, all of which would be
    /// kept for them.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], expires: Option<Instant>) -> Result<(), Full> {
        let there = self.entries.get_mut(key);
        let before = there.as_ref().map_or(0, |entry| size(key, &entry.value));
        let used = self.used - before + size(key, value);
        if used > self.room {
            return Err(Full);
        }
        self.used = used;
        let entry = Entry { value: Bytes::copy_from_slice(value), expires };
        match there {
            Some(there) => {
                let before = std::mem::replace(there, entry).expires;
                self.reschedule(key, before, expires);
            }
            None => {
                self.entries.insert(Bytes::copy_from_slice(key), entry);
                self.reschedule(key, None, expires);
            }
        }
        Ok(())
    }

    /// Gives an entry another end, or none. Returns whether there is such an entry.
    pub(crate) fn set_end(&mut self, key: &[u8], expires: Option<Instant>) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let before = std::mem::replace(&mut entry.expires, expires);
        self.reschedule(key, before, expires);
        true
    }

    /// Removes an entry. Returns whether there was one.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.used -= size(&key, &entry.value);
        if let Some(expires) = entry.expires {
            self.due.remove(&(expires, key));
        }
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { room: self.room, ..Self::default() };
    }

    fn reschedule(&mut self, key: &[u8], before: Option<Instant>, after: Option<Instant>) {
        if before != after {
            let key = Bytes::copy_from_slice(key);
            if let Some(before) = before {
                self.due.remove(&(before, key.clone()));
            }
            self.due.extend(after.map(|after| (after, key)));
        }
    }

    fn expire(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some((expires, key)) = self.due.first()
            && *expires <= now
        {
            let key = key.clone();
            self.remove(&key);
        }
    }
}

fn size(key: &[u8], value: &[u8]) -> usize {
    OVERHEAD + key.len() + value.len()
}
