//! Reading and writing without a buffer of one's own.
//!
//! An idle connection owns no buffer: measured with 10,000 of them, a buffer each costs more than everything else. So
//! bytes are received into a buffer of the thread. What is small is copied out, what is large takes the thread's
//! buffer along. Output is gathered in a buffer that the thread lends until it is written.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio_util::io::poll_read_buf;

use crate::establish::Stream;

/// How much is received at once.
const READ_SIZE: usize = 64 * 1024;

/// What is smaller is copied out of the thread's buffer, what is not takes the buffer along.
pub(super) const SMALL: usize = 16 * 1024;

/// The size of an output buffer that is lent.
const WRITE_SIZE: usize = 8 * 1024;

thread_local! {
    static INPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static OUTPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Appends to `input` what has arrived, at most `room` bytes; 0 at the end of the stream.
pub(super) fn poll_read(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    input: &mut BytesMut,
    room: usize,
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if input.len() >= SMALL {
        // A long frame is arriving: it has a buffer already, and `reserve` grows it with what arrived.
        input.reserve(READ_SIZE.min(room));
        return poll_read_buf(stream, cx, &mut input.limit(room.min(READ_SIZE)));
    }
    INPUT.with_borrow_mut(|scratch| {
        scratch.clear();
        scratch.reserve(READ_SIZE);
        scratch.extend_from_slice(input);
        let spare = READ_SIZE - scratch.len();
        let read = ready!(poll_read_buf(stream, cx, &mut (&mut *scratch).limit(room.min(spare))))?;
        if read > 0 {
            *input = if scratch.len() < SMALL { BytesMut::from(&scratch[..]) } else { mem::take(scratch) };
        }
        Poll::Ready(Ok(read))
    })
}

/// Reads and throws away at most `limit` bytes; 0 at the end of the stream.
pub(super) fn poll_discard(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    limit: usize,
) -> Poll<io::Result<usize>> {
    INPUT.with_borrow_mut(|scratch| {
        scratch.clear();
        scratch.reserve(READ_SIZE);
        poll_read_buf(Pin::new(stream), cx, &mut scratch.limit(limit.min(READ_SIZE)))
    })
}

/// Gives `output` a buffer of the thread, if it has none.
pub(super) fn lend(output: &mut BytesMut) {
    if output.capacity() == 0 {
        *output = OUTPUT.take();
        output.reserve(WRITE_SIZE);
    }
}

/// Takes the buffer of `output`, all of which is written, back to the thread.
pub(super) fn give_back(output: &mut BytesMut) {
    let mut buffer = mem::take(output);
    if (WRITE_SIZE..=READ_SIZE).contains(&buffer.capacity()) {
        buffer.clear();
        OUTPUT.set(buffer);
    }
}
