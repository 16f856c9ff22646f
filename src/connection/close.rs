//! Closing a connection so that nothing it owes is destroyed.
//!
//! A socket that is closed with unread input makes the kernel send a reset, and the client then loses what it had not
//! read yet. So the order is: write what is left, shut the write side down, read and throw away until the client has
//! closed too, and only then close. nginx calls it a lingering close.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::buffer;
use super::deadlines::Deadlines;
use super::end::{EndReason, Ended};
use super::mark::Mark;
use super::output::Output;
use super::shared::{Core, Shared, Written};
use crate::establish::Stream;

/// Most input that is thrown away for a client that goes on sending.
const DISCARD_LIMIT: usize = 1024 * 1024;

/// Closes the connection after its handler. What it owed and could not deliver may change why it ended.
pub(super) async fn close(shared: &Shared, mut deadlines: Pin<&mut Deadlines>, ended: &mut Ended) {
    // What the handler had not asked for is gone with it.
    shared.outside.note_undecoded(0);
    // A lifetime that had to be cut, and what was aborted: the handler gets no more time.
    let cut = shared.outside.aborted.get().is_some();
    if !cut && !ended.reason.resets() && ended.reason != EndReason::ClientReset {
        let mut closing = Closing::new(&shared.lock(), ended.reason);
        if let Err(lost) = poll_fn(|cx| closing.poll(cx, shared, deadlines.as_mut())).await {
            ended.reason = lost.instead_of(ended.reason);
        }
    }
    let mut core = shared.lock();
    // From here on nothing changes it.
    core.cause = Some(ended.reason);
    core.output = Output::default();
    core.wakers.forget_task();
    // What was cut off must not look as if it had finished.
    if let Some(stream) = core.stream.take()
        && (ended.reason.resets() || (shared.outside.aborted.get().is_some() && !core.is(Mark::Lingering)))
    {
        stream.reset_on_drop();
    }
}

/// How often a close that waits for nothing else looks whether everything has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where the system does not tell, everything is taken to have arrived after so long: that is time for two retransmissions.
const PRESUMED_AFTER: Duration = Duration::from_secs(1);

/// Whether the close waits for the client's. Not where nothing was on its way in either direction.
fn lingers(core: &Core, reason: EndReason) -> bool {
    let silent = match reason {
        EndReason::Idle
        | EndReason::FirstFrameTimeout
        | EndReason::FrameTimeout
        | EndReason::HalfCloseTimeout => true,
        EndReason::Drained | EndReason::EndedByAdmin | EndReason::Lifetime => core.idle_at_drain,
        _ => false,
    };
    !(silent && core.output.is_empty())
}

/// Whether the client's system has everything that was written. What has not arrived when the socket is closed is lost
/// if the client sends anything after that: the answer to it is a reset. `None` where the system does not tell.
fn has_arrived(core: &Core) -> Option<bool> {
    core.stream.as_ref().map_or(Some(true), Stream::is_acknowledged)
}

/// A connection on its way out.
struct Closing {
    /// How much more input is thrown away.
    discardable: usize,
    /// Whether to wait for the client's close.
    linger: bool,
    /// The client's system has everything that was written.
    arrived: bool,
    /// When these waits end.
    until: Option<Instant>,
}

/// Why what was owed could not be delivered.
enum Undelivered {
    Reset,
    Stuck,
    Aborted(EndReason),
}

impl Closing {
    fn new(core: &Core, reason: EndReason) -> Self {
        let linger = lingers(core, reason);
        Self {
            discardable: DISCARD_LIMIT,
            linger,
            // A system call, so asked only where it matters; and before the end is sent, which would have to be
            // acknowledged too: a client that is gone is not waited for.
            arrived: !linger && has_arrived(core) == Some(true),
            until: None,
        }
    }

