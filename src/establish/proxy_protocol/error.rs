//! What is wrong with the beginning of a connection that had to have a PROXY header.

use std::fmt;

use crate::establish::foreign;

/// Why bytes are no PROXY header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("no PROXY header: the first bytes are {0}")]
    None(Opening),
    #[error("bad PROXY header: no line of version 1 is longer than 107 bytes, and this one has not ended")]
    LongLine,
    #[error("bad PROXY header: its line ends without CR and LF")]
    LineEnd,
    #[error("bad PROXY header: `{0}` is neither TCP4, TCP6 nor UNKNOWN")]
    Protocol(String),
    #[error(
        "bad PROXY header: its line is not a protocol, two addresses and two ports, with one space between: `{0}`"
    )]
    Fields(String),
    #[error("bad PROXY header: `{text}` is no address of {family}")]
    Address { family: &'static str, text: String },
    #[error("bad PROXY header: `{0}` is no port")]
    Port(String),
    #[error("bad PROXY header: it is of version {0}, and 2 is the only binary one")]
    Version(u8),
    #[error("bad PROXY header: its command is {0}, and there are LOCAL (0) and PROXY (1)")]
    Command(u8),
    #[error("bad PROXY header: there is no address family {0}")]
    Family(u8),
    #[error("bad PROXY header: there is no transport protocol {0}")]
    Transport(u8),
    #[error("bad PROXY header: addresses of {family} take {wanted} bytes, and it has {found}")]
    CutAddresses { family: &'static str, wanted: usize, found: usize },
    #[error("bad PROXY header: TLV {0:#04x} is cut off")]
    CutTlv(u8),
    #[error("bad PROXY header: a unique id has 128 bytes at most, and this one {0}")]
    LongUniqueId(usize),
    #[error("bad PROXY header: a checksum has 4 bytes, and this one {0}")]
    ChecksumSize(usize),
    #[error("bad PROXY header: its checksum is {said:#010x}, and its bytes make {counted:#010x}")]
    Checksum { said: u32, counted: u32 },
}

/// What else a connection begins with, as far as that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opening {
    Http(String),
    Tls,
    Ssh(String),
    Other(String),
}

impl Opening {
    /// Of the first bytes alone, however many there are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        const MOST: usize = 32;
        let bytes = &bytes[..bytes.len().min(MOST)];
        if foreign::is_http(bytes) {
            Self::Http(shown(bytes))
        } else if bytes.starts_with(&[0x16, 0x03]) {
            Self::Tls
        } else if bytes.starts_with(b"SSH-") {
            Self::Ssh(shown(bytes))
        } else {
            Self::Other(shown(bytes))
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(bytes) => write!(f, "an HTTP request: `{bytes}`"),
            Self::Tls => f.write_str("a TLS hello"),
            Self::Ssh(bytes) => write!(f, "those of SSH: `{bytes}`"),
            Self::Other(bytes) => write!(f, "`{bytes}`"),
        }
    }
}

/// Bytes as they can be shown.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
