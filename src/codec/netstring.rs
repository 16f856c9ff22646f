//! Codec `netstring`: `5:hello,`

use std::fmt::Write;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, decimal, take};
use crate::config::Size;

/// The codec `netstring`: a frame's length in decimal digits and a colon stand before it, a comma after it.
///
/// After D. J. Bernstein, *Netstrings* (1997), <https://cr.yp.to/proto/netstrings.txt>: `5:hello,` is `hello`, and `0:,`
/// is empty.
///
/// - A length that begins with a zero, as in `05:`, another byte where a digit, the colon or the comma should be: each is a
///   `bad_frame`, as the specification wants it.
/// - A length above `max_frame` ends the connection as `frame_too_long` at the digit that makes it so. Memory is taken for
///   what has arrived.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct Netstring {
    max_frame: usize,
}

/// The options of codec `netstring`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NetstringOptions {
    /// The longest frame, without its length, colon and comma. Default 64 KiB.
    pub max_frame: Size,
}

impl Netstring {
    /// A codec for frames of at most `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame }
    }
}

impl From<NetstringOptions> for Netstring {
    fn from(options: NetstringOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Netstring {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for NetstringOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Netstring {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some(header) = decimal::read(src, b':', self.max_frame)? else { return Ok(None) };
        let comma = header.bytes.saturating_add(header.length);
        match src.get(comma) {
            None => return Ok(None),
            Some(b',') => {}
            Some(other) => {
                let found = other.escape_ascii();
                return Err(FrameError::malformed(format!("\"{found}\" where a netstring has its comma")));
            }
        }
        let mut frame = take(src, comma + 1);
        frame.truncate(comma);
        frame.advance(header.bytes);
        Ok(Some(frame.freeze()))
    }
}

impl Encoder<Bytes> for Netstring {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        // Writing to a buffer that grows can't fail.
        let _ = write!(dst, "{}:", frame.len());
        dst.reserve(frame.len() + 1);
        dst.put_slice(&frame);
        dst.put_u8(b',');
        Ok(())
    }
}
