//! The receiving end: bytes in, one frame at a time out, never ahead of who asks.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::task::coop;
use tokio::time::Instant;
use tokio_util::codec::Decoder;

use super::buffer;
use super::deadlines::Moment;
use super::end::EndReason;
use super::error::ConnectionError;
use super::mark::{Mark, Receive};
use super::shared::{Core, Shared};
use crate::codec::{Codec, FrameError};

/// So many frames are decoded before the task's budget is charged: one read can bring thousands, and a client that sends
/// them must not keep the worker from everybody else.
const FRAMES_PER_BUDGET: u8 = 32;

/// The receiving half of a connection: the input that is not decoded yet, and where decoding stands.
pub(super) struct Receiving {
    pub(super) shared: Arc<Shared>,
    pub(super) input: BytesMut,
    /// The codec may have another frame without more input.
    decodable: bool,
    /// The one read that is left to a draining connection was done.
    last_read: bool,
    state: State,
    burst: u8,
    /// Frames that the listener's counters were not told of yet.
    untold: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The client's end of input was read; what is left is being decoded.
    Eof,
    /// Nothing more will come: end of input, drain, or an error that was reported.
    Ended,
}

/// What a read brought.
enum Filled {
    Bytes,
    Eof,
    /// The connection is draining, and no more has arrived.
    Drained,
}

impl Receiving {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            input: BytesMut::new(),
            decodable: false,
            last_read: false,
            state: State::Open,
            burst: 0,
            untold: 0,
        }
    }

    /// What is left of it when frames are given up for bytes.
    pub(super) fn into_parts(mut self) -> (Arc<Shared>, BytesMut) {
        (Arc::clone(&self.shared), mem::take(&mut self.input))
    }

    /// Lets a new codec look at the input that the old one has left.
    pub(super) fn codec_changed(&mut self) {
        self.decodable = self.state != State::Ended;
        self.shared.lock().mark(Mark::Reframed);
    }

    /// Resolves to the next frame; to `None` at the end of input, when drained, and forever after an error.
    //
    // Inlined, with all that a frame of an earlier read does not need kept out of the way: at sixteen short lines a read,
    // each call in between is felt.
    #[inline(always)]
    pub(super) fn poll_frame<C: Codec>(
        &mut self,
        cx: &mut Context<'_>,
        codec: &mut C,
    ) -> Poll<Result<Option<C::Item>, ConnectionError>> {
        loop {
            if self.burst >= FRAMES_PER_BUDGET {
                ready!(coop::poll_proceed(cx)).made_progress();
                self.burst = 0;
            }
            if self.decodable {
                match codec.decode(&mut self.input) {
                    Ok(Some(frame)) => {
                        self.count_frame();
                        return Poll::Ready(Ok(Some(frame)));
                    }
                    Ok(None) => {
                        self.decodable = false;
                        self.shrink();
                    }
                    Err(error) => {
                        return Poll::Ready(Err(self.fail(ConnectionError::from_decoder(error.into()))));
                    }
                }
            }
            match self.state {
                State::Open => {
                    if let Err(error) = ready!(self.poll_fill(cx)) {
                        return Poll::Ready(Err(self.fail(error)));
                    }
                }
                State::Eof => return Poll::Ready(self.decode_rest(codec).map_err(|error| self.fail(error))),
                State::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Notes the error as the cause of the end, of the input at least.
    #[cold]
    fn fail(&mut self, error: ConnectionError) -> ConnectionError {
        self.state = State::Ended;
        self.decodable = false;
        let mut core = self.shared.lock();
        match error.reason() {
            Some(reason @ EndReason::ClientReset) => core.end(reason),
            Some(reason) => core.note(reason),
            None => {}
        }
        drop(core);
        error
    }

    /// After the end of input: the frames that are left, then `None`, or an error where something else is left.
    fn decode_rest<C: Codec>(&mut self, codec: &mut C) -> Result<Option<C::Item>, ConnectionError> {
        // `decode` first, and its error alone is a bad frame: the default `decode_eof` reports bytes that are left over
        // by an io::Error that cannot be told from any other.
        let frame =
            codec.decode(&mut self.input).map_err(|error| ConnectionError::from_decoder(error.into()))?;
        if frame.is_some() {
            self.count_frame();
            return Ok(frame);
        }
        let left = !self.input.is_empty();
        match codec.decode_eof(&mut self.input) {
            Ok(Some(frame)) => {
                self.count_frame();
                Ok(Some(frame))
            }
            Ok(None) if self.input.is_empty() => {
                self.state = State::Ended;
                Ok(None)
            }
            Ok(None) => Err(ConnectionError::Truncated),
            Err(error) => match ConnectionError::from_decoder(error.into()) {
                long @ ConnectionError::FrameTooLong(_) => Err(long),
                _ if left => Err(ConnectionError::Truncated),
                other => Err(other),
            },
        }
    }

    fn count_frame(&mut self) {
        self.burst += 1;
        self.untold += 1;
        self.shared.outside.count_frame_in();
    }

    /// Counts the frames of what was read last: one counter for all of them.
    #[inline]
    fn tell_frames(&mut self) {
        let untold = mem::take(&mut self.untold);
        if untold > 0 {
            self.shared.metrics().received_frames(untold.into());
        }
    }

    /// Gives memory back before the connection waits: all of it where nothing is half received, and the rest of a large
    /// buffer where only its last bytes are.
    fn shrink(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        } else if self.input.len() < buffer::SMALL && self.input.capacity() > 4 * self.input.len().max(1024) {
            self.input = BytesMut::from(&self.input[..]);
        }
    }

    /// Waits for input, or its end.
    #[inline(never)]
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.tell_frames();
        let Self { shared, input, last_read, .. } = self;
        let mut core = shared.lock();
        core.check_open()?;
        core.receiving();
        let filled = if core.draining {
            fill_last(&mut core, cx, input, shared, last_read)?
        } else if let Poll::Ready(filled) = fill(&mut core, cx, input, shared)? {
            filled
        } else {
            let receive = if input.is_empty() { Receive::Waiting } else { Receive::Partial };
            shared.outside.note_undecoded(input.len());
            core.wait_for_input(receive, cx.waker());
            return Poll::Pending;
        };
        shared.outside.note_undecoded(input.len());
        match filled {
            Filled::Bytes => self.decodable = true,
            Filled::Eof => self.state = State::Eof,
            Filled::Drained => self.state = State::Ended,
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.tell_frames();
    }
}

/// Appends what has arrived to the input, as far as its limit goes.
fn fill(
    core: &mut Core,
    cx: &mut Context<'_>,
    input: &mut BytesMut,
    shared: &Shared,
) -> Result<Poll<Filled>, ConnectionError> {
    let limit = shared.settings().limits.input;
    let room = limit.saturating_sub(input.len());
    if room == 0 {
        return Err(ConnectionError::FrameTooLong(FrameError::TooLong { limit }.into()));
    }
    let Some(stream) = &mut core.stream else { return Err(ConnectionError::Closed) };
    let read = match buffer::poll_read(stream, cx, input, room) {
        Poll::Pending => return Ok(Poll::Pending),
        Poll::Ready(read) => read.map_err(ConnectionError::Reset)?,
    };
    shared.count_received(read);
    if read > 0 {
        return Ok(Poll::Ready(Filled::Bytes));
    }
    core.eof = true;
    Ok(Poll::Ready(Filled::Eof))
}

/// The one read, without waiting, that a draining connection still gets: for the frames that had arrived.
fn fill_last(
    core: &mut Core,
    cx: &mut Context<'_>,
    input: &mut BytesMut,
    shared: &Shared,
    done: &mut bool,
) -> Result<Filled, ConnectionError> {
    if mem::replace(done, true) {
        return Ok(Filled::Drained);
    }
    // Outside the task's budget: "nothing there" has to mean just that.
    let read = pin!(coop::unconstrained(poll_fn(|cx| match fill(core, cx, input, shared) {
        Ok(filled) => filled.map(Ok),
        Err(error) => Poll::Ready(Err(error)),
    })));
    let Poll::Ready(filled) = read.poll(cx) else { return Ok(Filled::Drained) };
    core.idle_at_drain = false;
    filled
}

/// The future of `recv`: while it waits, the receiving end counts as waiting; dropped, it does not.
//
// By hand rather than an `async fn`, which would keep the arguments beside their copies in every handler's future.
pub(super) struct Recv<'a, C> {
    receiving: &'a mut Receiving,
    codec: C,
    waiting: bool,
}

