//! Sizes: `"512B"`, `"64KiB"`, `"1MiB"`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Form, read_form};
use crate::config::printable::quoted;

/// A number of bytes, at least one, in options that the file writes with a unit: `max_frame = "64KiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(usize);

impl Size {
    /// How many bytes it is.
    pub fn bytes(self) -> usize {
        self.0
    }

    /// So many bytes; one where there are none.
    pub fn of(bytes: usize) -> Self {
        Self(bytes.max(1))
    }
}

/// The largest first, so that a size is shown in the largest unit that it is a whole number of.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const ADVICE: &str = "a size is a whole number and a unit, B, KiB, MiB or GiB: \"512B\", \"64KiB\", \"1MiB\"";

impl Form for Size {
    const WANTED: &'static str = "a size with its unit, as \"512B\", \"64KiB\" or \"1MiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let no_size = || format!("{} is no size\n{ADVICE}", quoted(text));
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(no_size)?;
        if number.is_empty() {
            return Err(no_size());
        }
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
        match bytes.and_then(|bytes| usize::try_from(bytes).ok()) {
            Some(0) => Err("a size of 0 would let nothing through\nthe least is \"1B\"".to_owned()),
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!("{} is more than this machine can count", quoted(text))),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

/// As a file writes it.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as u64;
        let (unit, factor) =
            UNITS.iter().find(|(_, factor)| bytes.is_multiple_of(*factor)).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", bytes / factor)
    }
}
