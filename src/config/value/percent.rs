//! Parts of a whole: `"10%"`.

use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::printable::quoted;

/// A part of a whole, from `"0%"` to `"100%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Percent(u8);

impl Percent {
    /// The part, 0.0 to 1.0.
    pub(in crate::config) fn part(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Form for Percent {
    const WANTED: &'static str = "a percentage, as \"10%\"";

    fn from_text(text: &str) -> Result<Self, String> {
        text.strip_suffix('%')
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|number| number.parse().ok())
            .filter(|number| *number <= 100)
            .map(Self)
            .ok_or_else(|| {
                format!("{} is no percentage\nwrite a whole number, \"0%\" to \"100%\"", quoted(text))
            })
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
