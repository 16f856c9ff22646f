//! Codec `slip`: packets on a serial line.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;

/// The codec `slip`: a frame ends with 0xC0; inside, 0xC0 is written 0xDB 0xDC, and 0xDB is written 0xDB 0xDD.
///
/// After RFC 1055.
///
/// - Nothing between two 0xC0 is no frame. So a frame is sent with a 0xC0 at both of its ends, as the RFC recommends, and
///   one that is empty can't be sent.
/// - 0xDB with another byte after it is a `bad_frame`.
/// - A frame longer than `max_frame`, as the handler is given it, ends the connection as `frame_too_long`, whether or not
///   its end has come. On the wire it may be twice as long.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct Slip {
    max_frame: usize,
    seen: Seen,
}

/// What is known of the frame that the buffer begins with, so that one that comes a byte at a time is looked at once.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// So much of the buffer,
    bytes: usize,
    /// which will come to so much of the frame;
    length: usize,
    /// its last byte is an [`ESCAPE`], which is not counted.
    escape: bool,
}

/// The options of codec `slip`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SlipOptions {
    /// The longest frame, as the handler is given it. Default 64 KiB.
    pub max_frame: Size,
}

const END: u8 = 0xc0;
const ESCAPE: u8 = 0xdb;
const ESCAPED_END: u8 = 0xdc;
const ESCAPED_ESCAPE: u8 = 0xdd;

impl Slip {
    /// A codec for frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, seen: Seen::default() }
    }

    /// Looks at what is new, as far as the frame goes; tells where it ends.
    fn look(&mut self, src: &[u8]) -> Result<Option<usize>, FrameError> {
        let seen = &mut self.seen;
        while let Some(rest) = src.get(seen.bytes..).filter(|rest| !rest.is_empty()) {
            if seen.escape {
                if !matches!(rest[0], ESCAPED_END | ESCAPED_ESCAPE) {
                    let reason = format!("0xDB is followed by 0x{:02X}, and not by 0xDC or 0xDD", rest[0]);
                    return Err(FrameError::malformed(reason));
                }
                (seen.bytes, seen.length, seen.escape) = (seen.bytes + 1, seen.length + 1, false);
            } else {
                let plain = memchr2(END, ESCAPE, rest).unwrap_or(rest.len());
                (seen.bytes, seen.length) = (seen.bytes + plain, seen.length + plain);
            }
            if seen.length > self.max_frame {
                return Err(FrameError::TooLong { limit: self.max_frame });
            }
            match src.get(seen.bytes) {
                Some(&END) => return Ok(Some(seen.bytes)),
                Some(&ESCAPE) => (seen.bytes, seen.escape) = (seen.bytes + 1, true),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Takes the escapes out.
fn unescape(frame: &mut BytesMut) {
    let (mut from, mut to) = (0, 0);
    while from < frame.len() {
        let plain = memchr(ESCAPE, &frame[from..]).unwrap_or(frame.len() - from);
        frame.copy_within(from..from + plain, to);
        (from, to) = (from + plain, to + plain);
        if from < frame.len() {
            frame[to] = if frame[from + 1] == ESCAPED_END { END } else { ESCAPE };
            (from, to) = (from + 2, to + 1);
        }
    }
    frame.truncate(to);
}

impl From<SlipOptions> for Slip {
    fn from(options: SlipOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Slip {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for SlipOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Slip {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if self.seen.bytes == 0 {
            let ends = src.iter().take_while(|byte| **byte == END).count();
            src.advance(ends);
        }
        let Some(end) = self.look(src)? else { return Ok(None) };
        let mut frame = take(src, end + 1);
        frame.truncate(end);
        if self.seen.length < end {
            unescape(&mut frame);
        }
        self.seen = Seen::default();
        Ok(Some(frame.freeze()))
    }
}

impl Encoder<Bytes> for Slip {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        if frame.is_empty() {
            return Err(FrameError::malformed("an empty frame can't be sent with SLIP, where it is none"));
        }
        dst.reserve(frame.len() + 2);
        dst.put_u8(END);
        let mut rest = &frame[..];
        while let Some(plain) = memchr2(END, ESCAPE, rest) {
            dst.put_slice(&rest[..plain]);
            dst.put_slice(&[ESCAPE, if rest[plain] == END { ESCAPED_END } else { ESCAPED_ESCAPE }]);
            rest = &rest[plain + 1..];
        }
        dst.put_slice(rest);
        dst.put_u8(END);
        Ok(())
    }
}
