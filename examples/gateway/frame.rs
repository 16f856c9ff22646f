//! What devices send and are sent.
//!
//! ```text
//!  0       2         3      4        6
//!  ┌───────┬─────────┬──────┬────────┬─────────┐
//!  │ "TG"  │ version │ type │ length │ payload │
//!  │       │    1    │      │        │         │
//!  └───────┴─────────┴──────┴────────┴─────────┘
//! ```
//!
//! Numbers are big-endian. `length` counts the payload.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use terima::codec::FrameError;
use tokio_util::codec::{Decoder, Encoder};

const MAGIC: &[u8] = b"TG";
const VERSION: u8 = 1;
const HEADER: usize = 6;

/// The longest payload.
const MAX_PAYLOAD: usize = 4096;

/// One frame, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) payload: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The device's first: its name.
    Login = 1,
    /// The gateway's answer to it.
    Welcome = 2,
    /// The gateway asks whether the device is alive; the device answers with another.
    Beat = 3,
    /// What the device has to tell.
    Report = 4,
    /// What an operator tells the device.
    Command = 5,
    /// The gateway's last: why it ends the connection.
    Bye = 6,
}

/// Cuts the stream into frames.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrameCodec;

impl Frame {
    pub(crate) fn new(kind: Kind, payload: impl Into<Bytes>) -> Self {
        Self { kind, payload: payload.into() }
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        // Who speaks another protocol learns it from the first bytes, not after a length that was never one.
        if !MAGIC.starts_with(&src[..src.len().min(MAGIC.len())]) {
            return Err(malformed("a frame begins with TG".to_owned()));
        }
        let Some(&[_, _, version, kind, high, low]) = src.first_chunk::<HEADER>() else { return Ok(None) };
        if version != VERSION {
            return Err(malformed(format!("version {version}; this is version {VERSION}")));
        }
        let kind = Kind::try_from(kind)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > MAX_PAYLOAD {
            return Err(FrameError::TooLong { limit: MAX_PAYLOAD });
        }
        if src.len() < HEADER + length {
            return Ok(None);
        }
        src.advance(HEADER);
        Ok(Some(Frame { kind, payload: src.split_to(length).freeze() }))
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), FrameError> {
        let too_long = FrameError::TooLong { limit: MAX_PAYLOAD };
        let length =
            u16::try_from(frame.payload.len()).ok().filter(|length| usize::from(*length) <= MAX_PAYLOAD);
        let length = length.ok_or(too_long)?;
        dst.reserve(HEADER + frame.payload.len());
        dst.put_slice(MAGIC);
        dst.put_u8(VERSION);
        dst.put_u8(frame.kind as u8);
        dst.put_u16(length);
        dst.put_slice(&frame.payload);
        Ok(())
    }
}

impl TryFrom<u8> for Kind {
    type Error = FrameError;

    fn try_from(kind: u8) -> Result<Self, FrameError> {
        use Kind::{Beat, Bye, Command, Login, Report, Welcome};
        let kinds = [Login, Welcome, Beat, Report, Command, Bye];
        let known = kinds.into_iter().find(|known| *known as u8 == kind);
        known.ok_or_else(|| malformed(format!("there is no frame of type {kind}")))
    }
}

fn malformed(why: String) -> FrameError {
    FrameError::Malformed(why.into())
}
