//! How connections ended.

use std::error::Error;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::connection::{self, OnEnd, Shared};
use crate::listener::Peer;

/// How a connection ended: what stands in its access line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ended {
    /// The word: of an [`EndReason`](crate::EndReason), or the handler's own.
    pub reason: &'static str,
    /// What the handler returned, or panicked with, in full: each error with what caused it.
    pub error: Option<String>,
    /// How long it lived.
    pub duration: Duration,
    /// What came.
    pub bytes_in: u64,
    /// What was written.
    pub bytes_out: u64,
    /// How many frames the handler was given.
    pub frames_in: u64,
    /// How many it sent.
    pub frames_out: u64,
}

/// The ends of a server's connections, as they come.
#[derive(Debug, Clone, Default)]
pub(super) struct Endings(Arc<watch::Sender<Vec<(String, Peer, Ended)>>>);

/// The end of one of them, which is to come.
#[derive(Debug)]
pub(super) struct Ending {
    endings: Endings,
    listener: String,
    peer: Peer,
    /// Connections that had ended before it began, some of the same address: the system gives a port again.
    before: usize,
}

impl Endings {
    pub(super) fn told(&self) -> OnEnd {
        let endings = self.clone();
        Box::new(move |connection, ended| {
            let told = (
                connection.info.listener().to_owned(),
                connection.info.peer(),
                Ended::new(connection, ended),
            );
            endings.0.send_modify(|endings| endings.push(told));
        })
    }

    /// How many have come. To be taken before a connection begins: it can be over before its client knows of it.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// The end of a connection that began when so many had come.
    pub(super) fn of(&self, listener: &str, peer: Peer, before: usize) -> Ending {
        Ending { endings: self.clone(), listener: listener.to_owned(), peer, before }
    }
}

impl Ending {
    /// Waits for it.
    pub(super) async fn come(&self) -> Ended {
        let mut endings = self.endings.0.subscribe();
        loop {
            if let Some(ended) = self.among(&endings.borrow_and_update()[self.before..]).next() {
                return ended.clone();
            }
            // The sender is here, so there will be a change.
            let _ = endings.changed().await;
        }
    }

    fn among<'a>(&self, endings: &'a [(String, Peer, Ended)]) -> impl Iterator<Item = &'a Ended> {
        let its =
            |(listener, peer, _): &&(String, Peer, Ended)| *listener == self.listener && *peer == self.peer;
        endings.iter().filter(its).map(|(.., ended)| ended)
    }
}

impl Ended {
    fn new(connection: &Shared, ended: &connection::Ended) -> Self {
        let counters = connection.counters();
        Self {
            reason: ended.word(),
            error: ended.error.as_deref().map(|error| with_causes(error)),
            duration: counters.age,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            frames_in: counters.frames_in,
            frames_out: counters.frames_out,
        }
    }
}

/// An error with what caused it: each of our own says its own level alone.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
