//! Several accept loops of which one is to serve one connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::listener::Heartbeat;

/// Runs until the first of several accept loops has ended, and drops the others, which closes their sockets.
///
/// They are polled one after the other, in one task: so no second one can have accepted a connection by then, which tasks
/// of their own could.
#[derive(Default)]
pub(super) struct FirstOf {
    loops: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    heartbeats: Vec<Arc<Heartbeat>>,
}

impl FirstOf {
    /// Adds an accept loop, whose future ends in the poll in which it accepts.
    pub(super) fn add(
        &mut self,
        heartbeat: Arc<Heartbeat>,
        accept_loop: impl Future<Output = ()> + Send + 'static,
    ) {
        self.heartbeats.push(heartbeat);
        self.loops.push(Box::pin(accept_loop));
    }
}

impl Future for FirstOf {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for accept_loop in &mut self.loops {
            if accept_loop.as_mut().poll(cx).is_ready() {
                self.loops.clear();
                self.heartbeats.iter().for_each(|heartbeat| heartbeat.close());
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}
