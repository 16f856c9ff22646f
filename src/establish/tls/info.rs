//! What a TLS handshake has found out of a client.

use std::fmt;

use ring::digest::{SHA256, digest};
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};

use super::x509;

/// What is known of a connection's encryption, and of the client by it: [`Info::tls`](crate::Info::tls).
#[derive(Debug, Clone)]
pub struct TlsInfo {
    version: &'static str,
    cipher: &'static str,
    server_name: Option<Box<str>>,
    alpn: Option<Box<str>>,
    resumed: bool,
    client: Option<Box<ClientCertificate>>,
}

/// The certificate of a client. It was signed by one of `tls.client_ca`, was good at the time of the handshake, and the client
/// has its key.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    der: Box<[u8]>,
    subject: Box<str>,
    fingerprint: [u8; 32],
}

impl TlsInfo {
    pub(super) fn of(session: &ServerConnection) -> Self {
        let cipher = session.negotiated_cipher_suite().map(|suite| suite.suite());
        let client = session.peer_certificates().and_then(<[_]>::first);
        Self {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "1.3",
                _ => "1.2",
            },
            cipher: cipher.and_then(|cipher| cipher.as_str()).map_or("unknown", registered),
            server_name: session.server_name().map(Into::into),
            alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into()),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            client: client.map(|client| Box::new(ClientCertificate::of(client))),
        }
    }

    /// The version of TLS: `1.2` or `1.3`.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// The cipher suite, by the name that IANA has for it: `TLS_AES_128_GCM_SHA256`.
    pub fn cipher(&self) -> &'static str {
        self.cipher
    }

    /// The name that the client asked for (SNI), in lower case. There need be no certificate for it, unless `tls.strict_sni` says so.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The protocol that was agreed on, one of `tls.alpn`; `None` where the client offered none.
    pub fn alpn(&self) -> Option<&str> {
        self.alpn.as_deref()
    }

    /// Whether the client came back with a ticket. Its certificate is then that of the handshake that gave it the ticket.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The client's certificate; `None` where it has none, or was not asked.
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.client.as_deref()
    }
}

impl ClientCertificate {
    fn of(der: &[u8]) -> Self {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, der).as_ref());
        let subject = x509::read(der).map_or_else(String::new, |contents| contents.subject);
        Self { der: der.into(), subject: subject.into(), fingerprint }
    }

    /// Whose it is, after RFC 4514: `CN=device-7,O=Example`. Whoever signs certificates decides what may stand in it.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The SHA-256 of the certificate: as `openssl x509 -fingerprint -sha256` has it, but as bytes. [`fingerprint_hex`](Self::fingerprint_hex) is it as a text.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The fingerprint in 64 lower-case digits.
    pub fn fingerprint_hex(&self) -> String {
        use fmt::Write;
        self.fingerprint.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // A string takes whatever is written.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The whole certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// The name of a cipher suite at IANA: rustls marks those of TLS 1.3.
fn registered(name: &'static str) -> &'static str {
    match name {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        name => name,
    }
}
