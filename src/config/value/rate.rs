//! Rates: `"100/s"`, `"30/m"`, `{ rate = "100/s", burst = 200 }`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::meant::{Per, Rate};
use crate::config::printable::quoted;

/// `limits.rate`, `limits.rate_per_client`; None is `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct RateLimit(pub(in crate::config) Option<Rate>);

/// So many in a time: a [`RateLimit`] without its burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Pace {
    count: u32,
    per: Per,
}

/// A whole number from 1 to [`MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Burst(u32);

/// More connections than any machine accepts in a second; and with as many an hour, a burst of as many is still counted in
/// nanoseconds.
pub(super) const MOST: u32 = 1_000_000;

const ADVICE: &str = "write a number and a time, s, m or h: \"100/s\", \"30/m\"";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithBurst {
    rate: Pace,
    #[serde(default)]
    burst: Option<Burst>,
}

impl Pace {
    fn rate(self, burst: Option<Burst>) -> Rate {
        Rate { count: self.count, per: self.per, burst: burst.map_or(self.count, |burst| burst.0) }
    }
}

impl Form for Pace {
    const WANTED: &'static str = "a rate, as \"100/s\" or \"30/m\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let no_rate = || format!("{} is no rate\n{ADVICE}", quoted(text));
        let (count, per) = text.split_once('/').ok_or_else(no_rate)?;
        let per = Per::ALL.into_iter().find(|known| known.as_str() == per).ok_or_else(no_rate)?;
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(no_rate());
        }
        match count.parse() {
            Ok(0) => Err("at a rate of 0 nobody would be served\nthe least is 1".to_owned()),
            Ok(count @ 1..=MOST) => Ok(Self { count, per }),
            _ => Err(format!("a rate of {count} cannot be kept\nthe most is {MOST}")),
        }
    }
}

impl Form for Burst {
    const WANTED: &'static str = "a number of connections, as 200";

    fn from_text(text: &str) -> Result<Self, String> {
        Err(format!("unknown value {}\nwrite a number without quotes, as 200", quoted(text)))
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(match u32::try_from(number) {
            Ok(number @ 1..=MOST) => Ok(Self(number)),
            _ => Err(format!("a burst of {number} cannot be had\nwrite 1 to {MOST}")),
        })
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Burst {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateVisitor)
    }
}

struct RateVisitor;

impl<'de> Visitor<'de> for RateVisitor {
    type Value = RateLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate, as \"100/s\", { rate = \"100/s\", burst = 200 } or \"unlimited\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RateLimit, E> {
        if text == "unlimited" {
            return Ok(RateLimit(None));
        }
        Pace::from_text(text).map(|pace| RateLimit(Some(pace.rate(None)))).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RateLimit, A::Error> {
        let WithBurst { rate, burst } = WithBurst::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RateLimit(Some(rate.rate(burst))))
    }
}
