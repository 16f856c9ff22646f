//! What stands outside a connection's lock: what is seen of it, and what it is told.
//!
//! A codec encodes under the lock, and a user's may block there. Who looks and who tells must not wait behind it: the admin
//! interface shares its thread with the signals and the end of a drain. So what is looked at stands in atomics. Each has one
//! writer at a time, who has the lock or the receiving end, so that none needs more than a plain store. What is told stands
//! there too, and whoever has the lock next acts on it: who tells, where nobody has it, and otherwise the connection's task,
//! which is woken.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::end::EndReason;
use super::first::First;
use super::mark::{Mark, Marks, Receive};
use super::shared::Core;
use super::wakers::{End, Ticket, Waiter, Wakers};

/// What stands outside the lock of one connection. Each figure is of a moment of its own.
//
// One struct, so that its bytes share a word: a word more of each connection is the next size class of the allocator.
#[derive(Default)]
pub(super) struct Outside {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    frames_in: AtomicU64,
    frames_out: AtomicU64,
    /// Bytes that the receiving end holds, as of when it last wanted more.
    undecoded: AtomicU32,
    /// Bytes that are gathered, as of when the lock was last let go of; those that the task itself gathers, as of when it wrote.
    output: AtomicU32,
    /// The marks and what is received, as of then.
    marks: AtomicU8,
    /// How far it has come, for the listener's counters.
    pub(super) stage: AtomicU8,
    /// Why a drain has begun: `drained`, or a reason of this connection alone.
    pub(super) drain: First,
    /// Whatever is still owed is not waited for, for this reason.
    pub(super) aborted: First,
    /// Everything was given back; the reason is the one in the access line.
    pub(super) gone: First,
    /// It was told something on which nobody has acted yet.
    news: AtomicBool,
    /// Somebody wants to know the deadlines, which the task has.
    #[cfg(feature = "admin")]
    asked: AtomicBool,
    /// The task, whom the lock's holder knows too, and who waits for a drain or the end.
    wakers: Mutex<Wakers>,
}

// === seen ===

impl Outside {
    /// Shows how things are when the lock is let go of.
    #[inline(always)]
    pub(super) fn show(&self, core: &Core) {
        self.output.store(saturated(core.output.len()), Ordering::Relaxed);
        self.marks.store(core.marks.packed(core.receive), Ordering::Relaxed);
    }

    fn marks(&self) -> (Marks, Receive) {
        Marks::unpacked(self.marks.load(Ordering::Relaxed))
    }

    pub(super) fn has(&self, mark: Mark) -> bool {
        self.marks().0.has(mark)
    }

    pub(super) fn receive(&self) -> Receive {
        self.marks().1
    }

    /// How many bytes are gathered.
    pub(super) fn output(&self) -> usize {
        widened(self.output.load(Ordering::Relaxed))
    }

    /// Notes how much the receiving end holds.
    pub(super) fn note_undecoded(&self, bytes: usize) {
        self.undecoded.store(saturated(bytes), Ordering::Relaxed);
    }

    pub(super) fn undecoded(&self) -> usize {
        widened(self.undecoded.load(Ordering::Relaxed))
    }

    /// By the receiving end.
    pub(super) fn count_frame_in(&self) {
        add(&self.frames_in, 1);
    }

    pub(super) fn frames_in(&self) -> u64 {
        self.frames_in.load(Ordering::Relaxed)
    }

    /// Under the lock, as the next two.
    #[inline(always)]
    pub(super) fn count_frame_out(&self) {
        add(&self.frames_out, 1);
    }

    pub(super) fn count_in(&self, bytes: usize) {
        add(&self.bytes_in, bytes as u64);
    }

    pub(super) fn count_out(&self, bytes: usize) {
        add(&self.bytes_out, bytes as u64);
    }

    pub(super) fn frames_out(&self) -> u64 {
        self.frames_out.load(Ordering::Relaxed)
    }

    pub(super) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub(super) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }
}

/// There is one writer at a time, so no read-modify-write is needed.
#[inline(always)]
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn widened(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

// === told ===

impl Outside {
    /// To be called by the connection's task, before it takes the connection's lock for the first time.
    pub(super) fn remember_task(&self, waker: &Waker) {
        self.wakers().remember_task(waker);
    }

    /// Lets go of the task, whose memory would stay as long as a handle.
    pub(super) fn forget_task(&self) {
        self.wakers().forget_task();
    }

    /// Wakes the task, which takes the connection's lock and acts on what it was told.
    //
    // A task that was not remembered yet takes this lock first, and so finds what was told.
    pub(super) fn wake_task(&self) {
        self.wakers().wake_task();
    }

    /// To be called when what is told was noted.
    pub(super) fn announce(&self) {
        self.news.store(true, Ordering::Release);
    }

    #[inline(always)]
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    /// Whether there is something to act on. What is told later is news again.
    pub(super) fn take_news(&self) -> bool {
        self.news.swap(false, Ordering::AcqRel)
    }

    /// Notes that somebody wants to know the deadlines.
    #[cfg(feature = "admin")]
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake_task();
    }

    #[cfg(feature = "admin")]
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) && self.asked.swap(false, Ordering::Acquire)
    }

    /// Waits until there is something in `first`. Cancel safe.
    pub(super) fn until<'a>(&'a self, first: &'a First) -> Until<'a> {
        Until { outside: self, first, ticket: None }
    }

    /// Wakes who waits. To be called when something was noted that they wait for.
    pub(super) fn wake_waiters(&self) {
        // Whatever a waker does, it does without the lock.
        let waiters = self.wakers().take_waiters();
        waiters.into_iter().for_each(Waiter::wake);
    }

    /// Held for a moment: nothing of the user's runs under it.
    fn wakers(&self) -> MutexGuard<'_, Wakers> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves when a reason was given.
pub(super) struct Until<'a> {
    outside: &'a Outside,
    first: &'a First,
    ticket: Ticket,
}

impl Future for Until<'_> {
    type Output = EndReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // Under the lock: who gives the reason takes it after that, and wakes who has not seen it.
        let mut wakers = this.outside.wakers();
        match this.first.get() {
            Some(reason) => Poll::Ready(reason),
            None => {
                wakers.wait_with(&mut this.ticket, End::Told, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Until<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.outside.wakers().forget(ticket);
        }
    }
}
