//! Codec `mllp`: HL7 over TCP.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;

/// The codec `mllp`: a frame is an HL7 message between 0x0B and 0x1C 0x0D.
///
/// After *HL7 Minimal Lower Layer Protocol, Release 1*, which is appendix C.4 of the implementation guide of HL7 2.x. The
/// acknowledgement that HL7 wants for each message is the handler's to send.
///
/// - What comes between two frames is thrown away: senders put line ends there. More than `max_frame` of it is a
///   `bad_frame`, and so is any of it when the input ends and no frame has come: that is another protocol.
/// - A 0x1C that no 0x0D follows is a `bad_frame`. A 0x0B inside a frame is taken as part of it, for a vertical tab gets
///   into text that was pasted.
/// - A frame with a 0x0B or a 0x1C can't be sent: no receiver would see the same message.
/// - A frame longer than `max_frame` ends the connection as `frame_too_long`, whether or not its end has come.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct Mllp {
    max_frame: usize,
    /// How much of the buffer is known to hold no end, so that a frame that comes a byte at a time is searched once.
    searched: usize,
    /// How much was thrown away since the last frame.
    skipped: usize,
    /// A frame has come.
    spoken: bool,
}

/// The options of codec `mllp`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MllpOptions {
    /// The longest message, without the three bytes around it. Default 64 KiB.
    pub max_frame: Size,
}

/// Start block, end block and carriage return, as the specification calls them.
const START: u8 = 0x0b;
const END: u8 = 0x1c;
const RETURN: u8 = 0x0d;

const NO_START: &str = "and none is the 0x0B that begins a frame";

impl Mllp {
    /// A codec for messages of at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, searched: 0, skipped: 0, spoken: false }
    }

    /// Throws away what comes before a frame.
    fn skip(&mut self, src: &mut BytesMut) -> Result<(), FrameError> {
        let before = memchr(START, src).unwrap_or(src.len());
        self.skipped += before;
        if self.skipped > self.max_frame {
            return Err(FrameError::malformed(format!("{} bytes and more came, {NO_START}", self.max_frame)));
        }
        src.advance(before);
        Ok(())
    }

    fn check(&self, length: usize) -> Result<(), FrameError> {
        if length > self.max_frame { Err(FrameError::TooLong { limit: self.max_frame }) } else { Ok(()) }
    }
}

impl From<MllpOptions> for Mllp {
    fn from(options: MllpOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Mllp {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for MllpOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Mllp {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if src.first() != Some(&START) {
            self.skip(src)?;
        }
        let from = self.searched.max(1);
        let Some(rest) = src.get(from..) else { return Ok(None) };
        let Some(found) = memchr(END, rest) else {
            self.searched = src.len();
            self.check(src.len() - 1)?;
            return Ok(None);
        };
        let end = from + found;
        self.check(end - 1)?;
        match src.get(end + 1) {
            None => {
                self.searched = end;
                Ok(None)
            }
            Some(&RETURN) => {
                (self.searched, self.skipped, self.spoken) = (0, 0, true);
                let mut frame = take(src, end + 2);
                frame.truncate(end);
                frame.advance(1);
                Ok(Some(frame.freeze()))
            }
            Some(other) => {
                Err(FrameError::malformed(format!("0x1C is followed by 0x{other:02X}, and not by 0x0D")))
            }
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(FrameError::truncated()),
            None if self.skipped > 0 && !self.spoken => {
                Err(FrameError::malformed(format!("{} bytes came, {NO_START}", self.skipped)))
            }
            frame => Ok(frame),
        }
    }
}

impl Encoder<Bytes> for Mllp {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        if let Some(at) = memchr2(START, END, &frame) {
            let reason = format!("a message with 0x{:02X} inside can't be sent with MLLP", frame[at]);
            return Err(FrameError::malformed(reason));
        }
        dst.reserve(frame.len() + 3);
        dst.put_u8(START);
        dst.put_slice(&frame);
        dst.put_slice(&[END, RETURN]);
        Ok(())
    }
}
