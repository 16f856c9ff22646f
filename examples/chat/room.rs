//! Who is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use terima::{ConnectionError, Framing, Sender, SharedFrame};

/// The longest nickname, in bytes.
const LONGEST: usize = 20;

/// Most names that `/who` tells.
const MOST_NAMES: usize = 50;

/// All who are there, by nickname.
#[derive(Default)]
pub(crate) struct Room(Mutex<Members>);

#[derive(Default)]
struct Members {
    senders: BTreeMap<String, Sender<Framing>>,
    /// How many have ever come, for the names of those who have not chosen one.
    come: u64,
}

/// One who is there. Dropped, it is not any more, whichever way its handler ends.
pub(crate) struct Member {
    room: Arc<Room>,
    sender: Sender<Framing>,
    nick: Mutex<String>,
}

impl Room {
    /// Enters somebody, under a name that can be changed.
    pub(crate) fn enter(self: &Arc<Self>, sender: Sender<Framing>) -> Member {
        let mut members = lock(&self.0);
        let nick = loop {
            members.come += 1;
            let nick = format!("guest-{}", members.come);
            // Somebody may have chosen that.
            if !members.senders.contains_key(&nick) {
                break nick;
            }
        };
        members.senders.insert(nick.clone(), sender.clone());
        drop(members);
        Member { room: Arc::clone(self), sender, nick: Mutex::new(nick) }
    }

    /// Sends a line to all. Nobody is waited for: each sender has declared what becomes of its client if that lags.
    pub(crate) async fn tell(&self, line: String) {
        let line = SharedFrame::new(line);
        // Sending locks connections: not while the room is locked.
        let senders: Vec<_> = lock(&self.0).senders.values().cloned().collect();
        for sender in senders {
            // Who cannot be reached is about to leave by itself.
            let _ = sender.send_shared(&line).await;
        }
    }

    /// Who is there, in a line.
    pub(crate) fn who(&self) -> String {
        let members = lock(&self.0);
        let names: Vec<_> = members.senders.keys().take(MOST_NAMES).map(String::as_str).collect();
        let more = if members.senders.len() > MOST_NAMES { ", …" } else { "" };
        format!("* {} here: {}{more}", members.senders.len(), names.join(", "))
    }
}

impl Member {
    pub(crate) fn nick(&self) -> String {
        lock(&self.nick).clone()
    }

    /// Sends a line to this one alone.
    pub(crate) async fn tell(&self, line: &str) -> Result<(), ConnectionError> {
        self.sender.send(line.to_owned()).await
    }

    /// Takes another name. Returns the one before, or why that cannot be.
    pub(crate) fn rename(&self, nick: &str) -> Result<String, String> {
        let fits = |char: char| char.is_alphanumeric() || char == '-' || char == '_';
        if nick.is_empty() || nick.len() > LONGEST || !nick.chars().all(fits) {
            return Err(format!("a nickname has 1 to {LONGEST} letters, digits, - or _"));
        }
        let (mut members, mut own) = (lock(&self.room.0), lock(&self.nick));
        if members.senders.contains_key(nick) {
            return Err(format!("{nick} is somebody's name already"));
        }
        members.senders.remove(&*own);
        members.senders.insert(nick.to_owned(), self.sender.clone());
        Ok(std::mem::replace(&mut *own, nick.to_owned()))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        lock(&self.room.0).senders.remove(&*lock(&self.nick));
    }
}

/// Nothing panics under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
