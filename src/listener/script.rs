//! A socket that answers as a test says.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::socket::{Accepted, Socket};

/// What a socket is to answer, one `accept` after the other; it never answers more. Clones are the same script.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Answers>);

#[derive(Default)]
struct Answers {
    queue: Mutex<VecDeque<io::Result<Accepted>>>,
    more: Notify,
}

/// A socket whose answers come after those of a script.
#[cfg(feature = "testing")]
pub(crate) struct Scripted<S> {
    pub(crate) script: Option<Script>,
    pub(crate) socket: S,
}

impl Script {
    pub(crate) fn push(&self, answer: io::Result<Accepted>) {
        self.queue().push_back(answer);
        self.0.more.notify_one();
    }

    /// How many answers are left.
    pub(crate) fn left(&self) -> usize {
        self.queue().len()
    }

    /// Nothing panics under this lock.
    fn queue(&self) -> MutexGuard<'_, VecDeque<io::Result<Accepted>>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket for Script {
    async fn accept(&self) -> io::Result<Accepted> {
        loop {
            let next = self.queue().pop_front();
            match next {
                Some(next) => return next,
                None => self.0.more.notified().await,
            }
        }
    }
}

#[cfg(feature = "testing")]
impl<S: Socket> Socket for Scripted<S> {
    async fn accept(&self) -> io::Result<Accepted> {
        let Some(script) = &self.script else { return self.socket.accept().await };
        tokio::select! {
            biased;
            answer = script.accept() => answer,
            answer = self.socket.accept() => answer,
        }
    }
}
