//! What a connection's task and its handles share.
//!
//! The handler may hold its [`Connection`](super::Connection) in the connection's own task, move it to another, or split
//! it between several. So the stream and the gathered output stand behind one lock that is never held across an await
//! and, in the common case, never contended. Undecoded input is not here: it belongs to whoever receives.

use std::io;
use std::mem;
use std::ops::AddAssign;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::deadlines::Moment;
use super::end::{EndReason, Ended};
use super::error::ConnectionError;
use super::info::Info;
use super::output::Output;
use super::settings::Settings;
use super::wakers::{By, End, Wakers};
use crate::establish::Stream;
use crate::telemetry::metrics::ListenerMetrics;

/// One connection, as its task, its handles and the registry see it.
pub(crate) struct Shared {
    pub(crate) info: Info,
    pub(super) accepted: Instant,
    /// Only the receiving end writes it; the task reads it to see that the wire was not idle.
    frames_in: AtomicU64,
    draining: AtomicBool,
    /// How far it has come, for the listener's counters: [`ESTABLISHING`], [`ESTABLISHED`], [`OVER`].
    stage: AtomicU8,
    /// Bytes that the receiving end holds, as of when it last wanted more.
    undecoded: AtomicU32,
    /// Somebody wants to know the deadlines, which the task has.
    #[cfg(feature = "admin")]
    asked: AtomicBool,
    drain_begun: Notify,
    core: Mutex<Core>,
}

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
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) frames_out: u64,
    /// Of them, those that the listener's counters were not told of yet.
    pub(super) untold: u16,
    /// Why the connection ends, where that is more than the handler's return. The first cause stays.
    pub(super) cause: Option<EndReason>,
    /// Neither direction goes on. A bad frame ends the input alone: the handler may still answer it.
    pub(super) over: bool,
    /// Whatever is still owed is not waited for, for this reason.
    pub(super) aborted: Option<EndReason>,
    /// Why a drain has begun: `drained`, or `lifetime` for this connection alone.
    pub(super) drain: Option<EndReason>,
    pub(super) receive: Receive,
    /// By when the frame that is waited for has to be there, where the handler said so.
    pub(super) frame_by: Option<Moment>,
    /// The end of the client's input was read.
    pub(super) eof: bool,
    /// The handler was polled for the first time.
    pub(super) started: bool,
    /// The handler has returned: handles that outlive it yield `Closed`.
    pub(super) returned: bool,
    /// Everything was given back; `cause` is the reason in the access line.
    gone: bool,
    /// The write side was shut down: nothing more can be sent.
    pub(super) write_closed: bool,
    /// The handler took the raw stream: deadlines on frames, idling and writing are its own.
    pub(super) raw: bool,
    /// The codec is not the one that the listener made any more: who would encode with a fresh one is shut out.
    pub(super) reframed: bool,
    /// Everything owed is written; the connection only waits for the client to close.
    pub(super) lingering: bool,
    /// Nothing was owed and nothing half received when the drain began.
    pub(super) idle_at_drain: bool,
    pub(super) wakers: Wakers,
}

