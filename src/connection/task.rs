//! The connection's task: polls the handler, writes, minds the deadlines.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::coop;

use super::Connection;
use super::close::close;
use super::deadlines::{Deadlines, Due};
use super::end::{EndReason, Ended};
use super::mark::Mark;
use super::registry::Admitted;
use super::shared::{Core, Shared, Written};
use crate::admission::Refusal;
use crate::establish::{Cause, EstablishError, Facts, Layered, establish};
use crate::handler::{Handler, HandlerError, Service};
use crate::telemetry::access;

/// How serving a connection came to an end.
pub(super) enum Outcome {
    /// The handler returned, or it was dropped because the connection had ended.
    Returned(Result<(), HandlerError>),
    Panicked(String),
    NotEstablished(EstablishError),
    /// It was accepted, and has found no room after that.
    Refused(Refusal),
    /// The drain began before the first frame could have come.
    NotStarted,
}

/// Serves one connection to its end: establish, handler, close, access line. The permits and the place in the registry
/// are given back when the future is dropped, on every path, a panic's too.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would keep its arguments beside their copies in the body"
)]
pub(crate) fn run<H: Handler, M>(
    service: Arc<Service<H, M>>,
    mut admitted: Admitted,
) -> impl Future<Output = ()> + Send
where
    M: Fn(&H) -> H::Codec + Send + Sync + 'static,
{
    async move {
        poll_fn(|cx| {
            admitted.shared().outside.remember_task(cx.waker());
            Poll::Ready(())
        })
        .await;
        let mut failed = take_layers_off(&mut admitted).await;
        let shared = admitted.shared();
        let mut deadlines = pin!(Deadlines::new(shared.accepted, &shared.settings().timeouts));
        let outcome = {
            let make = || {
                shared.count_established();
                service.handler.handle(Connection::new(Arc::clone(shared), service.codec()))
            };
            let handler = if failed.is_some() {
                None
            } else {
                contain(make).map_err(|panic| failed = Some(panic)).ok()
            };
            // Pinned in place, and gone before the close: moved through another async function it would be stored twice.
            let handler = pin!(handler);
            match failed {
                None => Serve { handler, shared, deadlines: deadlines.as_mut(), started: false }.await,
                Some(failed) => *failed,
            }
        };
        let mut ended = outcome.into_ended(shared);
        close(shared, deadlines, &mut ended).await;
        access::record(shared, &ended);
        shared.count_end(Some(&ended));
        #[cfg(feature = "testing")]
        admitted.leave(&ended);
    }
}

/// Takes the listener's layers off, within `timeouts.establish`. Nothing happens for a plain connection.
//
// Boxed, what it works with and what it returns: it would stay in the task for the life of the connection.
async fn take_layers_off(admitted: &mut Admitted) -> Option<Box<Outcome>> {
    if admitted.shared().settings().layers.is_empty() {
        return None;
    }
    Box::pin(async {
        let (shared, permits) = admitted.parts()?;
        let settings = shared.settings();
        let stream = shared.lock().stream.take()?;
        let layered = Layered { stream, peer: shared.info.peer(), facts: Facts::default() };
        let (limit, client_full) = (settings.timeouts.establish, settings.limits.client_full);
        let mut place = None;
        let admit = |client| {
            if let Some(rule) = settings.bars(client) {
                settings.admission.put_back();
                return Err(Refusal::Access(rule));
            }
            place = settings.admission.admit_client(client)?;
            Ok(())
        };
        let established = tokio::select! {
            established = establish(layered, &settings.layers, shared.accepted, limit, client_full, admit) => established,
            () = shared.drain_begun() => return Some(Box::new(Outcome::NotStarted)),
            () = permits.crowded_out() => {
                settings.tell_refused(Refusal::Crowded, shared.info.client());
                return Some(Box::new(Outcome::Refused(Refusal::Crowded)));
            }
        };
        permits.established(place);
        match established {
            Ok(Layered { stream, facts, .. }) => {
                shared.info.establish(facts);
                shared.lock().stream = Some(stream);
                None
            }
            Err(EstablishError { cause: Cause::Refused(refusal, client), .. }) => {
                settings.tell_refused(refusal, client);
                Some(Box::new(Outcome::Refused(refusal)))
            }
            Err(error) => Some(Box::new(Outcome::NotEstablished(error))),
        }
    })
    .await
}

/// How often a handler that waited for room is polled again at once, before other connections have their turn: writing goes
/// on when the task's budget is used up, so that does not end it.
const ROUNDS: u32 = 32;

/// Polls the handler until it returns or the connection ends.
struct Serve<'a, F> {
    /// Gone as soon as it is over.
    handler: Pin<&'a mut Option<F>>,
    shared: &'a Shared,
    deadlines: Pin<&'a mut Deadlines>,
    started: bool,
}

impl<F: Future<Output = Result<(), HandlerError>>> Future for Serve<'_, F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.get_mut();
        if !this.started {
            this.started = true;
            let mut core = this.shared.lock();
            core.mark(Mark::Started);
            core.wakers.remember_task(cx.waker());
        }
        let mut rounds = 0;
        loop {
            if let Poll::Ready(outcome) = this.poll_handler(cx) {
                return Poll::Ready(this.over(outcome));
            }
            let mut core = this.shared.lock();
            core.wakers.remember_task(cx.waker());
            match this.mind(cx, &mut core, rounds < ROUNDS) {
                Next::Wait => return Poll::Pending,
                Next::PollAgain => rounds += 1,
                Next::Drain => {
                    drop(core);
                    this.shared.begin_drain(EndReason::Lifetime);
                }
                Next::Over => {
                    core.wakers.wake_waiters();
                    drop(core);
                    // One more poll: a handler that waits in `recv` or `send` learns the reason and may still tidy up. One
                    // that waits for something else is dropped where it waits.
                    let outcome = match this.poll_handler(cx) {
                        Poll::Ready(outcome) => outcome,
                        Poll::Pending => Outcome::Returned(Ok(())),
                    };
                    return Poll::Ready(this.over(outcome));
                }
            }
        }
    }
}

