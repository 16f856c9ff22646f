//! How a byte stream is cut into frames: one file a codec.
//!
//! Any type with tokio-util's `Decoder` is a [`Codec`]. The codecs here are *byte codecs*: their frames are bytes, so a
//! handler that speaks [`Framing`] works with whichever of them `server.toml` names.
//!
//! | `codec` | type | a frame is |
//! |---|---|---|
//! | `bytes` | [`Chunks`] | what arrived, as it arrived |
//! | `lines` | [`Lines`] | a line, without its LF or CRLF |
//! | `delimited` | [`Delimited`] | what comes before a delimiter, or between two marks |
//! | `length` | [`Length`] | what a binary length before it says |
//! | `fixed` | [`Fixed`] | so many bytes |
//! | `netstring` | [`Netstring`] | `5:hello,` |
//! | `varint` | [`Varint`] | what a length of protobuf before it says |
//! | `octet_counted` | [`OctetCounted`] | a message of syslog, RFC 6587 |
//! | `mllp` | [`Mllp`] | a message of HL7 |
//! | `slip` | [`Slip`] | a packet between two 0xC0, RFC 1055 |
//! | `cobs` | [`Cobs`] | a packet before a zero |
//!
//! `max_frame` bounds what is received. What a handler sends may be longer; what its codec cannot express is an error of
//! `send`, and nothing of it is sent.

mod chunks;
mod cobs;
mod decimal;
mod delimited;
mod fixed;
mod framing;
mod length;
mod lines;
mod mark;
mod mllp;
mod netstring;
mod octet_counted;
mod slip;
#[cfg(test)]
mod tests;
mod varint;

use std::io;
use std::mem;

use bytes::BytesMut;
use tokio_util::codec::Decoder;

pub use self::chunks::{Chunks, ChunksOptions};
pub use self::cobs::{Cobs, CobsOptions};
pub use self::delimited::{Delimited, DelimitedOptions};
pub use self::fixed::{Fixed, FixedOptions};
pub(crate) use self::framing::ByteCodec;
pub use self::framing::Framing;
pub use self::length::{ByteOrder, Counts, Length, LengthOptions};
pub use self::lines::{Lines, LinesOptions};
pub use self::mark::Mark;
pub use self::mllp::{Mllp, MllpOptions};
pub use self::netstring::{Netstring, NetstringOptions};
pub use self::octet_counted::{OctetCounted, OctetCountedOptions};
pub use self::slip::{Slip, SlipOptions};
pub use self::varint::{Varint, VarintOptions};
use crate::BoxError;

/// `max_frame` where nothing else is said: 64 KiB.
pub const DEFAULT_MAX_FRAME: usize = 64 * 1024;

/// Cuts a byte stream into frames. Every tokio-util codec is one; nobody implements it by hand.
///
/// A codec belongs to one connection. What it decodes is bounded by `limits.input` whatever it does itself.
pub trait Codec: Decoder<Error: Into<BoxError>> + Send + 'static {}

impl<C> Codec for C where C: Decoder<Error: Into<BoxError>> + Send + 'static {}

/// Why a byte codec gave up on a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame longer than `max_frame`; ends the connection as `frame_too_long`.
    #[error("a frame is longer than {limit} bytes")]
    TooLong {
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
    /// Bytes that are no frame of this codec; ends the connection as `bad_frame`.
    #[error(transparent)]
    Malformed(BoxError),
    /// The stream ended inside a frame, which ends the connection as `client_truncated`, or failed itself.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FrameError {
    fn malformed(reason: impl Into<BoxError>) -> Self {
        Self::Malformed(reason.into())
    }

    /// What the default of `decode_eof` says in other words, for codecs with one of their own.
    fn truncated() -> Self {
        Self::Io(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Takes the first `length` bytes off the buffer.
///
/// Taking all of it along, rather than splitting it, keeps the frame its only owner: whoever sends it on need not copy it.
#[inline(always)]
fn take(src: &mut BytesMut, length: usize) -> BytesMut {
    if src.len() == length { mem::take(src) } else { src.split_to(length) }
}
