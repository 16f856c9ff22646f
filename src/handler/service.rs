//! A handler with its codec: the one place where their types are erased.

use std::any::Any;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder;

use super::Handler;
use crate::BoxError;
use crate::codec::Framing;
use crate::connection::{self, Admitted};

/// A handler and what makes its codec, for one listener and one load of the file.
pub(crate) struct Service<H, M> {
    pub(crate) handler: H,
    make_codec: M,
}

/// Serves connections, whatever the handler and its codec are. It spawns inside, where the types are known, so no
/// connection's future is boxed.
pub(crate) trait Serve: Send + Sync {
    fn serve(self: Arc<Self>, admitted: Admitted);

    /// The codec of a new connection, for who encodes beside the handler: of the handler's `Codec` type.
    fn fresh_codec(&self) -> Box<dyn Any + Send>;

    /// A frame as a new connection would send it; `None` where frames are no bytes.
    fn encode(&self, frame: Bytes) -> Option<Result<Bytes, BoxError>>;
}

impl<H: Handler, M> Service<H, M>
where
    M: Fn(&H) -> H::Codec + Send + Sync + 'static,
{
    pub(crate) fn new(handler: H, make_codec: M) -> Self {
        Self { handler, make_codec }
    }

    /// The codec of a new connection.
    pub(crate) fn codec(&self) -> H::Codec {
        (self.make_codec)(&self.handler)
    }
}

impl<H: Handler, M> Serve for Service<H, M>
where
    M: Fn(&H) -> H::Codec + Send + Sync + 'static,
{
    fn serve(self: Arc<Self>, admitted: Admitted) {
        tokio::spawn(connection::run(self, admitted));
    }

    fn fresh_codec(&self) -> Box<dyn Any + Send> {
        Box::new(self.codec())
    }

    fn encode(&self, frame: Bytes) -> Option<Result<Bytes, BoxError>> {
        let mut codec = self.codec();
        let framing = (&mut codec as &mut dyn Any).downcast_mut::<Framing>()?;
        let mut encoded = BytesMut::new();
        Some(match framing.encode(frame, &mut encoded) {
            Ok(()) => Ok(encoded.freeze()),
            Err(error) => Err(error.into()),
        })
    }
}
