//! The codec that the file chose, behind one type.

use std::fmt;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Chunks, FrameError};

/// The codec that `server.toml` chose: bytes in, bytes out, whatever the `codec` key names.
///
/// A handler whose `Codec` is `Framing` receives [`Bytes`] and sends anything that turns into [`Bytes`]: `&'static str`,
/// `String`, `Vec<u8>`, `BytesMut`. The default is `bytes`.
pub struct Framing(Box<dyn ByteCodec>);

/// A byte codec, object safe. Implemented for every codec that `Builder::byte_codec` takes.
pub(crate) trait ByteCodec: Send + Sync {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError>;
    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError>;
    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError>;
    fn boxed_clone(&self) -> Box<dyn ByteCodec>;
}

impl<C> ByteCodec for C
where
    C: Decoder<Item: Into<Bytes>, Error: Into<FrameError>>
        + Encoder<Bytes, Error: Into<FrameError>>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let frame = Decoder::decode(self, src).map_err(Into::into)?;
        Ok(frame.map(Into::into))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let frame = Decoder::decode_eof(self, src).map_err(Into::into)?;
        Ok(frame.map(Into::into))
    }

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        Encoder::encode(self, frame, dst).map_err(Into::into)
    }

    fn boxed_clone(&self) -> Box<dyn ByteCodec> {
        Box::new(self.clone())
    }
}

impl Framing {
    pub(crate) fn new(codec: impl ByteCodec + 'static) -> Self {
        Self(Box::new(codec))
    }
}

impl Clone for Framing {
    fn clone(&self) -> Self {
        Self(self.0.boxed_clone())
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::new(Chunks::default())
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Framing")
    }
}

impl Decoder for Framing {
    type Item = Bytes;
    type Error = FrameError;

    #[inline]
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        self.0.decode(src)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        self.0.decode_eof(src)
    }
}

impl<F: Into<Bytes>> Encoder<F> for Framing {
    type Error = FrameError;

    #[inline]
    fn encode(&mut self, frame: F, dst: &mut BytesMut) -> Result<(), FrameError> {
        self.0.encode(frame.into(), dst)
    }
}
