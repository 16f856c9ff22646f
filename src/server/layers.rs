//! What is to be taken off a listener's connections before the first frame, in the order in which a byte meets it: PROXY header,
//! then TLS, then WebSocket.

use crate::config::Faults;
use crate::config::meant::ListenerConfig;
use crate::establish::{Layer, ProxyProtocol};

/// Makes the layers of a listener. What is wrong with their keys, or with the files that these name, is noted.
pub(super) fn layers(listener: &ListenerConfig, _faults: &mut Faults) -> Vec<Box<dyn Layer>> {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    if let Some(config) = &listener.proxy_protocol {
        layers.push(Box::new(ProxyProtocol::new(config)));
    }
    layers
}
