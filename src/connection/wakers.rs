//! Who is to be woken: the connection's task, and handles that wait in other tasks.

use std::mem;
use std::num::NonZeroU64;
use std::task::Waker;

use super::shared::Shared;

/// The wakers of one connection. Owns no memory where the handler stays in the connection's own task, and takes one word
/// for that: an idle connection has none to give away.
#[derive(Default)]
pub(super) struct Wakers {
    /// The connection's task, which writes and minds the deadlines. Known from its first poll on.
    task: Option<Waker>,
    waiters: Option<Box<Waiters>>,
}

/// Handles that wait. Once made it stays, so that no ticket is given out twice.
#[derive(Default)]
struct Waiters {
    waiting: Vec<Waiter>,
    /// Tickets given out so far.
    tickets: u64,
}

/// A handle that waits.
pub(super) struct Waiter {
    end: End,
    waker: Waker,
    /// Whose it is, if whoever it is may give up: one task may wait several times over.
    ticket: Ticket,
}

/// Tells those apart who wait. `None` until they do.
pub(super) type Ticket = Option<NonZeroU64>;

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
    /// What the connection is told, or its end.
    Told,
}

impl Waiter {
    pub(super) fn wake(self) {
        self.waker.wake();
    }
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

    /// Notes a waiter that is woken in any case, once a task.
    pub(super) fn wait(&mut self, end: End, waker: &Waker) {
        let Waiters { waiting, .. } = &mut **self.waiters.get_or_insert_default();
        let mut same = waiting.iter().filter(|waiter| waiter.ticket.is_none() && waiter.end == end);
        if !same.any(|waiter| waiter.waker.will_wake(waker)) {
            waiting.push(Waiter { end, waker: waker.clone(), ticket: None });
        }
    }

    /// Notes a waiter that may give up, once, with the task that it is in now.
    pub(super) fn wait_with(&mut self, ticket: &mut Ticket, end: End, waker: &Waker) {
        let Waiters { waiting, tickets } = &mut **self.waiters.get_or_insert_default();
        if ticket.is_none() {
            *tickets += 1;
            *ticket = NonZeroU64::new(*tickets);
        }
        match waiting.iter_mut().find(|waiter| waiter.ticket == *ticket) {
            Some(waiter) => waiter.waker.clone_from(waker),
            None => waiting.push(Waiter { end, waker: waker.clone(), ticket: *ticket }),
        }
    }

    /// Forgets one waiter, which has given up.
    pub(super) fn forget(&mut self, ticket: NonZeroU64) {
        if let Some(waiters) = &mut self.waiters {
            waiters.waiting.retain(|waiter| waiter.ticket != Some(ticket));
        }
    }

    /// Forgets all who wait for this.
    pub(super) fn forget_all(&mut self, end: End) {
        if let Some(waiters) = &mut self.waiters {
            waiters.waiting.retain(|waiter| waiter.end != end);
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiters.as_ref().map_or(0, |waiters| waiters.waiting.len())
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
        for waiter in waiters.waiting.extract_if(.., |waiter| waiter.end == End::Sending) {
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
        self.take_waiters().into_iter().for_each(Waiter::wake);
    }

    /// Forgets whoever waits in another task, who is to be woken.
    pub(super) fn take_waiters(&mut self) -> Vec<Waiter> {
        self.waiters.as_mut().map(|waiters| mem::take(&mut waiters.waiting)).unwrap_or_default()
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
    ticket: Ticket,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, ticket: None }
    }

    /// Who a poll is to note.
    pub(super) fn waiter(&mut self) -> By<'_> {
        By(Some(&mut self.ticket))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.lock().wakers.forget(ticket);
        }
    }
}

/// Who polls: a [`Waiting`], or the one that has the connection.
pub(super) struct By<'a>(Option<&'a mut Ticket>);

impl By<'_> {
    /// The one that has the connection, and waits once at a time.
    pub(super) const OWNER: Self = Self(None);

    pub(super) fn wait(self, wakers: &mut Wakers, end: End, waker: &Waker) {
        match self.0 {
            Some(ticket) => wakers.wait_with(ticket, end, waker),
            None => wakers.wait(end, waker),
        }
    }
}
