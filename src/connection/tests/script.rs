//! A stream that does what the test says, and counts what is asked of it. As a socket does, it charges the task's budget.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;

use crate::establish::Transport;

/// The test's end of a [`Scripted`] stream.
#[derive(Clone)]
pub(in super::super) struct Script(Arc<Mutex<State>>);

/// The connection's end.
pub(in super::super) struct Scripted(Arc<Mutex<State>>);

pub(in super::super) struct State {
    input: VecDeque<io::Result<Vec<u8>>>,
    /// What every further read brings; empty, they wait.
    flood: Vec<u8>,
    /// How many bytes it still takes; a write is stuck at 0.
    pub(in super::super) room: usize,
    pub(in super::super) write_error: Option<io::ErrorKind>,
    pub(in super::super) written: Vec<u8>,
    /// The writes that took something.
    pub(in super::super) writes: usize,
    pub(in super::super) reads: usize,
    pub(in super::super) shut: bool,
    pub(in super::super) dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Script {
    /// A stream that has no input and takes all output.
    pub(in super::super) fn new() -> (Self, Scripted) {
        let state = Arc::new(Mutex::new(State {
            input: VecDeque::new(),
            flood: Vec::new(),
            room: usize::MAX,
            write_error: None,
            written: Vec::new(),
            writes: 0,
            reads: 0,
            shut: false,
            dropped: false,
            reader: None,
            writer: None,
        }));
        (Self(Arc::clone(&state)), Scripted(state))
    }

    pub(in super::super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What one read brings; empty is the end of the stream.
    pub(in super::super) fn input(&self, bytes: impl Into<Vec<u8>>) {
        self.push(Ok(bytes.into()));
    }

    pub(in super::super) fn input_error(&self, kind: io::ErrorKind) {
        self.push(Err(kind.into()));
    }

    /// From now on there is always input, the same at each read; empty, there is none any more.
    pub(in super::super) fn flood(&self, bytes: impl Into<Vec<u8>>) {
        let mut state = self.lock();
        state.flood = bytes.into();
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// From now on it takes `room` bytes and no more.
    pub(in super::super) fn room(&self, room: usize) {
        let mut state = self.lock();
        state.room = room;
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }

    pub(in super::super) fn fail_writes(&self, kind: io::ErrorKind) {
        self.lock().write_error = Some(kind);
        let room = self.lock().room;
        self.room(room);
    }

    fn push(&self, read: io::Result<Vec<u8>>) {
        let mut state = self.lock();
        state.input.push_back(read);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

impl Transport for Scripted {}

impl AsyncRead for Scripted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        match state.input.pop_front() {
            None if !state.flood.is_empty() => {
                let length = state.flood.len().min(buf.remaining());
                buf.put_slice(&state.flood[..length]);
            }
            None => {
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Some(Err(error)) => {
                budget.made_progress();
                return Poll::Ready(Err(error));
            }
            Some(Ok(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() || bytes.is_empty() {
                    state.input.push_front(Ok(rest));
                }
            }
        }
        budget.made_progress();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut state = self.0.lock().unwrap();
        if let Some(kind) = state.write_error {
            budget.made_progress();
            return Poll::Ready(Err(kind.into()));
        }
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = buf.len().min(state.room);
        state.room -= taken;
        state.written.extend_from_slice(&buf[..taken]);
        state.writes += 1;
        budget.made_progress();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}
