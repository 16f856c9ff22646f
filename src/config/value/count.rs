//! Numbers that may also be a word: `"auto"`, `"unlimited"`.

use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::meant::MaxConnections;
use crate::config::printable::quoted;

/// `server.workers`; None is `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Workers(pub(in crate::config) Option<usize>);

/// `limits.connections`; None is `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Connections(pub(in crate::config) Option<usize>);

/// `server.max_connections`.
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