/// What the task does after its handler was found pending.
enum Next {
    Wait,
    /// The handler waited for room, and there is room.
    PollAgain,
    Drain,
    /// The connection has ended; its cause is recorded.
    Over,
}

impl<F: Future<Output = Result<(), HandlerError>>> Serve<'_, F> {
    /// Drops the handler's future, whose contents may panic in their own drop.
    fn over(&mut self, outcome: Outcome) -> Outcome {
        contain(|| self.handler.set(None)).map_or_else(|panicked| *panicked, |()| outcome)
    }

    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(handler) = self.handler.as_mut().as_pin_mut() else {
            return Poll::Ready(Outcome::NotStarted);
        };
        match contain(|| handler.poll(cx)) {
            Ok(poll) => poll.map(Outcome::Returned),
            Err(panicked) => Poll::Ready(*panicked),
        }
    }

    /// Writes what was gathered, then checks the deadlines: in this order, so that they hold while a write is stuck.
    fn mind(&mut self, cx: &mut Context<'_>, core: &mut Core, again: bool) -> Next {
        if core.is(Mark::Over) {
            return Next::Over;
        }
        let before = self.shared.outside.bytes_out();
        // A raw stream has a writer of its own, whose waker it would lose to this one.
        let written = if core.is(Mark::Raw) && core.output.is_empty() {
            Ok(Written::All)
        } else {
            write(cx, core, self.shared)
        };
        let stuck = match written {
            Ok(Written::All) => false,
            Ok(Written::Stuck) => true,
            Err(_) => {
                core.end(EndReason::ClientReset);
                return Next::Over;
            }
        };
        let room = core.output.load() < self.shared.settings().limits.flush_at;
        let wrote = self.shared.outside.bytes_out() != before;
        if room && (wrote || core.output.is_empty()) && core.wakers.wake_senders() {
            if again {
                return Next::PollAgain;
            }
            // Not without a look at the deadlines: a handler and a client that keep up with each other are never pending.
            cx.waker().wake_by_ref();
        }
        let due = self.deadlines.as_mut().poll(cx, self.shared, core, stuck);
        #[cfg(feature = "admin")]
        if self.shared.outside.is_asked() {
            self.deadlines.tell(self.shared, core);
        }
        match due {
            Poll::Pending => Next::Wait,
            Poll::Ready(Due::Drain) => Next::Drain,
            Poll::Ready(Due::End(reason)) => {
                core.end(reason);
                // What `lifetime` ends at once is what its drain could not end: cut off, it must not look finished.
                if reason == EndReason::Lifetime {
                    self.shared.outside.aborted.give(reason);
                }
                Next::Over
            }
        }
    }
}

/// Writes, outside the task's budget where the handler has used that up: otherwise the output of one that always does would
/// never leave, and its client be taken for one that does not read.
fn write(cx: &mut Context<'_>, core: &mut Core, shared: &Shared) -> io::Result<Written> {
    if coop::has_budget_remaining() {
        return core.poll_write(cx, shared);
    }
    match pin!(coop::unconstrained(poll_fn(|cx| Poll::Ready(core.poll_write(cx, shared))))).poll(cx) {
        Poll::Ready(written) => written,
        Poll::Pending => Ok(Written::Stuck),
    }
}

impl Outcome {
    /// Why the connection ended: the first cause, or else what the handler returned. From now on its handles are closed.
    fn into_ended(self, shared: &Shared) -> Ended {
        let mut core = shared.lock();
        core.mark(Mark::Returned);
        core.wakers.wake_waiters();
        let mut ended = self.by_itself(&core, shared.outside.drain.get());
        // The first cause wins; but a panic is never a client's doing alone, and must not hide behind it.
        if ended.reason != EndReason::HandlerPanic {
            ended.reason = core.cause.unwrap_or(ended.reason);
        }
        ended
    }

    /// The end reason, if nothing else than the handler's return ended the connection.
    fn by_itself(self, core: &Core, drain: Option<EndReason>) -> Ended {
        match self {
            Self::Returned(Ok(())) => Ended::new(match drain {
                _ if core.eof => EndReason::ClientClosed,
                Some(reason) => reason,
                None => EndReason::HandlerDone,
            }),
            Self::Returned(Err(error)) => {
                let (word, error) = error.into_parts();
                Ended { word, error, ..Ended::new(EndReason::HandlerError) }
            }
            Self::Panicked(message) => {
                Ended { error: Some(message.into()), ..Ended::new(EndReason::HandlerPanic) }
            }
            Self::NotEstablished(EstablishError { step, cause }) => match cause {
                Cause::TimedOut => Ended::new(step.timed_out()),
                Cause::Left => Ended { is_probe: true, ..Ended::new(EndReason::ClientClosed) },
                Cause::Failed(error) => Ended { error: Some(error), ..Ended::new(step.failed()) },
                Cause::Refused(refusal, _) => Ended::new(refusal.into()),
            },
            Self::Refused(refusal) => Ended::new(refusal.into()),
            Self::NotStarted => Ended::new(drain.unwrap_or(EndReason::Drained)),
        }
    }
}

/// Runs a piece of the handler's code. What it leaves behind when it panics is dropped with the connection, and seen by
/// nobody else.
fn contain<T>(run: impl FnOnce() -> T) -> Result<T, Box<Outcome>> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Box::new(Outcome::Panicked(text.unwrap_or("panic").to_owned()))
    })
}
