//! Codec `fixed`: all frames have one length.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;
use crate::handler::HandlerError;

/// The codec `fixed`: each `size` bytes are a frame.
///
/// - What is sent must have just as many bytes.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct Fixed {
    size: usize,
}

/// The options of codec `fixed`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedOptions {
    /// How long each frame is. No default.
    pub size: Size,
    /// The most that `size` may be: what a client may have half received here. Default 64 KiB.
    #[serde(default = "default_max_frame")]
    pub max_frame: Size,
}

fn default_max_frame() -> Size {
    Size::of(DEFAULT_MAX_FRAME)
}

impl Fixed {
    /// A codec for frames of `size` bytes; 0 counts as 1.
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1) }
    }
}

impl TryFrom<FixedOptions> for Fixed {
    type Error = HandlerError;

    fn try_from(options: FixedOptions) -> Result<Self, HandlerError> {
        let FixedOptions { size, max_frame } = options;
        if size > max_frame {
            return Err(format!("`size` is {size}, but `max_frame` is {max_frame}: raise that").into());
        }
        Ok(Self::new(size.bytes()))
    }
}

impl Decoder for Fixed {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        Ok((src.len() >= self.size).then(|| take(src, self.size).freeze()))
    }
}

impl Encoder<Bytes> for Fixed {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        if frame.len() != self.size {
            let reason =
                format!("a frame of {} bytes can't be sent where each has {}", frame.len(), self.size);
            return Err(FrameError::malformed(reason));
        }
        dst.extend_from_slice(&frame);
        Ok(())
    }
}
