//! What is to be taken off a listener's connections before the first frame, in the order in which a byte meets it: PROXY header,
//! then TLS.

#[cfg(feature = "tls")]
use std::sync::Arc;

use crate::config::Faults;
use crate::config::meant::ListenerConfig;
#[cfg(feature = "tls")]
use crate::config::meant::TlsStart;
#[cfg(feature = "tls")]
use crate::establish::tls::{TlsLayer, TlsServer};
use crate::establish::{Layer, ProxyProtocol};

/// The layers of a listener, and what its connections make layers of later.
#[derive(Default)]
pub(super) struct Layers {
    /// In the order in which they are taken off.
    pub(super) list: Vec<Box<dyn Layer>>,
    /// What TLS is made with, at once or when the handler says so.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<TlsServer>>,
}

/// Makes the layers of a listener. What is wrong with their keys, or with the files that these name, is noted.
pub(super) fn layers(
    listener: &ListenerConfig,
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "no layer has files then"))]
    faults: &mut Faults,
) -> Layers {
    let mut layers = Layers::default();
    if let Some(config) = &listener.proxy_protocol {
        layers.list.push(Box::new(ProxyProtocol::new(config)));
    }
    #[cfg(feature = "tls")]
    {
        layers.tls = tls(listener, faults);
        if let (Some(tls), Some(config)) = (&layers.tls, &listener.tls)
            && config.start == TlsStart::Accept
        {
            layers.list.push(Box::new(TlsLayer(Arc::clone(tls))));
        }
    }
    layers
}

/// Reads the certificates, if there are any.
#[cfg(feature = "tls")]
fn tls(listener: &ListenerConfig, faults: &mut Faults) -> Option<Arc<TlsServer>> {
    let config = listener.tls.as_ref()?;
    let read = TlsServer::read(config, |warning| {
        faults.warn(warning.file.span.clone(), warning.to_string());
    });
    match read {
        Ok(tls) => Some(Arc::new(tls)),
        Err(failed) => {
            for fault in failed.0 {
                faults.at(fault.file.span.clone(), fault.to_string()).help(fault.help);
            }
            None
        }
    }
}
