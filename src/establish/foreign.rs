//! What a client speaks where it was to speak something else.

use std::fmt;

use super::proxy_protocol;

/// A protocol that begins in a way of its own, so that a client that came to the wrong port can be told from one that speaks
/// the right protocol badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// A TLS handshake.
    Tls,
    /// A request of HTTP/1, or the preface of HTTP/2.
    Http,
    /// A PROXY header, of either version.
    Proxy,
}

/// The methods of RFC 9110, section 9.1, and PATCH; and how HTTP/2 begins (RFC 9113, section 3.4).
const HTTP: [&[u8]; 10] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"PRI * HTTP/2",
];

/// How the two versions of the PROXY header begin.
const PROXY: [&[u8]; 2] = [b"PROXY ", &proxy_protocol::SIGNATURE];

/// Whether a stream begins as one of HTTP does.
pub(super) fn is_http(first: &[u8]) -> bool {
    begins(first, &HTTP)
}

fn begins(first: &[u8], beginnings: &[&[u8]]) -> bool {
    beginnings.iter().any(|beginning| first.starts_with(beginning))
}

impl Foreign {
    /// As many bytes as it takes to recognize any of them.
    #[cfg(any(feature = "tls", test))]
    pub(crate) const LONGEST: usize = 12;

    /// Recognizes a protocol by the first bytes of a stream, where they are enough to be certain.
    pub(crate) fn recognize(first: &[u8]) -> Option<Self> {
        // RFC 8446, section 5.1: a record of type handshake, whatever 3.x it claims; its length; a ClientHello.
        if let [22, 3, 0..=4, _, _, 1, ..] = first {
            Some(Self::Tls)
        } else if is_http(first) {
            Some(Self::Http)
        } else if begins(first, &PROXY) {
            Some(Self::Proxy)
        } else {
            None
        }
    }
}

/// What the client has sent, as it goes on after "the client sent".
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "a TLS handshake",
            Self::Http => "an HTTP request",
            Self::Proxy => "a PROXY header",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_certain_or_says_nothing() {
        let table: [(&[u8], _); 12] = [
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Some(Foreign::Tls)),
            (b"GET / HTTP/1.1\r\n", Some(Foreign::Http)),
            (b"PRI * HTTP/2.0\r\n", Some(Foreign::Http)),
            (b"PROXY TCP4 1.2.3.4", Some(Foreign::Proxy)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", Some(Foreign::Proxy)),
            (b"", None),
            (b"\x16\x03\x01", None),
            (b"\x15\x03\x01\x00\x02\x01\x00", None),
            (b"GETTING there", None),
            (b"get / http/1.1", None),
            (b"\r\n\r\n", None),
            (b"PROX", None),
        ];
        for (first, expected) in table {
            assert_eq!(Foreign::recognize(first), expected, "{first:?}");
        }
        for beginning in HTTP.iter().chain(&PROXY) {
            assert!(Foreign::recognize(beginning).is_some());
            assert!(beginning.len() <= Foreign::LONGEST);
        }
    }
}
