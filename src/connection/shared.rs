//! What a connection's task and its handles share.
//!
//! The handler may hold its [`Connection`](super::Connection) in the connection's own task, move it to another, or split
//! it between several. So the stream and the gathered output stand behind one lock that is never held across an await
//! and, in the common case, never contended. Undecoded input is not here: it belongs to whoever receives.
//!
//! A codec of the user's may block under that lock, so what is seen of a connection, and what it is told, stands
//! [`outside`](Outside).

use std::io;
use std::mem;
use std::ops::{AddAssign, Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LockResult, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::Instant;

use super::deadlines::Moment;
use super::end::{EndReason, Ended};
use super::error::ConnectionError;
use super::info::Info;
use super::mark::{Mark, Marks, Receive};
use super::output::Output;
use super::outside::Outside;
use super::settings::Settings;
use super::wakers::{End, Wakers};
use crate::establish::Stream;
use crate::telemetry::metrics::ListenerMetrics;

/// One connection, as its task, its handles and the registry see it.
pub(crate) struct Shared {
    pub(crate) info: Info,
    pub(super) accepted: Instant,
    pub(super) outside: Outside,
    core: Mutex<Core>,
}

/// The lock of a connection. Let go of, it leaves what is seen from outside as things are then.
pub(super) struct Locked<'a> {
    outside: &'a Outside,
    core: MutexGuard<'a, Core>,
}

/// How far it has come, for the listener's counters. So it begins.
const ESTABLISHING: u8 = 0;
const ESTABLISHED: u8 = 1;
const OVER: u8 = 2;

/// What went over the wire of one connection, and since when.
pub(crate) struct Counters {
    pub(crate) age: Duration,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) frames_in: u64,
    pub(crate) frames_out: u64,
}

/// Bytes that a connection holds in memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffered {
    /// Read, and not decoded when the handler last asked for more.
    pub(crate) input: u64,
    /// Encoded, and not written yet.
    pub(crate) output: u64,
}

impl AddAssign for Buffered {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
    }
}

/// What stands behind the lock.
pub(super) struct Core {
    /// `None` while establishing, after `RawStream::try_into_tcp`, and when the connection has ended.
    pub(super) stream: Option<Stream>,
    /// Encoded, not written yet. Owns no memory while empty.
    pub(super) output: Output,
    /// Frames sent that the listener's counters were not told of yet.
    pub(super) untold: u8,
    /// Why the connection ends, where that is more than the handler's return. The first cause stays.
    pub(super) cause: Option<EndReason>,
    pub(super) marks: Marks,
    pub(super) receive: Receive,
    /// By when the frame that is waited for has to be there, where the handler said so.
    pub(super) frame_by: Option<Moment>,
    /// The end of the client's input was read.
    pub(super) eof: bool,
    /// The write side was shut down: nothing more can be sent.
    pub(super) write_closed: bool,
    /// The drain that it was told of has begun here.
    pub(super) draining: bool,
    /// Nothing was owed and nothing half received when the drain began.
    pub(super) idle_at_drain: bool,
    pub(super) wakers: Wakers,
}

/// What writing has come to.
pub(super) enum Written {
    /// All that was gathered is with the operating system.
    All,
    /// The client takes no more for now.
    Stuck,
}

impl Shared {
    pub(crate) fn new(info: Info, stream: Stream) -> Self {
        Self {
            info,
            accepted: Instant::now(),
            outside: Outside::default(),
            core: Mutex::new(Core {
                stream: Some(stream),
                output: Output::default(),
                untold: 0,
                cause: None,
                marks: Marks::default(),
                receive: Receive::Busy,
                frame_by: None,
                eof: false,
                write_closed: false,
                draining: false,
                idle_at_drain: false,
                wakers: Wakers::default(),
            }),
        }
    }

    /// The listener's settings as of accept.
    pub(crate) fn settings(&self) -> &Arc<Settings> {
        self.info.settings()
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> Locked<'_> {
        self.locked(whole(self.core.lock()))
    }

