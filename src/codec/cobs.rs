//! Codec `cobs`: frames without a zero, ended by one.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::memchr;
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;

/// The codec `cobs`: a frame ends with 0x00, and has none on the wire: it is stuffed.
///
/// After S. Cheshire and M. Baker, *Consistent Overhead Byte Stuffing*, IEEE/ACM Transactions on Networking 7 (1999). A
/// stuffed frame is made of blocks: a byte n, then n - 1 bytes that are not zero. Between two blocks there was a zero,
/// unless the first of them is as long as can be, with 255.
///
/// - Nothing between two zeros is no frame. A frame that is empty is 0x01 on the wire.
/// - A block that is longer than the rest of its frame is a `bad_frame`.
/// - A frame longer than `max_frame`, as the handler is given it, ends the connection as `frame_too_long`: when its end has
///   come, or when what has come is longer than any such frame on the wire. That has a byte more, and one for each 254.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
//
// The crate `cobs` does it too, for one slice at a time; it brings four other crates, and fills its output before it writes
// there. The tests hold this against it.
#[derive(Debug, Clone)]
pub struct Cobs {
    max_frame: usize,
    /// How much of the buffer is known to hold no zero, so that a frame that comes a byte at a time is searched once.
    searched: usize,
}

/// The options of codec `cobs`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CobsOptions {
    /// The longest frame, as the handler is given it. Default 64 KiB.
    pub max_frame: Size,
}

/// So many bytes that are not zero fill a block.
const FULL: usize = 254;

/// What a full block begins with: no zero follows it.
const FULL_CODE: u8 = 0xff;

impl Cobs {
    /// A codec for frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, searched: 0 }
    }

    fn check(&self, stuffed: usize) -> Result<(), FrameError> {
        let most = self.max_frame.saturating_add(self.max_frame / FULL).saturating_add(1);
        if stuffed > most { Err(FrameError::TooLong { limit: self.max_frame }) } else { Ok(()) }
    }
}

/// Puts the zeros back, in place; tells how long the frame is.
fn unstuff(stuffed: &mut [u8]) -> Result<usize, FrameError> {
    let (mut from, mut to) = (0, 0);
    while let Some(&code) = stuffed.get(from) {
        let next = from + usize::from(code);
        if next > stuffed.len() {
            let reason =
                format!("a block of {code} bytes is {} too long for its frame", next - stuffed.len());
            return Err(FrameError::malformed(reason));
        }
        stuffed.copy_within(from + 1..next, to);
        to += next - from - 1;
        if code != FULL_CODE && next < stuffed.len() {
            stuffed[to] = 0;
            to += 1;
        }
        from = next;
    }
    Ok(to)
}

impl From<CobsOptions> for Cobs {
    fn from(options: CobsOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Cobs {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for CobsOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Cobs {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if self.searched == 0 {
            let zeros = src.iter().take_while(|byte| **byte == 0).count();
            src.advance(zeros);
        }
        let Some(rest) = src.get(self.searched..) else { return Ok(None) };
        let Some(found) = memchr(0, rest) else {
            self.searched = src.len();
            self.check(src.len())?;
            return Ok(None);
        };
        let end = self.searched + found;
        self.check(end)?;
        self.searched = 0;
        let mut frame = take(src, end + 1);
        let length = unstuff(&mut frame[..end])?;
        if length > self.max_frame {
            return Err(FrameError::TooLong { limit: self.max_frame });
        }
        frame.truncate(length);
        Ok(Some(frame.freeze()))
    }
}

impl Encoder<Bytes> for Cobs {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        dst.reserve(frame.len() + frame.len() / FULL + 2);
        let mut rest = &frame[..];
        loop {
            let block = &rest[..rest.len().min(FULL)];
            let zero = memchr(0, block);
            let block = &block[..zero.unwrap_or(block.len())];
            // No more than 255, which is one byte.
            let [code, ..] = (block.len() + 1).to_le_bytes();
            dst.put_u8(code);
            dst.put_slice(block);
            rest = &rest[block.len() + usize::from(zero.is_some())..];
            // A zero at the very end is one between two blocks too.
            if rest.is_empty() && zero.is_none() {
                break;
            }
        }
        dst.put_u8(0);
        Ok(())
    }
}
