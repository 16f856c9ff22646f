//! Codec `varint`: protobuf's way to delimit messages.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;

/// The codec `varint`: a frame's length stands before it, as a varint of protobuf.
///
/// After *Protocol Buffers: Encoding*, <https://protobuf.dev/programming-guides/encoding/#varints>: seven bits a byte, the
/// lowest first, and the highest bit of each byte says whether another follows. It is what `writeDelimitedTo` writes in
/// Java and `SerializeDelimitedToOstream` in C++.
///
/// - A length may have more bytes than it needs, as `80 00` for 0: protobuf's own parsers take it. What is sent has as few
///   as can be.
/// - A length of more than ten bytes is a `bad_frame`.
/// - A length above `max_frame` ends the connection as `frame_too_long` at the byte that makes it so. Memory is taken for
///   what has arrived.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct Varint {
    max_frame: usize,
}

/// The options of codec `varint`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct VarintOptions {
    /// The longest frame, without its length. Default 64 KiB.
    pub max_frame: Size,
}

/// So many bytes have room for 64 bits.
const LONGEST: usize = 10;

/// Another byte follows.
const MORE: u8 = 0x80;

impl Varint {
    /// A codec for frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame }
    }

    /// The length of a frame, and how many bytes tell it; `None` where they have not all come.
    fn header(&self, src: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
        let mut length = 0_u128;
        for (at, &byte) in src.iter().take(LONGEST).enumerate() {
            length |= u128::from(byte & !MORE) << (7 * at);
            let Some(length) = usize::try_from(length).ok().filter(|length| *length <= self.max_frame) else {
                return Err(FrameError::TooLong { limit: self.max_frame });
            };
            if byte & MORE == 0 {
                return Ok(Some((length, at + 1)));
            }
        }
        if src.len() >= LONGEST {
            return Err(FrameError::malformed(format!("a frame's length has more than {LONGEST} bytes")));
        }
        Ok(None)
    }
}

impl From<VarintOptions> for Varint {
    fn from(options: VarintOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Varint {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for VarintOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Varint {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some((length, header)) = self.header(src)? else { return Ok(None) };
        let whole = header.saturating_add(length);
        if src.len() < whole {
            return Ok(None);
        }
        let mut frame = take(src, whole);
        frame.advance(header);
        Ok(Some(frame.freeze()))
    }
}

impl Encoder<Bytes> for Varint {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        dst.reserve(LONGEST + frame.len());
        let mut left = frame.len();
        loop {
            let [lowest, ..] = left.to_le_bytes();
            left >>= 7;
            if left == 0 {
                dst.put_u8(lowest);
                break;
            }
            dst.put_u8(lowest | MORE);
        }
        dst.put_slice(&frame);
        Ok(())
    }
}
