//! Codec `bytes`: no framing at all.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;

/// From this size on, a chunk is handed on instead of copied. Below it copying is cheaper than giving up the output
/// buffer, which the thread then has to allocate anew.
const HAND_ON: usize = 4096;

/// The codec `bytes`: a frame is a chunk of bytes as it arrived, at most `max_frame` long.
///
/// A chunk has no boundary of its own, so one that is longer than `max_frame` is cut, never refused. A large chunk that
/// is sent on unchanged is not copied.
#[derive(Debug, Clone)]
pub struct Chunks {
    max_frame: usize,
}

/// The options of codec `bytes`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChunksOptions {
    /// The longest chunk that a handler is given at once. Default 64 KiB.
    pub max_frame: Size,
}

impl Chunks {
    /// A codec whose chunks are at most `max_frame` bytes long; 0 counts as 1.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame: max_frame.max(1) }
    }
}

impl From<ChunksOptions> for Chunks {
    fn from(options: ChunksOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for ChunksOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Chunks {
    type Item = Bytes;
    type Error = FrameError;

    #[inline]
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if src.is_empty() {
            return Ok(None);
        }
        let length = src.len().min(self.max_frame);
        Ok(Some(take(src, length).freeze()))
    }
}

impl Encoder<Bytes> for Chunks {
    type Error = FrameError;

    #[inline]
    fn encode(&mut self, chunk: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        if dst.is_empty() && chunk.len() >= HAND_ON {
            match chunk.try_into_mut() {
                Ok(chunk) => *dst = chunk,
                Err(shared) => dst.extend_from_slice(&shared),
            }
        } else {
            dst.extend_from_slice(&chunk);
        }
        Ok(())
    }
}
