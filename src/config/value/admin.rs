//! What `[admin]` has in forms of its own.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::address::is_host;
use super::{Form, Timeout, read_form};
use crate::config::meant::Endpoint;
use crate::config::printable::quoted;

/// `admin.address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct AdminAddress(pub(in crate::config) Endpoint);

/// `admin.connections`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct AdminConnections(pub(in crate::config) usize);

/// `admin.timeout`: never off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct AdminTimeout(pub(in crate::config) Duration);

/// `admin.remember`; None is `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Remember(pub(in crate::config) Option<usize>);

/// One of `admin.hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct HostName(pub(in crate::config) String);

impl Form for AdminAddress {
    const WANTED: &'static str = "an address, as \"unix:/run/terima/admin.sock\" or \"127.0.0.1:27080\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match Endpoint::from_text(text)? {
            Endpoint::Name { port, .. } => Err(format!(
                "{} is a name, which may stand for several addresses\nwrite the one that is meant: \"127.0.0.1:{port}\"",
                quoted(text)
            )),
            Endpoint::Abstract(name) => Err(format!(
                "every process of the machine may connect to a socket without a file\nname a path without the \"@\": \
                 \"unix:/run/{}.sock\"",
                name.escape_debug()
            )),
            Endpoint::Activated(_) => Err(
                "the admin interface opens its socket itself\nname a path, as \"unix:/run/terima/admin.sock\", or an \
                 address"
                    .to_owned(),
            ),
            endpoint => Ok(Self(endpoint)),
        }
    }
}

impl Form for AdminConnections {
    const WANTED: &'static str = "a number of connections, as 16";

    fn from_text(text: &str) -> Result<Self, String> {
        Err(format!("unknown value {}\nwrite a number without quotes, as 16", quoted(text)))
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        // Their descriptors are set aside, so there is an end to them.
        const MOST: usize = 1024;
        Some(match usize::try_from(number) {
            Ok(number @ 2..=MOST) => Ok(Self(number)),
            _ => Err(format!("{number} connections will not do\nwrite 2 to {MOST}")),
        })
    }
}

impl Form for AdminTimeout {
    const WANTED: &'static str = "a duration with its unit, as \"10s\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match Timeout::from_text(text)?.limit() {
            Some(limit) => Ok(Self(limit)),
            None => Err("a client could keep its place for ever\nwrite a duration, as \"10s\"".to_owned()),
        }
    }
}

impl Form for Remember {
    const WANTED: &'static str = "a number of connections, as 1000, or \"off\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => Err(format!(
                "unknown value {}\nwrite a number of connections, as 1000, or \"off\"",
                quoted(text)
            )),
        }
    }

    fn from_number(number: i64) -> Option<Result<Self, String>> {
        // Some 20 MiB of them.
        const MOST: usize = 100_000;
        Some(match usize::try_from(number) {
            Ok(number @ 1..=MOST) => Ok(Self(Some(number))),
            _ => Err(format!("{number} connections can't be remembered\nwrite 1 to {MOST}, or \"off\"")),
        })
    }
}

impl Form for HostName {
    const WANTED: &'static str = "a name, as \"metrics.example.net\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((name, port)) if is_host(name) && port.parse::<u16>().is_ok() => {
                Err(format!("{} has a port\nwrite the name alone: \"{name}\"", quoted(text)))
            }
            _ if is_host(text) => Ok(Self(text.trim_end_matches('.').to_ascii_lowercase())),
            _ => Err(format!("{} is no name\nwrite one as \"metrics.example.net\"", quoted(text))),
        }
    }
}

impl<'de> Deserialize<'de> for AdminAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for AdminConnections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for AdminTimeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Remember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
