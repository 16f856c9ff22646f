//! TLS, on the server's side of it.
//!
//! - [`files`]: certificates, keys and lists from PEM, and what is wrong with them
//! - [`x509`]: what a certificate says of itself
//! - [`names`]: which certificate a client is shown
//! - [`server`](mod@server): all of a listener's files as one value, and the handshake with it
//! - [`stream`]: what is left of the stream then
//! - `client`: a handshake from the other side, to see whether there is anybody
//! - [`info`]: what the handshake has found out of the client
//!
//! No type of rustls leaves this module.

#[cfg(feature = "cli")]
pub(crate) mod client;
mod files;
mod info;
mod layer;
mod names;
mod server;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod x509;

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

pub use self::info::{ClientCertificate, TlsInfo};
pub(crate) use self::layer::TlsLayer;
pub(crate) use self::server::TlsServer;

/// Where all cryptography comes from.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}
