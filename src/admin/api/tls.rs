//! What is told of a connection's encryption.

use schemars::JsonSchema;
use serde::Serialize;

use crate::connection::Info;

/// How a connection is encrypted.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tls {
    /// Of TLS: 1.2 or 1.3.
    version: &'static str,
    /// The cipher suite, by its name at IANA.
    cipher: &'static str,
    /// The name that the client asked for; null if for none.
    sni: Option<String>,
    /// The protocol that was agreed on; null if none was.
    alpn: Option<String>,
    /// Whether the client came back with a ticket.
    resumed: bool,
    /// The client's certificate; null if it has none, or was not asked.
    certificate: Option<Certificate>,
}

/// The certificate of a client, which was found good.
#[derive(Serialize, JsonSchema)]
struct Certificate {
    /// Whose it is, as CN=device-7,O=Example.
    subject: String,
    /// Of the whole certificate, in 64 digits.
    sha256: String,
}

impl Tls {
    #[cfg(feature = "tls")]
    pub(super) fn of(info: &Info) -> Option<Self> {
        let tls = info.tls()?;
        let certificate = tls.client_certificate().map(|certificate| Certificate {
            subject: certificate.subject().to_owned(),
            sha256: certificate.fingerprint_hex(),
        });
        Some(Self {
            version: tls.version(),
            cipher: tls.cipher(),
            sni: tls.server_name().map(str::to_owned),
            alpn: tls.alpn().map(str::to_owned),
            resumed: tls.is_resumed(),
            certificate,
        })
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn of(_info: &Info) -> Option<Self> {
        None
    }
}
