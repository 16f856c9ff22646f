//! The sending end: frames are encoded into the gathered output, which the connection's task writes.

use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_util::codec::Encoder;

use super::error::ConnectionError;
use super::mark::Mark;
use super::shared::{Core, Shared};
use super::wakers::{By, End};
use crate::BoxError;

/// Why [`Sender::try_send`](super::Sender::try_send) did not take a frame.
#[derive(Debug, thiserror::Error)]
pub enum TrySendError<F> {
    /// `limits.output` bytes or more wait for a client that reads slowly. The frame comes back.
    #[error("the client reads too slowly")]
    Full(F),
    /// The connection does not go on, or the frame cannot be encoded.
    #[error(transparent)]
    Connection(ConnectionError),
}

/// Who sends, and so by which codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The handler, or whom it gave a sender: by the codec of the connection.
    Handler,
    /// Somebody else, by a codec of their own such as the listener makes.
    Outside,
}

impl Shared {
    /// Takes the frame as soon as fewer than `limits.flush_at` bytes wait. Until then nothing of it is sent.
    pub(super) fn poll_send<C, F>(
        &self,
        cx: &mut Context<'_>,
        origin: Origin,
        codec: &mut C,
        frame: &mut Option<F>,
        by: By<'_>,
    ) -> Poll<Result<(), ConnectionError>>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut core = self.lock_unshown();
        core.check_sendable(origin)?;
        if core.output.load() >= self.settings().limits.flush_at {
            by.wait(&mut core.wakers, End::Sending, cx.waker());
            return Poll::Pending;
        }
        if let Some(frame) = frame.take() {
            core.encode(codec, frame, self)?;
            // The task itself shows a batch as a whole, when it writes that.
            if !core.wakers.is_task(cx.waker()) {
                self.outside.show(&core);
                core.wakers.wake_task();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`poll_send`](Self::poll_send), of a frame that is encoded already.
    pub(super) fn poll_share(
        &self,
        cx: &mut Context<'_>,
        origin: Origin,
        frame: &Bytes,
        by: By<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let mut core = self.lock();
        core.check_sendable(origin)?;
        if core.output.load() >= self.settings().limits.flush_at {
            by.wait(&mut core.wakers, End::Sending, cx.waker());
            return Poll::Pending;
        }
        core.share(frame.clone(), self);
        core.wakers.wake_task_from(cx.waker());
        Poll::Ready(Ok(()))
    }

    /// Takes the frame now, or gives it back.
    pub(super) fn try_send<C, F>(
        &self,
        origin: Origin,
        codec: &mut C,
        frame: F,
    ) -> Result<(), TrySendError<F>>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut core = self.lock();
        core.check_sendable(origin).map_err(TrySendError::Connection)?;
        if core.output.load() >= self.settings().limits.output {
            return Err(TrySendError::Full(frame));
        }
        core.encode(codec, frame, self).map_err(TrySendError::Connection)?;
        core.wakers.wake_task();
        Ok(())
    }

    /// As [`try_send`](Self::try_send), of a frame that is encoded already.
    pub(super) fn try_share(&self, origin: Origin, frame: Bytes) -> Result<(), TrySendError<()>> {
        let mut core = self.lock();
        core.check_sendable(origin).map_err(TrySendError::Connection)?;
        if core.output.load() >= self.settings().limits.output {
            return Err(TrySendError::Full(()));
        }
        core.share(frame, self);
        core.wakers.wake_task();
        Ok(())
    }

    /// Takes the frame without asking for room: `Sink` asked before, by `poll_ready`.
    pub(super) fn start_send<C, F>(&self, codec: &mut C, frame: F) -> Result<(), ConnectionError>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut core = self.lock();
        core.check_sendable(Origin::Handler)?;
        core.encode(codec, frame, self)?;
        core.wakers.wake_task();
        Ok(())
    }

    /// Resolves when fewer than `limits.flush_at` bytes wait.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.poll_output(cx, Origin::Handler, self.settings().limits.flush_at, By::OWNER)
    }

    /// Resolves when all that was sent is with the operating system.
    pub(super) fn poll_flush(
        &self,
        cx: &mut Context<'_>,
        origin: Origin,
        by: By<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        self.poll_output(cx, origin, 1, by)
    }

    /// Shuts the write side down once everything is written. The client reads the end of its answers; its own side
    /// stays open.
    pub(super) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let mut core = self.lock();
        core.check_open()?;
        if !core.output.is_empty() {
            core.wakers.wait(End::Sending, cx.waker());
            core.wakers.wake_task_from(cx.waker());
            return Poll::Pending;
        }
        core.poll_shutdown(cx).map_err(ConnectionError::Reset)
    }

    fn poll_output(
        &self,
        cx: &mut Context<'_>,
        origin: Origin,
        mark: usize,
        by: By<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let mut core = self.lock();
        core.check_sendable(origin)?;
        if core.output.load() < mark {
            return Poll::Ready(Ok(()));
        }
        by.wait(&mut core.wakers, End::Sending, cx.waker());
        core.wakers.wake_task_from(cx.waker());
        Poll::Pending
    }
}

// Inlined, with what it calls: at sixteen short replies a write, each call in between is felt.
impl Core {
    #[inline(always)]
    fn check_sendable(&self, origin: Origin) -> Result<(), ConnectionError> {
        self.check_open()?;
        if self.write_closed || (origin == Origin::Outside && self.is(Mark::Reframed)) {
            return Err(ConnectionError::Closed);
        }
        Ok(())
    }

    #[inline(always)]
    fn encode<C, F>(&mut self, codec: &mut C, frame: F, shared: &Shared) -> Result<(), ConnectionError>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        self.output.encode(codec, frame).map_err(|error| ConnectionError::Encode(error.into()))?;
        self.sent(shared);
        Ok(())
    }

    fn share(&mut self, frame: Bytes, shared: &Shared) {
        self.output.share(frame);
        self.sent(shared);
    }

    #[inline(always)]
    fn sent(&mut self, shared: &Shared) {
        shared.outside.count_frame_out();
        self.untold += 1;
        if self.untold == u8::MAX {
            self.tell_frames(shared.metrics());
        }
        // Last words are on their way: the close waits until they are read.
        self.idle_at_drain = false;
    }
}
