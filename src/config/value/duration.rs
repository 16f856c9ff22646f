//! Durations: `"250ms"`, `"30s"`, `"5m"`, `"1h30m"`, and `"off"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::printable::quoted;

/// How long something may take, in options that the file writes with a unit: `every = "30s"`; or `"off"`, as long as it
/// takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Option<Duration>);

impl Timeout {
    /// None where it is off.
    pub fn limit(self) -> Option<Duration> {
        self.0
    }
}

/// The largest first, which is also the order in which a duration of several has them.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// An instant so far ahead can still be told on every platform.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

const ADVICE: &str = "a duration is a whole number and a unit, ms, s, m, h or d: \"250ms\", \"30s\", \"1h30m\"; \
                      or \"off\"";

impl Form for Timeout {
    const WANTED: &'static str = "a duration with its unit, as \"250ms\", \"30s\" or \"5m\", or \"off\"";

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let duration = parse(text).ok_or_else(|| format!("{} is no duration\n{ADVICE}", quoted(text)))?;
        if duration.is_zero() {
            return Err(
                "a duration of 0 would leave no time at all\nthe least is \"1ms\"; \"off\" is without end"
                    .to_owned(),
            );
        }
        if duration > LONGEST {
            return Err(format!(
                "{} is more than a year\nthe most is \"365d\"; \"off\" is without end",
                quoted(text)
            ));
        }
        Ok(Self(Some(duration)))
    }
}

/// The sum of the parts; each unit at most once, larger before smaller.
fn parse(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        total = number.parse::<u64>().ok()?.checked_mul(*factor)?.checked_add(total)?;
        rest = &rest[digits + letters..];
    }
    (!text.is_empty()).then_some(Duration::from_millis(total))
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
