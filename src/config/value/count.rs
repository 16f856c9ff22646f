//! Numbers and sizes that may also be a word: `"auto"`, `"unlimited"`; and lengths of prefixes.

use serde::{Deserialize, Deserializer};

use super::{Form, Size, read_form};
use crate::config::meant::{MaxBuffered, MaxConnections};
use crate::config::printable::quoted;

/// `server.workers`; None is `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Workers(pub(in crate::config) Option<usize>);

/// `limits.connections`; None is `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Connections(pub(in crate::config) Option<usize>);

/// `server.max_buffered`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Buffered(pub(in crate::config) MaxBuffered);

/// `limits.prefix_v4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct PrefixV4(pub(in crate::config) u8);

/// `limits.prefix_v6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct PrefixV6(pub(in crate::config) u8);

/// `server.max_connections`, `limits.establishing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct ProcessConnections(pub(in crate::config) MaxConnections);

impl Form for Workers {
    const WANTED: &'static str = "a number of threads, as 4, or \"auto\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(None)),
            _ => Err(no_word(text, "write a number of threads, as 4, or \"auto\" for one a core")),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        // More than any machine has cores; the runtime's own limit is a panic.
        const MOST: usize = 1024;
        Some(match usize::try_from(number) {
            Ok(number @ 1..=MOST) => Ok(Self(Some(number))),
            _ => Err(format!(
                "{number} worker threads cannot be had\nwrite 1 to {MOST}, or \"auto\" for one a core"
            )),
        })
    }
}

impl Form for Connections {
    const WANTED: &'static str = "a number of connections, as 1000, or \"unlimited\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "unlimited" => Ok(Self(None)),
            _ => Err(no_word(text, "write a number of connections, as 1000, or \"unlimited\"")),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(connections(number).map(|number| Self(Some(number))))
    }
}

impl Form for ProcessConnections {
    const WANTED: &'static str = "a number of connections, as 1000, \"auto\" or \"unlimited\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(MaxConnections::Auto)),
            "unlimited" => Ok(Self(MaxConnections::Unlimited)),
            _ => Err(no_word(text, "write a number of connections, as 1000, or \"auto\", or \"unlimited\"")),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(connections(number).map(|number| Self(MaxConnections::At(number))))
    }
}

impl Form for Buffered {
    const WANTED: &'static str = "a size as \"512MiB\", \"auto\" or \"unlimited\"";

    fn from_text(text: &str) -> Result<Self, String> {
        // With less, a few connections that do nothing wrong would be the fattest.
        const LEAST: usize = 1024 * 1024;
        match text {
            "auto" => Ok(Self(MaxBuffered::Auto)),
            "unlimited" => Ok(Self(MaxBuffered::Unlimited)),
            _ => match Size::from_text(text) {
                Ok(size) if size.bytes() >= LEAST => Ok(Self(MaxBuffered::At(size.bytes()))),
                Ok(_) => {
                    Err(format!("{} is too little for all connections\nthe least is \"1MiB\"", quoted(text)))
                }
                Err(_) => Err(format!("unknown value {}\nwrite {}", quoted(text), Self::WANTED)),
            },
        }
    }
}

impl Form for PrefixV4 {
    const WANTED: &'static str = "a number of bits, 1 to 32";

    fn from_text(text: &str) -> Result<Self, String> {
        Err(no_word(text, "write a number of bits, as 24"))
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(prefix(number, 32).map(Self))
    }
}

impl Form for PrefixV6 {
    const WANTED: &'static str = "a number of bits, 1 to 128";

    fn from_text(text: &str) -> Result<Self, String> {
        Err(no_word(text, "write a number of bits, as 64"))
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        Some(prefix(number, 128).map(Self))
    }
}

fn prefix(number: i64, most: u8) -> Result<u8, String> {
    match u8::try_from(number) {
        Ok(0) => Err(format!("with a prefix of 0 all clients would be one\nwrite 1 to {most}")),
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("an address has no prefix of {number} bits\nwrite 1 to {most}")),
    }
}

fn connections(number: i64) -> Result<usize, String> {
    match usize::try_from(number) {
        Ok(number @ 1..) => Ok(number),
        _ => {
            Err(format!("with a limit of {number} nobody would be served\nwrite 1 or more, or \"unlimited\""))
        }
    }
}

fn no_word(text: &str, advice: &str) -> String {
    let number = text.parse::<i64>().is_ok();
    let advice = if number { "write it without quotes" } else { advice };
    format!("unknown value {}\n{advice}", quoted(text))
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Connections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for ProcessConnections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Buffered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for PrefixV4 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for PrefixV6 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
