//! Codec `octet_counted`: syslog over TCP.

use std::fmt::Write;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, Lines, decimal, take};
use crate::config::Size;

/// The codec `octet_counted`: a frame's length in decimal digits and a space stand before it.
///
/// After RFC 6587, section 3.4.1, as syslog has it over TCP, and RFC 5425, over TLS: `11 <14>1 hello`.
///
/// - Senders that do not count (section 3.4.2) begin with the `<` of a message and end it with LF. That is a `bad_frame`,
///   whose text says so, or with `non_transparent` a frame without its LF or CRLF, decided for each frame by its first byte;
///   the last one needs no ending.
/// - A length that is 0 or begins with 0, another byte where a digit or the space should be: each is a `bad_frame`.
/// - A frame that is empty can't be sent, as the RFC has none.
/// - A length above `max_frame` ends the connection as `frame_too_long` at the digit that makes it so. Memory is taken for
///   what has arrived.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct OctetCounted {
    max_frame: usize,
    /// For frames that are not counted.
    lines: Option<Lines>,
}

/// The options of codec `octet_counted`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct OctetCountedOptions {
    /// Whether frames that begin with `<` and end with LF are taken too. Default false.
    pub non_transparent: bool,
    /// The longest frame, without its length and the space. Default 64 KiB.
    pub max_frame: Size,
}

const UNCOUNTED: &str = "a frame begins with \"<\", not with its length: the sender does not count octets \
                         (RFC 6587, 3.4.2); set non_transparent = true, or use codec `lines`";

impl OctetCounted {
    /// A codec for frames of at most `max_frame` bytes, all of them counted.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, lines: None }
    }

    /// What decodes the next frame where that is not counted.
    fn uncounted(&mut self, src: &[u8]) -> Result<Option<&mut Lines>, FrameError> {
        match (&mut self.lines, src.first()) {
            (Some(lines), Some(b'<')) => Ok(Some(lines)),
            (None, Some(b'<')) => Err(FrameError::malformed(UNCOUNTED)),
            _ => Ok(None),
        }
    }
}

impl From<OctetCountedOptions> for OctetCounted {
    fn from(options: OctetCountedOptions) -> Self {
        let max_frame = options.max_frame.bytes();
        Self { max_frame, lines: options.non_transparent.then(|| Lines::new(max_frame)) }
    }
}

impl Default for OctetCounted {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for OctetCountedOptions {
    fn default() -> Self {
        Self { non_transparent: false, max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for OctetCounted {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if let Some(lines) = self.uncounted(src)? {
            return lines.decode(src);
        }
        let Some(header) = decimal::read(src, b' ', self.max_frame)? else { return Ok(None) };
        if header.length == 0 {
            return Err(FrameError::malformed("a frame's length is 0"));
        }
        let whole = header.bytes.saturating_add(header.length);
        if src.len() < whole {
            return Ok(None);
        }
        let mut frame = take(src, whole);
        frame.advance(header.bytes);
        Ok(Some(frame.freeze()))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if let Some(lines) = self.uncounted(src)? {
            return lines.decode_eof(src);
        }
        match self.decode(src)? {
            None if !src.is_empty() => Err(FrameError::truncated()),
            frame => Ok(frame),
        }
    }
}

impl Encoder<Bytes> for OctetCounted {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        if frame.is_empty() {
            return Err(FrameError::malformed(
                "an empty frame can't be sent with its length: RFC 6587 has none",
            ));
        }
        // Writing to a buffer that grows can't fail.
        let _ = write!(dst, "{} ", frame.len());
        dst.put(frame);
        Ok(())
    }
}
