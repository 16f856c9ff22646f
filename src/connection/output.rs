//! What is encoded and waits to be written.
//!
//! Most connections only ever gather: frames are encoded one behind the other into a buffer that the thread lends. A frame
//! that goes to many connections is not copied into each of their buffers: it stands between what was gathered before it
//! and what comes after, by reference.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::codec::Encoder;

use super::buffer;
use crate::establish::Stream;

/// What keeping a piece takes beside its bytes. It counts against the limits: a million frames of one byte are not small.
const PIECE: usize = size_of::<Bytes>();

/// What was gathered before a shared frame is copied out if it is shorter, so that the lent buffer, which is larger, can be
/// used again.
const SHORT: usize = 4 * 1024;

/// So many pieces are written at once.
const PIECES_AT_ONCE: usize = 64;

/// The output of one connection. Owns no memory while it is empty.
#[derive(Default)]
pub(super) struct Output {
    /// What comes before `gathered`, if there is anything. Boxed, as it seldom is.
    pieces: Option<Box<Pieces>>,
    /// Encoded for this connection alone.
    gathered: BytesMut,
}

#[derive(Default)]
struct Pieces {
    queue: VecDeque<Bytes>,
    bytes: usize,
}

impl Output {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.pieces.is_none()
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.gathered.len() + self.pieces.as_ref().map_or(0, |pieces| pieces.bytes)
    }

    /// What counts against the limits: the bytes that wait, and what keeping them in pieces takes.
    #[inline(always)]
    pub(super) fn load(&self) -> usize {
        self.gathered.len() + self.pieces.as_deref().map_or(0, Pieces::load)
    }

    /// Encodes a frame behind what waits.
    ///
    /// # Errors
    ///
    /// The codec's; then nothing of the frame was added.
    #[inline(always)]
    pub(super) fn encode<C: Encoder<F>, F>(&mut self, codec: &mut C, frame: F) -> Result<(), C::Error> {
        buffer::lend(&mut self.gathered);
        let mut whole = Whole { length: self.gathered.len(), gathered: &mut self.gathered };
        codec.encode(frame, whole.gathered)?;
        whole.length = whole.gathered.len();
        Ok(())
    }

    /// Puts an encoded frame behind what waits, without copying it.
    pub(super) fn share(&mut self, frame: Bytes) {
        if frame.is_empty() {
            return;
        }
        let pieces = self.pieces.get_or_insert_default();
        if !self.gathered.is_empty() {
            pieces.push(cut_off(&mut self.gathered));
        }
        pieces.push(frame);
    }

    /// Writes once, at most all of it, and takes what was written off. Not to be called while it is empty.
    #[inline]
    pub(super) fn poll_write(
        &mut self,
        stream: Pin<&mut Stream>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.pieces.is_some() {
            return self.poll_write_pieces(stream, cx);
        }
        let written = ready!(stream.poll_write(cx, &self.gathered))?;
        self.take_off_gathered(written);
        Poll::Ready(Ok(written))
    }

    #[inline(never)]
    fn poll_write_pieces(
        &mut self,
        stream: Pin<&mut Stream>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(Ok(0)) };
        // What cannot do it takes the first, by the same call: `poll_write` is inlined where everybody comes by, and only as
        // long as that is the one place.
        let most = if stream.is_write_vectored() { PIECES_AT_ONCE } else { 1 };
        let mut slices = [IoSlice::new(&[]); PIECES_AT_ONCE];
        let mut filled = 0;
        let all = pieces.queue.iter().map(Bytes::as_ref).chain([&self.gathered[..]]).take(most);
        for (slice, piece) in slices.iter_mut().zip(all) {
            *slice = IoSlice::new(piece);
            filled += 1;
        }
        let written = ready!(stream.poll_write_vectored(cx, &slices[..filled]))?;
        let rest = pieces.take_off(written);
        if pieces.queue.is_empty() {
            self.pieces = None;
            self.take_off_gathered(rest);
        }
        Poll::Ready(Ok(written))
    }

    #[inline]
    fn take_off_gathered(&mut self, written: usize) {
        if written == self.gathered.len() {
            buffer::give_back(&mut self.gathered);
        } else {
            self.gathered.advance(written);
        }
    }

    /// Memory of its own, what is shared not counted.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.gathered.capacity() + self.pieces.as_ref().map_or(0, |pieces| PIECE * pieces.queue.capacity())
    }

    /// The pieces that stand before what is gathered.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        self.pieces.iter().flat_map(|pieces| pieces.queue.iter().cloned()).collect()
    }
}

impl Pieces {
    #[cold]
    fn load(&self) -> usize {
        self.bytes + PIECE * self.queue.len()
    }

    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.queue.push_back(piece);
    }

    /// Takes off what was written, and returns how much more than all that was.
    fn take_off(&mut self, mut written: usize) -> usize {
        while let Some(first) = self.queue.front_mut() {
            let taken = written.min(first.len());
            self.bytes -= taken;
            written -= taken;
            if taken < first.len() {
                first.advance(taken);
                return 0;
            }
            self.queue.pop_front();
        }
        written
    }
}

/// Makes a piece of what was gathered so far.
fn cut_off(gathered: &mut BytesMut) -> Bytes {
    if gathered.len() >= SHORT {
        return mem::take(gathered).freeze();
    }
    let piece = Bytes::copy_from_slice(gathered);
    buffer::give_back(gathered);
    piece
}

/// The gathered output while a frame is encoded. Half a frame would garble all that comes after it: where the codec fails
/// or panics it is taken back, and so is a buffer that nothing was put into.
struct Whole<'a> {
    gathered: &'a mut BytesMut,
    /// How much of it are whole frames.
    length: usize,
}

impl Drop for Whole<'_> {
    #[inline]
    fn drop(&mut self) {
        self.gathered.truncate(self.length);
        if self.gathered.is_empty() {
            buffer::give_back(self.gathered);
        }
    }
}
