//! What becomes of the log's file: `"daily"`, `"100MiB"`.

use serde::{Deserialize, Deserializer};

use super::{Form, Size, read_form};
use crate::config::meant::Rotation;
use crate::config::printable::quoted;

/// `log.rotate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Rotate(pub(in crate::config) Rotation);

/// `log.keep`; None is `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Keep(pub(in crate::config) Option<usize>);

impl Form for Rotate {
    const WANTED: &'static str = "\"never\", \"hourly\", \"daily\" or a size as \"100MiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        // Smaller files would be made by the hundred.
        const LEAST: usize = 4096;
        match text {
            "never" => Ok(Self(Rotation::Never)),
            "hourly" => Ok(Self(Rotation::Hourly)),
            "daily" => Ok(Self(Rotation::Daily)),
            _ => match Size::from_text(text) {
                Ok(size) if size.bytes() >= LEAST => Ok(Self(Rotation::Size(size.bytes() as u64))),
                Ok(_) => Err(format!("{} is too small for a file\nthe least is \"4KiB\"", quoted(text))),
                Err(_) => Err(format!("unknown value {}\nwrite {}", quoted(text), Self::WANTED)),
            },
        }
    }
}

impl Form for Keep {
    const WANTED: &'static str = "a number of files, as 7, or \"unlimited\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "unlimited" => Ok(Self(None)),
            _ => Err(format!("unknown value {}\nwrite {}", quoted(text), Self::WANTED)),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(match usize::try_from(number) {
            Ok(number @ 1..) => Ok(Self(Some(number))),
            _ => Err(format!("{number} files can't be kept\nwrite 1 or more, or \"unlimited\"")),
        })
    }
}

impl<'de> Deserialize<'de> for Rotate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
