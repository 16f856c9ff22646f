//! Lengths in decimal digits, which `netstring` and `octet_counted` begin their frames with.

use super::FrameError;

/// A length, and how many bytes tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// How many bytes are told of.
    pub(super) length: usize,
    /// The digits and the byte after them.
    pub(super) bytes: usize,
}

/// Reads digits, and the byte `end` after them; `None` where that has not come.
///
/// A length above `limit` is refused at the digit that makes it so. So no header is longer than such a number.
pub(super) fn read(src: &[u8], end: u8, limit: usize) -> Result<Option<Header>, FrameError> {
    let mut length = 0_usize;
    for (at, &byte) in src.iter().enumerate() {
        if byte == end && at > 0 {
            return Ok(Some(Header { length, bytes: at + 1 }));
        }
        if !byte.is_ascii_digit() {
            let wanted =
                if at > 0 { format!("a digit or \"{}\"", char::from(end)) } else { "a digit".to_owned() };
            let found = byte.escape_ascii();
            return Err(FrameError::malformed(format!("\"{found}\" where a frame's length has {wanted}")));
        }
        if at > 0 && length == 0 {
            return Err(FrameError::malformed("a frame's length begins with 0"));
        }
        length = length.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
        if length > limit {
            return Err(FrameError::TooLong { limit });
        }
    }
    Ok(None)
}
