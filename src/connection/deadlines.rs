//! Every deadline of a connection, in one place, on one timer.
//!
//! The connection's task reports what it sees each time its handler is pending; the timer is armed for the nearest
//! deadline. A deadline that moves away does not touch the timer: it fires early, finds nothing due and is armed anew.
//! So a busy connection pays one reading of the clock, and no timer wheel.

use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};

use super::end::EndReason;
use super::mark::{Mark, Receive};
use super::shared::{Core, Shared};
use crate::config::Timeouts;

pin_project! {
    /// The deadlines of one connection.
    pub(super) struct Deadlines {
        #[pin]
        timer: Sleep,
        // The timer was polled since it was armed, so it knows whom to wake.
        watched: bool,
        // What was counted at the last look, of which only a change matters: the low half is enough.
        frames_in: u32,
        bytes_out: u32,
        // When the last complete frame came or the last byte was written.
        active: Moment,
        // Since when the handler has been waiting for the first frame.
        first: Option<Moment>,
        // Since when a frame has been half received.
        partial: Option<Moment>,
        // Since when the client has taken nothing of what waits for it.
        stuck: Option<Moment>,
        // The client's end of input, or the last byte written after it.
        half_closed: Option<Moment>,
        // The end of the lifetime; once that is over, when the connection is cut.
        life: Option<Moment>,
        over_age: bool,
    }
}

/// Microseconds since the connection was accepted. Half the size of an `Instant`, of which every connection would hold
/// seven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(NonZeroU64);

/// What is due.
pub(super) enum Due {
    End(EndReason),
    /// The lifetime is over: the connection is to be drained.
    Drain,
}

/// The clock, read at most once, and only if somebody asks.
struct Now {
    accepted: Instant,
    read: Option<Moment>,
}

impl Deadlines {
    pub(super) fn new(accepted: Instant, timeouts: &Timeouts) -> Self {
        let life = timeouts.lifetime.and_then(|lifetime| {
            let short = lifetime.mul_f64(timeouts.lifetime_jitter * fastrand::f64());
            Moment::ZERO.after(Some(lifetime.saturating_sub(short)))
        });
        Self {
            // Never waited for as it is: the first deadline arms it.
            timer: sleep_until(accepted),
            watched: false,
            frames_in: 0,
            bytes_out: 0,
            active: Moment::ZERO,
            first: None,
            partial: None,
            stuck: None,
            half_closed: None,
            life,
            over_age: false,
        }
    }

