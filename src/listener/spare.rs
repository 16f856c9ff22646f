//! The process's spare descriptor.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use super::socket::{Accepted, Socket};
use crate::platform;

/// A descriptor kept back, so that a peer can be taken from the backlog and closed when there is none left. One for the
/// process: with several loops without descriptors, they take turns.
pub(crate) struct Spare(Mutex<platform::Spare>);

impl Spare {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(platform::Spare::new()))
    }

    /// Gives the spare descriptor up to accept one connection, if one waits, and takes it back when `turn_away` has ended
    /// that. Returns whether there was one.
    pub(crate) async fn lend(&self, socket: &impl Socket, turn_away: impl Fn(Accepted) + Send) -> bool {
        let mut accept = pin!(socket.accept());
        poll_fn(|cx| {
            let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut turned_away = false;
            if spare.release()
                && let Poll::Ready(Ok(accepted)) = accept.as_mut().poll(cx)
            {
                turn_away(accepted);
                turned_away = true;
            }
            // If somebody else was faster, the next turn tries again.
            spare.refill();
            Poll::Ready(turned_away)
        })
        .await
    }
}
