//! The sending end: frames are encoded into the gathered output, which the connection's task writes.

use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio_util::codec::Encoder;

use super::buffer;
use super::error::ConnectionError;
use super::shared::{Core, Shared};
use super::wakers::End;
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

impl Shared {
    /// Takes the frame as soon as fewer than `limits.flush_at` bytes wait. Until then nothing of it is sent.
    pub(super) fn poll_send<C, F>(
        &self,
        cx: &mut Context<'_>,
        codec: &mut C,
        frame: &mut Option<F>,
    ) -> Poll<Result<(), ConnectionError>>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut core = self.lock();
        core.check_sendable()?;
        if core.output.len() >= self.settings().limits.flush_at {
            core.wakers.wait(End::Sending, cx.waker());
            return Poll::Pending;
        }
        if let Some(frame) = frame.take() {
            core.encode(codec, frame)?;
            core.wakers.wake_task_from(cx.waker());
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the frame now, or gives it back.
    pub(super) fn try_send<C, F>(&self, codec: &mut C, frame: F) -> Result<(), TrySendError<F>>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut core = self.lock();
        core.check_sendable().map_err(TrySendError::Connection)?;
        if core.output.len() >= self.settings().limits.output {
            return Err(TrySendError::Full(frame));
        }
        core.encode(codec, frame).map_err(TrySendError::Connection)?;
        core.wakers.wake_task();
        Ok(())
    }

    /// Takes the frame without asking for room: `Sink` asked before, by `poll_ready`.
    pub(super) fn start_send<C, F>(&self, codec: &mut C, frame: F) -> Result<(), ConnectionError>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        let mut core = self.lock();
        core.check_sendable()?;
        core.encode(codec, frame)?;
        core.wakers.wake_task();
        Ok(())
    }

    /// Resolves when fewer than `limits.flush_at` bytes wait.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.poll_output(cx, self.settings().limits.flush_at)
    }

    /// Resolves when all that was sent is with the operating system.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.poll_output(cx, 1)
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

    fn poll_output(&self, cx: &mut Context<'_>, mark: usize) -> Poll<Result<(), ConnectionError>> {
        let mut core = self.lock();
        core.check_sendable()?;
        if core.output.len() < mark {
            return Poll::Ready(Ok(()));
        }
        core.wakers.wait(End::Sending, cx.waker());
        core.wakers.wake_task_from(cx.waker());
        Poll::Pending
    }
}

impl Core {
    fn check_sendable(&self) -> Result<(), ConnectionError> {
        self.check_open()?;
        if self.write_closed { Err(ConnectionError::Closed) } else { Ok(()) }
    }

    fn encode<C, F>(&mut self, codec: &mut C, frame: F) -> Result<(), ConnectionError>
    where
        C: Encoder<F, Error: Into<BoxError>>,
    {
        buffer::lend(&mut self.output);
        let mut whole = Whole { length: self.output.len(), output: &mut self.output };
        codec.encode(frame, whole.output).map_err(|error| ConnectionError::Encode(error.into()))?;
        whole.length = whole.output.len();
        drop(whole);
        self.frames_out += 1;
        // Last words are on their way: the close waits until they are read.
        self.idle_at_drain = false;
        Ok(())
    }
}

/// The output while a frame is encoded. Half a frame would garble all that comes after it: where the codec fails or
/// panics it is taken back, and so is a buffer that nothing was put into.
struct Whole<'a> {
    output: &'a mut BytesMut,
    /// How much of it are whole frames.
    length: usize,
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        self.output.truncate(self.length);
        if self.output.is_empty() {
            buffer::give_back(self.output);
        }
    }
}