/// Where the receiving end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receive {
    /// Nobody waits for a frame.
    Busy,
    /// The handler waits for a frame of which nothing has arrived.
    Waiting,
    /// The handler waits for the rest of a frame.
    Partial,
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
            frames_in: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            stage: AtomicU8::new(ESTABLISHING),
            undecoded: AtomicU32::new(0),
            #[cfg(feature = "admin")]
            asked: AtomicBool::new(false),
            drain_begun: Notify::new(),
            core: Mutex::new(Core {
                stream: Some(stream),
                output: Output::default(),
                bytes_in: 0,
                bytes_out: 0,
                frames_out: 0,
                untold: 0,
                cause: None,
                over: false,
                aborted: None,
                drain: None,
                receive: Receive::Busy,
                frame_by: None,
                eof: false,
                started: false,
                returned: false,
                gone: false,
                write_closed: false,
                raw: false,
                reframed: false,
                lingering: false,
                idle_at_drain: false,
                wakers: Wakers::default(),
            }),
        }
    }

    /// The listener's settings as of accept.
    pub(crate) fn settings(&self) -> &Arc<Settings> {
        self.info.settings()
    }

    /// A panic under the lock can only be a codec's, in `encode`: it ends its own connection, whose state stays whole.
    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody has the lock.
    #[cfg(test)]
    pub(super) fn is_held(&self) -> bool {
        matches!(self.core.try_lock(), Err(std::sync::TryLockError::WouldBlock))
    }

    /// Keeps everybody else away from the connection.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Sized {
        self.lock()
    }

    pub(super) fn frames_in(&self) -> u64 {
        self.frames_in.load(Ordering::Relaxed)
    }

    /// Counts a frame. There is one receiving end, so no read-modify-write is needed.
    pub(super) fn count_frame_in(&self) {
        self.frames_in.store(self.frames_in() + 1, Ordering::Relaxed);
    }

    /// What went over the wire so far.
    pub(crate) fn counters(&self) -> Counters {
        let core = self.lock();
        Counters {
            age: self.accepted.elapsed(),
            bytes_in: core.bytes_in,
            bytes_out: core.bytes_out,
            frames_in: self.frames_in(),
            frames_out: core.frames_out,
        }
    }

    /// The counters of the listener.
    pub(super) fn metrics(&self) -> &ListenerMetrics {
        &self.settings().metrics
    }

    /// Counts the start of the handler.
    pub(super) fn count_established(&self) {
        self.metrics().established(self.accepted.elapsed());
        self.stage.store(ESTABLISHED, Ordering::Relaxed);
    }

    /// Counts the end, once: where nobody knows why, the task was dropped with its runtime.
    pub(super) fn count_end(&self, ended: Option<&Ended>) {
        let stage = self.stage.swap(OVER, Ordering::Relaxed);
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

    /// Notes how much the receiving end holds.
    pub(super) fn note_undecoded(&self, bytes: usize) {
        self.undecoded.store(u32::try_from(bytes).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    pub(super) fn undecoded(&self) -> usize {
        usize::try_from(self.undecoded.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// What it holds in memory.
    pub(super) fn buffered(&self) -> Buffered {
        let output = self.lock().output.len();
        Buffered { input: self.undecoded() as u64, output: output as u64 }
    }

    /// Has its task tell the deadlines.
    #[cfg(feature = "admin")]
    pub(super) fn ask(&self) {
        // Under the lock: the task, which holds it when it looks, sees this or is woken after it.
        let core = self.lock();
        self.asked.store(true, Ordering::Relaxed);
        core.wakers.wake_task();
    }

    /// Whether somebody wants to know the deadlines.
    #[cfg(feature = "admin")]
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) && self.asked.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Resolves when a drain has begun.
    pub(super) async fn drain_begun(&self) {
        let notified = self.drain_begun.notified();
        if !self.is_draining() {
            notified.await;
        }
    }

    /// Tells the handler that the connection is to end, for `reason`: `recv` yields what had arrived, then `None`.
    pub(super) fn begin_drain(&self, reason: EndReason) {
        {
            let mut core = self.lock();
            if core.drain.is_some() {
                return;
            }
            core.drain = Some(reason);
            core.idle_at_drain = core.receive == Receive::Waiting && core.output.is_empty();
            self.draining.store(true, Ordering::Release);
            core.wakers.wake_all();
        }
        self.drain_begun.notify_waiters();
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
        {
            let mut core = self.lock();
            if let Some(cut_off) = cut_off
                && !core.lingering
                && core.aborted.is_none()
            {
                // Under the lock: its task, which makes the place free, cannot be faster than the count.
                cut_off.fetch_add(1, Ordering::AcqRel);
            }
            core.aborted.get_or_insert(reason);
            core.drain.get_or_insert(reason);
            self.draining.store(true, Ordering::Release);
            core.end(reason);
            core.wakers.wake_all();
        }
        // While it is being established, nothing else is heard.
        self.drain_begun.notify_waiters();
    }

    /// The connection's task has ended and given everything back, or it was dropped with its runtime.
    pub(super) fn gone(&self) {
        let mut core = self.lock();
        core.gone = true;
        core.tell_frames(self.metrics());
        core.note(EndReason::DrainAborted);
        core.returned = true;
        core.output = Output::default();
        core.stream = None;
        core.wakers.forget_task();
        core.wakers.wake_waiters();
    }

    /// Resolves to the reason when the connection is gone.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>, by: By<'_>) -> Poll<EndReason> {
        let mut core = self.lock();
        match core.cause {
            Some(reason) if core.gone => Poll::Ready(reason),
            _ => {
                by.wait(&mut core.wakers, End::Gone, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Core {
    /// Records why the connection will end, unless that is known already.
    pub(super) fn note(&mut self, reason: EndReason) {
        self.cause.get_or_insert(reason);
    }

    /// Ends both directions, for `reason` unless there was one already.
    pub(super) fn end(&mut self, reason: EndReason) {
        self.note(reason);
        self.over = true;
    }

    /// Passes on what a raw stream said; that the client reset it, or cut it off, is noted as the cause of the end.
    pub(super) fn note_reset<T>(&mut self, said: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        if let Poll::Ready(Err(error)) = &said {
            match error.kind() {
                ConnectionReset | ConnectionAborted | BrokenPipe => self.note(EndReason::ClientReset),
                UnexpectedEof => self.note(EndReason::ClientTruncated),
                _ => {}
            }
        }
        said
    }

    /// An error for a handle that wants to go on although the connection has ended.
    pub(super) fn check_open(&self) -> Result<(), ConnectionError> {
        match self.cause {
            Some(reason) if self.over => Err(ConnectionError::Ended(reason)),
            _ if self.returned || self.stream.is_none() => Err(ConnectionError::Closed),
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
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        metrics: &ListenerMetrics,
    ) -> io::Result<Written> {
        self.tell_frames(metrics);
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
            self.bytes_out += written as u64;
            metrics.sent(written);
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