    /// As [`lock`](Self::lock), unless somebody has it.
    fn try_lock(&self) -> Option<Locked<'_>> {
        match self.core.try_lock() {
            Ok(core) => Some(self.locked(core)),
            Err(TryLockError::Poisoned(error)) => Some(self.locked(error.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// As [`lock`](Self::lock), but what is seen stays as it was: for whoever shows it later.
    #[inline(always)]
    pub(super) fn lock_unshown(&self) -> MutexGuard<'_, Core> {
        let mut core = whole(self.core.lock());
        if self.outside.has_news() {
            self.heed(&mut core);
        }
        core
    }

    #[inline(always)]
    fn locked<'a>(&'a self, core: MutexGuard<'a, Core>) -> Locked<'a> {
        let mut locked = Locked { outside: &self.outside, core };
        if self.outside.has_news() {
            self.heed(&mut locked);
        }
        locked
    }

    /// Whether somebody has the lock.
    #[cfg(test)]
    pub(super) fn is_held(&self) -> bool {
        matches!(self.core.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Keeps everybody else away from the connection.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Sized {
        self.lock()
    }

    /// What went over the wire so far.
    pub(crate) fn counters(&self) -> Counters {
        Counters {
            age: self.accepted.elapsed(),
            bytes_in: self.outside.bytes_in(),
            bytes_out: self.outside.bytes_out(),
            frames_in: self.outside.frames_in(),
            frames_out: self.outside.frames_out(),
        }
    }

    /// Counts what was read. Under the lock.
    pub(super) fn count_received(&self, bytes: usize) {
        self.outside.count_in(bytes);
        self.metrics().received(bytes);
    }

    /// Counts what was written. Under the lock.
    pub(super) fn count_sent(&self, bytes: usize) {
        self.outside.count_out(bytes);
        self.metrics().sent(bytes);
    }

    /// The counters of the listener.
    pub(super) fn metrics(&self) -> &ListenerMetrics {
        &self.settings().metrics
    }

    /// Counts the start of the handler.
    pub(super) fn count_established(&self) {
        self.metrics().established(self.accepted.elapsed());
        self.outside.stage.store(ESTABLISHED, Ordering::Relaxed);
    }

    /// Counts the end, once: where nobody knows why, the task was dropped with its runtime.
    pub(super) fn count_end(&self, ended: Option<&Ended>) {
        let stage = self.outside.stage.swap(OVER, Ordering::Relaxed);
        if stage == OVER {
            return;
        }
        if stage == ESTABLISHING {
            self.metrics().not_established();
        }
        let reason = ended.map_or(EndReason::DrainAborted, |ended| ended.reason);
        let word = ended.map_or(reason.as_str(), Ended::word);
        self.metrics().ended(reason, word, self.accepted.elapsed());
    }

    /// What it holds in memory.
    pub(super) fn buffered(&self) -> Buffered {
        Buffered { input: self.outside.undecoded() as u64, output: self.outside.output() as u64 }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.outside.drain.get().is_some()
    }

    /// Resolves when a drain has begun.
    pub(super) async fn drain_begun(&self) {
        self.outside.until(&self.outside.drain).await;
    }

    /// Tells the handler that the connection is to end, for `reason`: `recv` yields what had arrived, then `None`.
    pub(super) fn begin_drain(&self, reason: EndReason) {
        if self.outside.drain.give(reason) {
            self.tell(self.try_lock());
        }
    }

    /// Has what was noted be acted on: now by who has the lock, or as soon as that is free by the task.
    fn tell(&self, locked: Option<Locked<'_>>) {
        self.outside.announce();
        match locked.or_else(|| self.try_lock()) {
            Some(mut core) => self.heed(&mut core),
            None => self.outside.wake_task(),
        }
        // While it is being established, nothing else is heard.
        self.outside.wake_waiters();
    }

    /// Acts on what the connection was told.
    #[cold]
    fn heed(&self, core: &mut Core) {
        if !self.outside.take_news() {
            return;
        }
        if self.is_draining() && !mem::replace(&mut core.draining, true) {
            core.idle_at_drain = core.receive == Receive::Waiting && core.output.is_empty();
        }
        if let Some(reason) = self.outside.aborted.get() {
            core.end(reason);
        }
        core.wakers.wake_all();
    }

    /// Ends the connection, for `reason` unless it has ended already; tells for which.
    pub(super) fn end(&self, reason: EndReason) -> EndReason {
        let mut core = self.lock();
        core.end(reason);
        core.wakers.wake_all();
        core.cause.unwrap_or(reason)
    }

    /// Ends the connection now, for `reason`. Counts it if something is cut off: its handler, or a reply that was not
    /// written yet.
    pub(super) fn abort(&self, reason: EndReason, cut_off: Option<&AtomicUsize>) {
        // Where somebody has the lock, what is seen has to do: it may lose its last words and be counted, or have had them.
        let locked = self.try_lock();
        if let Some(cut_off) = cut_off
            && !self.outside.has(Mark::Lingering)
            && self.outside.aborted.get().is_none()
        {
            // Before it is told: its task, which makes the place free, cannot be faster than the count.
            cut_off.fetch_add(1, Ordering::AcqRel);
        }
        self.outside.drain.give(reason);
        self.outside.aborted.give(reason);
        self.tell(locked);
    }

    /// The connection's task has ended and given everything back, or it was dropped with its runtime.
    pub(super) fn gone(&self) {
        self.outside.forget_task();
        {
            let mut core = self.lock();
            core.tell_frames(self.metrics());
            core.note(EndReason::DrainAborted);
            core.mark(Mark::Returned);
            core.output = Output::default();
            core.stream = None;
            core.wakers.forget_task();
            core.wakers.wake_waiters();
            self.outside.gone.give(core.cause.unwrap_or(EndReason::DrainAborted));
        }
        self.outside.wake_waiters();
    }

    /// Resolves to the reason when the connection is gone.
    pub(super) async fn ended(&self) -> EndReason {
        self.outside.until(&self.outside.gone).await
    }
}

/// A panic under the lock can only be a codec's, in `encode`: it ends its own connection, whose state stays whole.
#[inline(always)]
fn whole<'a>(core: LockResult<MutexGuard<'a, Core>>) -> MutexGuard<'a, Core> {
    core.unwrap_or_else(PoisonError::into_inner)
}

impl Deref for Locked<'_> {
    type Target = Core;

    #[inline(always)]
    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Locked<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.outside.show(&self.core);
    }
}

