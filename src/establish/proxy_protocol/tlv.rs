//! What a header of version 2 says beyond the addresses: a list of kind, length and value.

use super::error::HeaderError;
use super::header::ProxySsl;

pub(super) const ALPN: u8 = 0x01;
pub(super) const AUTHORITY: u8 = 0x02;
pub(super) const CRC32C: u8 = 0x03;
pub(super) const NOOP: u8 = 0x04;
pub(super) const UNIQUE_ID: u8 = 0x05;
pub(super) const SSL: u8 = 0x20;
pub(super) const SSL_VERSION: u8 = 0x21;
pub(super) const SSL_CN: u8 = 0x22;
pub(super) const SSL_CIPHER: u8 = 0x23;
pub(super) const SSL_SIG_ALG: u8 = 0x24;
pub(super) const SSL_KEY_ALG: u8 = 0x25;
pub(super) const NETNS: u8 = 0x30;

/// The longest unique id (section 2.2.5).
const LONGEST_UNIQUE_ID: usize = 128;

/// The TLVs of a list, one after the other. After one that is cut off there is none.
pub(super) struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    pub(super) fn new(list: &'a [u8]) -> Self {
        Self(list)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<(u8, &'a [u8]), HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let list = std::mem::take(&mut self.0);
        if list.is_empty() {
            return None;
        }
        let [kind, high, low, rest @ ..] = list else { return Some(Err(HeaderError::CutTlv(list[0]))) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return Some(Err(HeaderError::CutTlv(*kind)));
        };
        self.0 = rest;
        Some(Ok((*kind, value)))
    }
}

/// Checks a list that stands `at` so many bytes from the beginning of `header`, which it ends.
pub(super) fn check(header: &[u8], at: usize) -> Result<(), HeaderError> {
    let mut position = at;
    for tlv in Tlvs::new(&header[at..]) {
        let (kind, value) = tlv?;
        position += 3 + value.len();
        match kind {
            CRC32C => check_sum(header, position - value.len(), value)?,
            UNIQUE_ID if value.len() > LONGEST_UNIQUE_ID => {
                return Err(HeaderError::LongUniqueId(value.len()));
            }
            SSL => drop(ssl(value)?),
            _ => {}
        }
    }
    Ok(())
}

/// Holds the checksum, which stands `at` so many bytes from the beginning, against the header.
fn check_sum(header: &[u8], at: usize, value: &[u8]) -> Result<(), HeaderError> {
    let said =
        value.try_into().map(u32::from_be_bytes).map_err(|_| HeaderError::ChecksumSize(value.len()))?;
    let counted = sum(header, at);
    if said == counted { Ok(()) } else { Err(HeaderError::Checksum { said, counted }) }
}

/// The checksum of a header in which the one `at` so many bytes from the beginning is taken for zero.
pub(super) fn sum(header: &[u8], at: usize) -> u32 {
    let (before, after) = header.split_at(at);
    let sum = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    crc32c::crc32c_append(sum, &after[4..])
}

/// Reads the value of [`SSL`], and checks its own list.
pub(super) fn ssl(value: &[u8]) -> Result<ProxySsl<'_>, HeaderError> {
    let [client, a, b, c, d, parts @ ..] = value else { return Err(HeaderError::CutTlv(SSL)) };
    for part in Tlvs::new(parts) {
        part?;
    }
    Ok(ProxySsl { client: *client, verify: u32::from_be_bytes([*a, *b, *c, *d]), parts })
}
