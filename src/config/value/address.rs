//! Where a listener listens: `"127.0.0.1:27015"`, `":7"`, `"localhost:7"`, `"unix:echo.sock"`, `"systemd:echo.socket"`, or a
//! list of them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::meant::Endpoint;
use crate::config::printable::quoted;
use crate::platform;

/// One address or several, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Addresses(pub(in crate::config) Vec<Endpoint>);

const WANTED: &str = "an address, as \"127.0.0.1:27015\", \":27015\" or \"unix:/run/echo.sock\"";

impl Form for Endpoint {
    const WANTED: &'static str = WANTED;

    fn from_text(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        if let Some(name) = text.strip_prefix("systemd:") {
            return activated(name);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let no_address = || format!("{} is no address\n{}", quoted(text), advice(text));
        let (host, port) = text.rsplit_once(':').ok_or_else(no_address)?;
        // A number that is parsed may have a sign.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = Some(port).filter(|_| digits).and_then(|port| port.parse().ok()).ok_or_else(no_address)?;
        match host {
            "" => Ok(Self::Any(port)),
            _ if is_host(host) => Ok(Self::Name { host: host.to_owned(), port }),
            _ => match scoped(host) {
                Some(host) => Ok(Self::Name { host: host.to_owned(), port }),
                None => Err(no_address()),
            },
        }
    }
}

fn unix(path: &str) -> Result<Endpoint, String> {
    let (path, name) = match path.strip_prefix('@') {
        Some(name) => (name, true),
        None => (path, false),
    };
    if path.is_empty() {
        return Err("this Unix socket has no path\nwrite it as \"unix:/run/terima/echo.sock\"".to_owned());
    }
    if path.contains('\0') {
        return Err("a path can't have a NUL in it".to_owned());
    }
    match name {
        // Where there are none at all, that is said once it is known whose address it is.
        true if platform::UNIX_SOCKETS && !platform::ABSTRACT_SOCKETS => {
            Err("only Linux has abstract Unix sockets\nname a path without the \
             \"@\": \"unix:/run/terima/echo.sock\""
                .to_owned())
        }
        true if path.len() >= platform::LONGEST_SOCKET_PATH => Err(too_long(path)),
        true => Ok(Endpoint::Abstract(path.to_owned())),
        false => Ok(Endpoint::Path(path.into())),
    }
}

/// A name as systemd takes it for `FileDescriptorName=`.
fn activated(name: &str) -> Result<Endpoint, String> {
    const HELP: &str =
        "write the FileDescriptorName= of its unit, or the name of the unit: \"systemd:terima.socket\"";
    match name {
        "" => Err(format!("this socket of systemd has no name\n{HELP}")),
        _ if name.len() > 255 || name.contains(|c: char| c == ':' || !(c.is_ascii_graphic() || c == ' ')) => {
            Err(format!("{} is no name of a socket of systemd\n{HELP}", quoted(name)))
        }
        _ => Ok(Endpoint::Activated(name.to_owned())),
    }
}

/// What is wrong with a path, or a name, that has no room in a socket's address.
pub(in crate::config) fn too_long(path: &str) -> String {
    format!(
        "a path of {} bytes is too long for a Unix socket\nthe system takes {}: use a shorter folder",
        path.len(),
        platform::LONGEST_SOCKET_PATH - 1
    )
}

/// Whether it is a name after RFC 1123, or with the `_` that is common beside it. One whose last label is a number is an
/// address that is misspelt.
pub(super) fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    host.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[fe80::1%eth0]` without its brackets: the interface's number is the system's to tell.
fn scoped(host: &str) -> Option<&str> {
    let inner = host.strip_prefix('[')?.strip_suffix(']')?;
    let (ip, interface) = inner.split_once('%')?;
    (ip.parse::<std::net::Ipv6Addr>().is_ok() && !interface.is_empty()).then_some(inner)
}

/// What may have been meant by a text that is no address.
fn advice(text: &str) -> String {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return format!("its port is missing: \"{}\"", SocketAddr::new(ip, 27015));
    }
    if text.parse::<u16>().is_ok() {
        return format!(
            "write \":{text}\" for all addresses of this machine, or \"127.0.0.1:{text}\" for its own programs"
        );
    }
    if let Some(port) = text.strip_prefix("*:").filter(|port| port.parse::<u16>().is_ok()) {
        return format!("write \":{port}\" for all addresses of this machine");
    }
    if text.starts_with('/') {
        return format!("a Unix socket is written \"unix:{}\"", text.escape_debug());
    }
    if is_host(text) {
        return format!("its port is missing: \"{text}:27015\"");
    }
    // Without brackets the last group is as well a part of the address as a port.
    if let Some((ip, port)) = text.rsplit_once(':')
        && let (Ok(ip @ IpAddr::V6(_)), Ok(port)) = (ip.parse(), port.parse())
    {
        return format!("an IPv6 address has brackets: \"{}\"", SocketAddr::new(ip, port));
    }
    "write an address or a name and a port, 0 to 65535: \"127.0.0.1:27015\", \"[::1]:27015\", \"localhost:27015\", or \
     \":27015\" for all addresses"
        .to_owned()
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressesVisitor)
    }
}

struct AddressesVisitor;

impl<'de> Visitor<'de> for AddressesVisitor {
    type Value = Addresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WANTED}, or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Addresses, E> {
        Endpoint::from_text(text).map(|endpoint| Addresses(vec![endpoint])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Addresses, A::Error> {
        let mut list = Vec::new();
        while let Some(endpoint) = items.next_element()? {
            list.push(endpoint);
        }
        Ok(Addresses(list))
    }
}