    // Delivering => Lingering => closed
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
        mut deadlines: Pin<&mut Deadlines>,
    ) -> Poll<Result<(), Undelivered>> {
        let mut core = shared.lock();
        core.wakers.remember_task(cx.waker());
        if let Some(reason) = shared.outside.aborted.get() {
            return Poll::Ready(if core.is(Mark::Lingering) {
                Ok(())
            } else {
                Err(Undelivered::Aborted(reason))
            });
        }
        if !core.is(Mark::Lingering) {
            match deliver(cx, &mut core, shared) {
                Ok(true) => {}
                Ok(false) => {
                    // A client that writes everything before it reads anything would wait for us as we wait for it.
                    let _ = self.poll_discard(cx, &mut core, shared);
                    return deadlines.poll_stuck(cx, shared, &core).map(|()| Err(Undelivered::Stuck));
                }
                Err(_) => return Poll::Ready(Err(Undelivered::Reset)),
            }
            core.mark(Mark::Lingering);
            // Fixed, not reset by what the client goes on sending: a trickle must not hold the connection.
            self.until = self.end_of_waits(shared, &core);
        }
        loop {
            let lingered = self.linger;
            if self.poll_discard(cx, &mut core, shared).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if self.linger && !lingered {
                self.until = self.end_of_waits(shared, &core);
            }
            let now = Instant::now();
            let look = self.look_at(&core, now);
            let nothing_to_wait_for = !self.linger && look.is_none();
            if nothing_to_wait_for || self.until.is_some_and(|until| until <= now) {
                return Poll::Ready(Ok(()));
            }
            // A timer that is set already stays.
            match self.until.into_iter().chain(look).min() {
                Some(at) => ready!(deadlines.as_mut().poll_at(cx, at)),
                None => return Poll::Pending,
            }
        }
    }

    /// When to look whether everything has arrived, which wakes nobody; `None` if it has, or if that is not all there is to
    /// wait for.
    fn look_at(&self, core: &Core, now: Instant) -> Option<Instant> {
        if self.linger || self.arrived {
            return None;
        }
        match has_arrived(core) {
            Some(true) => None,
            Some(false) => Some(now + LOOK_EVERY),
            None => self.until,
        }
    }

    fn end_of_waits(&self, shared: &Shared, core: &Core) -> Option<Instant> {
        let limit = match self.linger || self.arrived || has_arrived(core).is_some() {
            true => shared.settings().timeouts.half_close,
            false => Some(PRESUMED_AFTER),
        };
        limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    /// Throws input away; resolves when no more will come, or no more is thrown away.
    fn poll_discard(&mut self, cx: &mut Context<'_>, core: &mut Core, shared: &Shared) -> Poll<()> {
        while !core.eof && self.discardable > 0 {
            let Some(stream) = &mut core.stream else { return Poll::Ready(()) };
            match ready!(buffer::poll_discard(stream, cx, self.discardable)) {
                Ok(0) => core.eof = true,
                Ok(read) => {
                    shared.count_received(read);
                    self.discardable -= read;
                    self.linger = true;
                }
                Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}

/// Writes what is left and shuts the write side down; false where the client does not take it yet.
fn deliver(cx: &mut Context<'_>, core: &mut Core, shared: &Shared) -> io::Result<bool> {
    if let Written::Stuck = core.poll_write(cx, shared)? {
        return Ok(false);
    }
    if core.eof && matches!(core.stream, None | Some(Stream::Tcp(_))) {
        // Nothing is unread, so closing the socket sends the same FIN: one system call less.
        return Ok(true);
    }
    match core.poll_shutdown(cx) {
        Poll::Ready(shut) => shut.map(|()| true),
        Poll::Pending => Ok(false),
    }
}

impl Undelivered {
    /// A reply that was lost is the reason, unless something else had gone wrong before.
    fn instead_of(self, reason: EndReason) -> EndReason {
        match (reason, self) {
            (
                EndReason::ClientClosed
                | EndReason::HandlerDone
                | EndReason::Drained
                | EndReason::EndedByAdmin
                | EndReason::Lifetime,
                lost,
            ) => match lost {
                Self::Reset => EndReason::ClientReset,
                Self::Stuck => EndReason::SlowConsumer,
                Self::Aborted(reason) => reason,
            },
            (reason, _) => reason,
        }
    }
}