impl Core {
    #[inline(always)]
    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks.has(mark)
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.marks.set(mark);
    }

    /// Records why the connection will end, unless that is known already.
    pub(super) fn note(&mut self, reason: EndReason) {
        self.cause.get_or_insert(reason);
    }

    /// Ends both directions, for `reason` unless there was one already.
    pub(super) fn end(&mut self, reason: EndReason) {
        self.note(reason);
        self.mark(Mark::Over);
    }

    /// Passes on what a raw stream said; that the client reset it is noted as the cause of the end.
    pub(super) fn note_reset<T>(&mut self, said: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        if let Poll::Ready(Err(error)) = &said
            && matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
        {
            self.note(EndReason::ClientReset);
        }
        said
    }

    /// An error for a handle that wants to go on although the connection has ended.
    pub(super) fn check_open(&self) -> Result<(), ConnectionError> {
        match self.cause {
            Some(reason) if self.is(Mark::Over) => Err(ConnectionError::Ended(reason)),
            _ if self.is(Mark::Returned) || self.stream.is_none() => Err(ConnectionError::Closed),
            _ => Ok(()),
        }
    }

    /// Notes that the receiving end waits, and who it is. The connection's task learns of it: that is where the
    /// deadlines are.
    pub(super) fn wait_for_input(&mut self, receive: Receive, waker: &Waker) {
        self.receive = receive;
        if !self.wakers.is_task(waker) {
            self.wakers.wait(End::Receiving, waker);
            self.wakers.wake_task();
        }
    }

    /// Notes by when the frame has to be there that the receiving end waits for. Until it stops waiting: whoever polls it
    /// again says so again.
    pub(super) fn expect_frame_by(&mut self, by: Moment, waker: &Waker) {
        self.frame_by = Some(by);
        self.wakers.wake_task_from(waker);
    }

    /// The receiving end does not wait any more.
    pub(super) fn receiving(&mut self) {
        self.receive = Receive::Busy;
        self.frame_by = None;
        self.wakers.forget_all(End::Receiving);
    }

    /// Notes who reads or writes the raw stream, in the place of who did before: the connection's end wakes them.
    pub(super) fn wait_raw(&mut self, end: End, waker: &Waker) {
        if !self.wakers.is_task(waker) {
            self.wakers.forget_all(end);
            self.wakers.wait(end, waker);
        }
    }

    /// For a raw stream: resolves when what was gathered before it is written, by the connection's task as always.
    pub(super) fn poll_gathered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.output.is_empty() {
            return Poll::Ready(());
        }
        self.wakers.wait(End::Sending, cx.waker());
        self.wakers.wake_task_from(cx.waker());
        Poll::Pending
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    ///
    /// The stream's, after which nothing can be written.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, shared: &Shared) -> io::Result<Written> {
        self.tell_frames(shared.metrics());
        let Some(stream) = &mut self.stream else { return Ok(Written::All) };
        let mut stream = Pin::new(stream);
        while !self.output.is_empty() {
            let Poll::Ready(written) = self.output.poll_write(stream.as_mut(), cx) else {
                return Ok(Written::Stuck);
            };
            let written = written?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            shared.count_sent(written);
        }
        match stream.poll_flush(cx) {
            Poll::Ready(flushed) => flushed.map(|()| Written::All),
            Poll::Pending => Ok(Written::Stuck),
        }
    }

    /// Counts the frames that were sent since the last time: one counter for all of a batch.
    #[inline]
    pub(super) fn tell_frames(&mut self, metrics: &ListenerMetrics) {
        let untold = mem::take(&mut self.untold);
        if untold > 0 {
            metrics.sent_frames(untold.into());
        }
    }

    /// Shuts the write side down, once all is written.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_closed = true;
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
