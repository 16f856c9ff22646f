//! What `socket.*` has in forms of its own: `"auto"`, `"off"`, `"0660"`.

use serde::{Deserialize, Deserializer};

use super::{Form, Size, read_form};
use crate::config::printable::quoted;

/// `socket.backlog`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Backlog(pub(in crate::config) i32);

/// `socket.fast_open`; None is `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct FastOpen(pub(in crate::config) Option<i32>);

/// `socket.only_v6`; None is `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct OnlyV6(pub(in crate::config) Option<bool>);

/// `socket.send_buffer`, `socket.receive_buffer`; None is `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct BufferSize(pub(in crate::config) Option<usize>);

/// `socket.mode`: permissions of a file, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Mode(pub(in crate::config) u32);

/// A user or a group, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Account(pub(in crate::config) String);

/// The most that the kernel keeps in a queue, and more than any needs.
const MOST_QUEUED: i32 = 65_535;

fn queued(number: i64) -> Result<i32, String> {
    match i32::try_from(number) {
        Ok(number @ 1..=MOST_QUEUED) => Ok(number),
        _ => Err(format!("a queue of {number} cannot be had\nwrite 1 to {MOST_QUEUED}")),
    }
}

impl Form for Backlog {
    const WANTED: &'static str = "a number of connections, as 1024";

    fn from_text(text: &str) -> Result<Self, String> {
        Err(format!("unknown value {}\nwrite a number without quotes, as 1024", quoted(text)))
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(queued(number).map(Self))
    }
}

impl Form for FastOpen {
    const WANTED: &'static str = "a number of connections, as 256, or \"off\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => Err(format!(
                "unknown value {}\nwrite a number of connections, as 256, or \"off\"",
                quoted(text)
            )),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(queued(number).map(|number| Self(Some(number))))
    }
}

impl Form for OnlyV6 {
    const WANTED: &'static str = "true, false or \"auto\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(None)),
            _ => Err(format!("unknown value {}\nwrite true, false or \"auto\"", quoted(text))),
        }
    }

    fn from_flag(flag: bool) -> Option<Self> {
        Some(Self(Some(flag)))
    }
}

impl Form for BufferSize {
    const WANTED: &'static str = "a size with its unit, as \"256KiB\", or \"auto\"";

    fn from_text(text: &str) -> Result<Self, String> {
        const MOST: usize = 1 << 30;
        if text == "auto" {
            return Ok(Self(None));
        }
        match Size::from_text(text)?.bytes() {
            bytes if bytes <= MOST => Ok(Self(Some(bytes))),
            _ => Err(format!("{} is more than a socket can have\nthe most is \"1GiB\"", quoted(text))),
        }
    }
}

impl Form for Mode {
    const WANTED: &'static str = "permissions in octal, as \"0660\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let digits =
            text.len() >= 3 && text.len() <= 4 && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        match u32::from_str_radix(text, 8) {
            Ok(mode @ 0..=0o777) if digits => Ok(Self(mode)),
            _ => Err(format!(
                "{} are no permissions\nwrite three octal digits for owner, group and others: \"0660\"",
                quoted(text)
            )),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(Err(format!("{number} could be octal or not\nwrite it in quotes: \"0660\"")))
    }
}

impl Form for Account {
    const WANTED: &'static str = "a name or a number";

    fn from_text(text: &str) -> Result<Self, String> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == ':';
        match text {
            "" => Err("a name must not be empty".to_owned()),
            _ if text.contains(odd) => Err(format!("{} is no name of a user or group", quoted(text))),
            _ => Ok(Self(text.to_owned())),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(match u32::try_from(number) {
            // The system reads the highest as "leave it as it is".
            Ok(number) if number < u32::MAX => Ok(Self(number.to_string())),
            _ => Err(format!("{number} is no number of a user or group")),
        })
    }
}

impl<'de> Deserialize<'de> for Backlog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for FastOpen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for OnlyV6 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for BufferSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
