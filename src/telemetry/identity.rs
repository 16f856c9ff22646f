//! What the access line has of TLS.

#[cfg(feature = "tls")]
use super::escape::Escaped;
use crate::connection::Info;

/// How a connection was encrypted and whose it was; all absent where it was not.
#[derive(Default)]
pub(super) struct Identity<'a> {
    /// The version of TLS.
    pub(super) tls: Option<&'a str>,
    /// The name that the client asked for.
    pub(super) sni: Option<&'a str>,
    pub(super) alpn: Option<&'a str>,
    /// The subject of the client's certificate.
    pub(super) certificate: Option<String>,
}

impl<'a> Identity<'a> {
    #[cfg(feature = "tls")]
    pub(super) fn of(info: &'a Info) -> Self {
        let Some(tls) = info.tls() else { return Self::default() };
        // Whoever signs certificates need not mind what is fit for a log.
        let subject = |client: &crate::TlsInfo| {
            client.client_certificate().map(|client| Escaped(client.subject()).to_string())
        };
        Self { tls: Some(tls.version()), sni: tls.server_name(), alpn: tls.alpn(), certificate: subject(tls) }
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn of(_info: &'a Info) -> Self {
        Self::default()
    }
}