impl<'a, C> Recv<'a, C> {
    pub(super) fn new(receiving: &'a mut Receiving, codec: C) -> Self {
        Self { receiving, codec, waiting: false }
    }
}

impl<C: WithCodec + Unpin> Future for Recv<'_, C> {
    type Output = Result<Option<<C::Codec as Decoder>::Item>, ConnectionError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let poll = this.codec.with(|codec| this.receiving.poll_frame(cx, codec));
        this.waiting = poll.is_pending();
        poll
    }
}

impl<C> Drop for Recv<'_, C> {
    fn drop(&mut self) {
        if self.waiting {
            self.receiving.shared.lock().receiving();
        }
    }
}

/// The future of `recv_by`: a `recv` whose frame has to be there by a certain time.
pub(super) struct RecvBy<'a, C> {
    recv: Recv<'a, C>,
    /// `None` where that is too far away to be said.
    by: Option<Moment>,
}

impl<'a, C> RecvBy<'a, C> {
    pub(super) fn new(receiving: &'a mut Receiving, codec: C, by: Option<Instant>) -> Self {
        let by = by.and_then(|by| Moment::at(by, receiving.shared.accepted));
        Self { recv: Recv::new(receiving, codec), by }
    }
}

impl<C: WithCodec + Unpin> Future for RecvBy<'_, C> {
    type Output = Result<Option<<C::Codec as Decoder>::Item>, ConnectionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { recv, by } = self.get_mut();
        // First: a frame that is there is not late.
        let poll = Pin::new(&mut *recv).poll(cx);
        // Nor is one that the stream kept back because the task has used up its budget. Then `poll_proceed` has it woken with
        // a new one, also where the stream minds no budget and so has not.
        if poll.is_pending()
            && let Some(by) = *by
            && coop::poll_proceed(cx).is_ready()
        {
            recv.receiving.shared.lock().expect_frame_by(by, cx.waker());
        }
        poll
    }
}

/// A codec that is one's own, or behind the lock that the two ends of a split connection share.
pub(super) trait WithCodec {
    type Codec: Codec;
    fn with<T>(&mut self, use_it: impl FnOnce(&mut Self::Codec) -> T) -> T;
}

impl<C: Codec> WithCodec for &mut C {
    type Codec = C;

    fn with<T>(&mut self, use_it: impl FnOnce(&mut C) -> T) -> T {
        use_it(self)
    }
}
