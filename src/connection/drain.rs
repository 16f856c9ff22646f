//! How a handler learns that its connection is to end.

use std::fmt;
use std::sync::Arc;

use super::shared::Shared;

/// Tells that the connection is to end: the server stops, or `timeouts.lifetime` is over.
///
/// It is owned and can be cloned, so `select!` over it and `recv` borrows nothing:
///
/// ```no_run
/// # use terima::{Connection, Framing, HandlerError};
/// # async fn handle(mut conn: Connection<Framing>) -> Result<(), HandlerError> {
/// let drain = conn.drain();
/// tokio::select! {
///     () = drain.begun() => conn.send("going down, come back later").await?,
///     frame = conn.recv() => { frame?; }
/// }
/// # Ok(()) }
/// ```
///
/// A handler that only waits in `recv` needs none of this: `recv` yields the frames that had arrived, then `None`.
#[derive(Clone)]
pub struct Drain(pub(super) Arc<Shared>);

impl Drain {
    /// Whether the drain has begun. Tells the `None` of a drain from the client's end of input.
    pub fn is_begun(&self) -> bool {
        self.0.is_draining()
    }

    /// Resolves when the drain has begun, at once if it has already. Cancel safe.
    pub async fn begun(&self) {
        self.0.drain_begun().await;
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.is_begun()).finish()
    }
}
