//! Live connections, from outside: who is there, and what can be done to them.

use std::fmt;
use std::sync::Arc;

use super::end::EndReason;
use super::info::Info;
use super::mark::Mark;
#[cfg(feature = "admin")]
use super::questions::Due;
use super::registry::Registry;
use super::send::Origin;
use super::sender::{Half, Sender};
use super::shared::Shared;
#[cfg(feature = "admin")]
use super::status::Awaits;
#[cfg(feature = "admin")]
use super::status::ConnectionState;
use super::status::ConnectionStatus;
use crate::admission::Gate;
use crate::codec::Codec;

/// The live connections of a server, from [`Server::connections`](crate::Server::connections): a view, always as of now.
///
/// Looking at them delays nobody: they stand in sixteen shares, of which one at a time is locked, and only to take down who
/// is in it. Nor is a connection waited for, not even one whose codec blocks: what is told of it is as of the last moment when
/// nobody had its lock.
#[derive(Clone)]
pub struct Connections {
    registry: Arc<Registry>,
    served: Arc<Gate>,
}

/// One connection, from outside its handler. Clones are the same connection.
///
/// It keeps nothing alive: neither the connection nor, once that has ended, more than a few hundred bytes.
#[derive(Clone)]
pub struct ConnectionHandle(Arc<Shared>);

impl Connections {
    pub(crate) fn new(registry: Arc<Registry>, served: Arc<Gate>) -> Self {
        Self { registry, served }
    }

    /// How many are being served.
    pub fn len(&self) -> usize {
        self.served.inside()
    }

    /// Whether none is being served.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What each of them is doing, in the order in which they were accepted. Who comes or goes meanwhile may be missing.
    pub fn list(&self) -> Vec<ConnectionStatus> {
        self.registry.all().iter().map(|shared| shared.status()).collect()
    }

    /// A handle of each, in the order in which they were accepted.
    pub fn handles(&self) -> Vec<ConnectionHandle> {
        self.registry.all().into_iter().map(ConnectionHandle).collect()
    }

    /// A handle of the connection with this [`Info::id`]; `None` if it has ended, or never was.
    pub fn get(&self, id: u64) -> Option<ConnectionHandle> {
        self.registry.get(id).map(ConnectionHandle)
    }
}

impl ConnectionHandle {
    /// Who is at the other end, and which listener accepted the connection.
    pub fn info(&self) -> &Info {
        &self.0.info
    }

    /// What it is doing. After its end, what it came to.
    pub fn status(&self) -> ConnectionStatus {
        self.0.status()
    }

    /// What it waits for, if it is to end.
    #[cfg(feature = "admin")]
    pub(crate) fn awaits(&self) -> Awaits {
        self.0.outside.awaits()
    }

    /// For what it ends, and in how long, unless something happens before; the nearest first. Its task says so, when it is
    /// polled next: that may be never, if its worker is blocked. `None` where it closes already.
    ///
    /// Cancel safe.
    #[cfg(feature = "admin")]
    pub(crate) async fn due(&self) -> Option<Due> {
        let asked = self.0.settings().questions.ask(self.info().id());
        if self.status().state == ConnectionState::Closing {
            return None;
        }
        self.0.outside.ask();
        asked.await.ok()
    }

    /// Asks it to end, as a stopping server does: idle, it closes at once; busy, its handler gets the frames that had
    /// arrived and may answer them. It ends as `ended_by_admin`.
    ///
    /// There is no deadline: a handler may take as long as it likes. Follow it by [`end`](Self::end) if that is too long.
    pub fn drain(&self) {
        self.0.begin_drain(EndReason::EndedByAdmin);
    }

    /// Ends it now, as `ended_by_admin`. Its handler is dropped, what was not delivered is lost, and the client sees a reset.
    ///
    /// A connection that is ending already keeps its reason; if it only waits for its client to close, it waits no longer.
    pub fn end(&self) {
        self.0.abort(EndReason::EndedByAdmin, None);
    }

    /// A sender to it, whose frames come between those of its handler.
    ///
    /// It encodes by a codec of its own, as the listener makes it for a new connection: what the handler's has learnt of its
    /// client, such as the line ending, it does not know. Whether frames from outside make sense, the protocol must say: where
    /// each request has one answer, they do not.
    ///
    /// `None` where the handler speaks another codec type than `C`, has changed it
    /// ([`with_codec`](super::Connection::with_codec), [`into_raw`](super::Connection::into_raw)), or has not started yet:
    /// nobody speaks before it does. If it changes its codec later, sending fails with
    /// [`ConnectionError::Closed`](super::ConnectionError::Closed).
    pub fn sender<C: Codec>(&self) -> Option<Sender<C>> {
        if !self.0.outside.has(Mark::Started) || self.0.outside.has(Mark::Reframed) {
            return None;
        }
        let codec = self.0.settings().service.fresh_codec().downcast::<C>().ok()?;
        Some(Sender::new(Arc::clone(&self.0), Half::new(*codec, Origin::Outside)))
    }

    /// Waits for its end and tells the reason; at once if it has ended. By then its access line is written and its place is
    /// free. Where the handler had a word of its own, the reason is [`EndReason::HandlerError`].
    ///
    /// Cancel safe: nothing is changed by waiting.
    pub async fn ended(&self) -> EndReason {
        self.0.ended().await
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle").field("info", &self.0.info).finish_non_exhaustive()
    }
}
