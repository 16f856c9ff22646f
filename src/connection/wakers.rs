//! Who is to be woken: the connection's task, and handles that wait in other tasks.

use std::task::{Context, Poll, Waker};

use super::shared::Shared;

/// The wakers of one connection. Owns no memory where the handler stays in the connection's own task, and takes one word
/// for that: an idle connection has none to give away.
#[derive(Default)]
pub(super) struct Wakers {
    /// The connection's task, which writes and minds the deadlines. Known from its first poll on.
    task: Option<Waker>,
    #[expect(clippy::box_collection, reason = "see above")]
    waiters: Option<Box<Vec<Waiter>>>,
}

/// A handle that waits.
struct Waiter {
    end: End,
    waker: Waker,
}

/// What a handle waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A frame.
    Receiving,
    /// Room, or a flush.
    Sending,
    /// A raw stream's input. The stream itself wakes this and the next, but not when it is dropped.
    Reading,
    /// A raw stream's output.
    Writing,
    /// The end of the connection, everything given back.
    Gone,
}

impl Wakers {
    pub(super) fn remember_task(&mut self, waker: &Waker) {
        // Keeps the clone that there is, where it would wake the same task.
        match &mut self.task {
            Some(task) => task.clone_from(waker),
            None => self.task = Some(waker.clone()),
        }
    }

    /// Lets go of the connection's task, that handles that outlive it do not keep its memory.
    pub(super) fn forget_task(&mut self) {
        self.task = None;
    }

    pub(super) fn is_task(&self, waker: &Waker) -> bool {
        self.task.as_ref().is_some_and(|task| task.will_wake(waker))
    }

    /// Notes a waiter, once.
    pub(super) fn wait(&mut self, end: End, waker: &Waker) {
        let waiters = self.waiters.get_or_insert_default();
        if !waiters.iter().any(|waiter| waiter.end == end && waiter.waker.will_wake(waker)) {
            waiters.push(Waiter { end, waker: waker.clone() });
        }
    }

    /// Forgets one waiter, which has given up.
    pub(super) fn forget(&mut self, end: End, waker: &Waker) {
        if let Some(waiters) = &mut self.waiters {
            waiters.retain(|waiter| waiter.end != end || !waiter.waker.will_wake(waker));
        }
    }

    /// Forgets all who wait for this.
    pub(super) fn forget_all(&mut self, end: End) {
        if let Some(waiters) = &mut self.waiters {
            waiters.retain(|waiter| waiter.end != end);
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiters.as_ref().map_or(0, |waiters| waiters.len())
    }

    pub(super) fn wake_task(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    /// Lets the connection's task write, unless `waker` is its own: then it does so as soon as the handler is pending.
    pub(super) fn wake_task_from(&self, waker: &Waker) {
        if !self.is_task(waker) {
            self.wake_task();
        }
    }

    /// Wakes those who wait for room or for a flush. Returns whether the task itself is among them; it is not woken but
    /// has to poll its handler again.
    pub(super) fn wake_senders(&mut self) -> bool {
        let task = self.task.as_ref();
        let mut own = false;
        let Some(waiters) = &mut self.waiters else { return false };
        for waiter in waiters.extract_if(.., |waiter| waiter.end == End::Sending) {
            if task.is_some_and(|task| task.will_wake(&waiter.waker)) {
                own = true;
            } else {
                waiter.waker.wake();
            }
        }
        own
    }

    /// Wakes whoever waits in another task.
    pub(super) fn wake_waiters(&mut self) {
        let Some(waiters) = self.waiters.take() else { return };
        for waiter in *waiters {
            waiter.waker.wake();
        }
    }

    pub(super) fn wake_all(&mut self) {
        self.wake_task();
        self.wake_waiters();
    }
}

/// Who waits from another task. Dropped before its turn came, it is not kept to be woken: there may be as many of them as
/// tasks that gave up on a client.
pub(super) struct Waiting<'a> {
    shared: &'a Shared,
    end: End,
    waker: Option<Waker>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(shared: &'a Shared, end: End) -> Self {
        Self { shared, end, waker: None }
    }

    /// Passes on what a poll, which has noted the waker, came to.
    pub(super) fn observe<T>(&mut self, poll: Poll<T>, cx: &Context<'_>) -> Poll<T> {
        self.waker = poll.is_pending().then(|| cx.waker().clone());
        poll
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waker) = &self.waker {
            self.shared.lock().wakers.forget(self.end, waker);
        }
    }
}