    /// Takes note of what the connection is doing, and resolves when a deadline has passed.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        shared: &Shared,
        core: &Core,
        stuck: bool,
    ) -> Poll<Due> {
        let mut now = Now { accepted: shared.accepted, read: None };
        let frames_in = shared.outside.frames_in();
        let nearer =
            self.as_mut().observe(&mut now, shared, core, stuck) | self.is_nearer(core, shared.accepted);
        if self.watched && !nearer && !self.timer.is_elapsed() {
            // Deadlines that stood already can only have moved away from where the timer is set.
            return Poll::Pending;
        }
        let all = self.all(&shared.settings().timeouts, core, frames_in);
        let Some((at, reason)) = all.min_by_key(|(at, _)| *at) else {
            return Poll::Pending;
        };
        ready!(self.as_mut().poll_moment(cx, shared.accepted, at));
        let this = self.project();
        if reason == EndReason::Lifetime && !*this.over_age {
            *this.over_age = true;
            *this.life = now.get().after(shared.settings().drain_timeout);
            return Poll::Ready(Due::Drain);
        }
        Poll::Ready(Due::End(reason))
    }

    /// While closing: resolves when the client has taken nothing for `timeouts.write`.
    pub(super) fn poll_stuck(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        shared: &Shared,
        core: &Core,
    ) -> Poll<()> {
        let mut now = Now { accepted: shared.accepted, read: None };
        self.as_mut().observe(&mut now, shared, core, true);
        match self.stuck.and_then(|since| since.after(shared.settings().timeouts.write)) {
            Some(at) => self.poll_moment(cx, shared.accepted, at),
            None => Poll::Pending,
        }
    }

    /// Resolves when `at` has passed.
    pub(super) fn poll_at(self: Pin<&mut Self>, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let mut this = self.project();
        if *this.watched && at >= this.timer.deadline() && !this.timer.is_elapsed() {
            return Poll::Pending;
        }
        if at <= Instant::now() {
            return Poll::Ready(());
        }
        this.timer.as_mut().reset(at);
        *this.watched = true;
        // Outside the task's budget: a timer that was refused its turn would not know whom to wake.
        pin!(coop::unconstrained(this.timer)).poll(cx)
    }

    fn poll_moment(self: Pin<&mut Self>, cx: &mut Context<'_>, accepted: Instant, at: Moment) -> Poll<()> {
        match at.instant(accepted) {
            Some(at) => self.poll_at(cx, at),
            None => Poll::Pending,
        }
    }

    /// Returns whether a deadline has come up that may be nearer than all others.
    fn observe(self: Pin<&mut Self>, now: &mut Now, shared: &Shared, core: &Core, stuck: bool) -> bool {
        let this = self.project();
        let (frames_in, bytes_out) = (shared.outside.frames_in(), shared.outside.bytes_out());
        let received = low_half(frames_in) != *this.frames_in;
        let wrote = low_half(bytes_out) != *this.bytes_out;
        if received || wrote {
            *this.active = now.get();
            *this.frames_in = low_half(frames_in);
            *this.bytes_out = low_half(bytes_out);
        }
        mark(this.first, frames_in == 0 && core.receive != Receive::Busy, false, now)
            | mark(this.partial, core.receive == Receive::Partial, received, now)
            | mark(this.stuck, stuck, wrote, now)
            | mark(this.half_closed, core.eof, wrote, now)
    }

    /// Whether the handler wants its frame before the timer is due.
    fn is_nearer(&self, core: &Core, accepted: Instant) -> bool {
        core.frame_by
            .and_then(|by| by.instant(accepted))
            .is_some_and(|by| !self.watched || by < self.timer.deadline())
    }

    /// What is due, and when, unless something happens before.
    fn all(
        &self,
        timeouts: &Timeouts,
        core: &Core,
        frames_in: u64,
    ) -> impl Iterator<Item = (Moment, EndReason)> {
        let on_wire = [
            (Some(self.active), timeouts.idle, EndReason::Idle),
            (self.first, timeouts.first_frame, EndReason::FirstFrameTimeout),
            (self.partial, timeouts.frame, EndReason::FrameTimeout),
            (self.stuck, timeouts.write, EndReason::SlowConsumer),
            (self.half_closed, timeouts.half_close, EndReason::HalfCloseTimeout),
        ]
        .into_iter()
        .filter_map(|(since, limit, reason)| Some((since?.after(limit)?, reason)))
        .chain(wanted(core, frames_in));
        // A raw stream is its handler's business; only how long it may live is not.
        let raw = core.is(Mark::Raw);
        on_wire.filter(move |_| !raw).chain(self.life.map(|at| (at, EndReason::Lifetime)))
    }

    /// Tells who has asked.
    #[cfg(feature = "admin")]
    pub(super) fn tell(&self, shared: &Shared, core: &Core) {
        let now = Instant::now();
        let left = |(at, reason): (Moment, _)| {
            let left = at.instant(shared.accepted)?.saturating_duration_since(now);
            Some((reason, left))
        };
        let all = self.all(&shared.settings().timeouts, core, shared.outside.frames_in());
        let mut due: Vec<_> = all.filter_map(left).collect();
        due.sort_by_key(|(_, left)| *left);
        shared.settings().questions.answer(shared.info.id(), &due);
    }
}

/// By when the frame has to be there that the handler waits for, if it said so.
fn wanted(core: &Core, frames_in: u64) -> Option<(Moment, EndReason)> {
    let by = core.frame_by.filter(|_| core.receive != Receive::Busy)?;
    let first = frames_in == 0;
    Some((by, if first { EndReason::FirstFrameTimeout } else { EndReason::FrameTimeout }))
}

impl Moment {
    const ZERO: Self = Self(NonZeroU64::MIN);

    /// Not before `at`; `None` if that is too far away to be said.
    pub(super) fn at(at: Instant, accepted: Instant) -> Option<Self> {
        let micros = u64::try_from(at.saturating_duration_since(accepted).as_nanos().div_ceil(1_000)).ok()?;
        Some(NonZeroU64::new(micros).map_or(Self::ZERO, Self))
    }

    fn instant(self, accepted: Instant) -> Option<Instant> {
        accepted.checked_add(Duration::from_micros(self.0.get()))
    }

    /// `None` where the limit is off, or too far away to be said.
    fn after(self, limit: Option<Duration>) -> Option<Self> {
        let micros = u64::try_from(limit?.as_micros()).ok()?;
        self.0.checked_add(micros).map(Self)
    }
}

impl Now {
    fn get(&mut self) -> Moment {
        *self
            .read
            .get_or_insert_with(|| Moment::ZERO.after(Some(self.accepted.elapsed())).unwrap_or(Moment::ZERO))
    }
}

/// Keeps `since` while `holds`, from now on where it begins or begins anew. Returns whether it begins.
fn mark(since: &mut Option<Moment>, holds: bool, anew: bool, now: &mut Now) -> bool {
    if !holds {
        *since = None;
        return false;
    }
    let begins = since.is_none();
    if begins || anew {
        *since = Some(now.get());
    }
    begins
}

#[expect(clippy::cast_possible_truncation, reason = "wanted: only a change matters")]
fn low_half(count: u64) -> u32 {
    count as u32
}
