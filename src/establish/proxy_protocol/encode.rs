//! Makes headers, for servers that are behind this one.

use super::header::{ProxyHeader, ProxyVersion};
use super::tlv;
use super::{v1, v2};

/// Why a TLV can't be in a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyTlvError {
    /// A header has 65,535 bytes behind its first 16, and no more.
    #[error("a PROXY header has no room for {0} bytes more")]
    NoRoom(usize),
    /// Who reads it would refuse the header.
    #[error("no receiver would take TLV {0:#04x} with this value")]
    Malformed(u8),
}

impl ProxyHeader {
    /// The header with one TLV more. Version 1 leaves it out.
    ///
    /// # Errors
    ///
    /// [`ProxyTlvError`], where there is no room for it, or its kind has rules that the value breaks. For a checksum there is
    /// [`with_checksum`](Self::with_checksum).
    pub fn with_tlv(mut self, kind: u8, value: &[u8]) -> Result<Self, ProxyTlvError> {
        let length = match u16::try_from(value.len()) {
            Ok(length) if self.tlvs.len() + 3 + value.len() <= self.room() => length,
            _ => return Err(ProxyTlvError::NoRoom(3 + value.len())),
        };
        let mut one = vec![kind];
        one.extend(length.to_be_bytes());
        one.extend(value);
        if kind == tlv::CRC32C || tlv::check(&one, 0).is_err() {
            return Err(ProxyTlvError::Malformed(kind));
        }
        self.tlvs.extend(one);
        Ok(self)
    }

    /// The header with a checksum of all of it, by which its receiver sees whether it came over unchanged. Version 1 leaves
    /// it out.
    ///
    /// # Errors
    ///
    /// [`ProxyTlvError::NoRoom`].
    pub fn with_checksum(mut self) -> Result<Self, ProxyTlvError> {
        if self.tlv(tlv::CRC32C).is_some() {
            return Ok(self);
        }
        if self.tlvs.len() + 7 > self.room() {
            return Err(ProxyTlvError::NoRoom(7));
        }
        self.tlvs.extend([tlv::CRC32C, 0, 4, 0, 0, 0, 0]);
        Ok(self)
    }

    /// The bytes of the header, in this form. They go before anything else, at once.
    ///
    /// Version 1 says `UNKNOWN` where the ends are not of IP, and has no other way to say that the connection is the proxy's
    /// own. Where one end is of IPv4 and the other of IPv6, both are written as of IPv6.
    pub fn encode(&self, version: ProxyVersion) -> Vec<u8> {
        match version {
            ProxyVersion::V1 => v1::encode(self),
            ProxyVersion::V2 => v2::encode(self),
        }
    }
}
