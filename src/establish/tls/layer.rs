//! TLS as a layer of a listener.

use std::sync::Arc;

use super::server::TlsServer;
use crate::establish::layer::{Layer, Layered, Step, TakeOff};

/// Makes the handshake with the first byte: `tls.start = "accept"`.
pub(crate) struct TlsLayer(pub(crate) Arc<TlsServer>);

impl Layer for TlsLayer {
    fn step(&self) -> Step {
        Step::Tls
    }

    fn take_off(&self, mut layered: Layered) -> TakeOff<'_> {
        Box::pin(async move {
            let (stream, info) = self.0.handshake(layered.stream).await?;
            layered.stream = stream;
            layered.facts.tls = info.into();
            Ok(layered)
        })
    }
}
