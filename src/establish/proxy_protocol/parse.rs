//! Reads a header of either version. No I/O: bytes in; the header, how much more belongs to it, or what is wrong.

use super::error::{HeaderError, Opening};
use super::header::ProxyHeader;
use super::{v1, v2};

/// What there is of a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// At least so many bytes more belong to it: who reads no more than these reads nothing of what follows.
    Incomplete(usize),
    /// All of it, in so many bytes.
    Complete(ProxyHeader, usize),
}

/// Reads what has arrived from the beginning of a connection.
///
/// # Errors
///
/// [`HeaderError`], as soon as the bytes can't be those of a header.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    if begins(bytes, v1::SIGNATURE) {
        v1::parse(bytes)
    } else if begins(bytes, &v2::SIGNATURE) {
        v2::parse(bytes)
    } else {
        Err(HeaderError::None(Opening::of(bytes)))
    }
}

/// Whether `bytes` begin with `signature`, as far as they go.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    let common = bytes.len().min(signature.len());
    bytes[..common] == signature[..common]
}
