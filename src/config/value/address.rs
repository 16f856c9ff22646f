//! Where a listener listens: `"127.0.0.1:27015"`, `"[::1]:27015"`, or a list of them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::printable::quoted;

/// One address or several, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Addresses(pub(in crate::config) Vec<SocketAddr>);

/// One of them.
struct Address(SocketAddr);

const WANTED: &str = "an address, as \"127.0.0.1:27015\" or \"[::1]:27015\"";

impl Form for Address {
    const WANTED: &'static str = WANTED;

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("{} is no address\n{}", quoted(text), advice(text)))
    }
}

/// What may have been meant by a text that is no address.
fn advice(text: &str) -> String {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return format!("its port is missing: \"{}\"", SocketAddr::new(ip, 27015));
    }
    // Without brackets the last group is as well a part of the address as a port.
    if let Some((ip, port)) = text.rsplit_once(':')
        && let (Ok(ip @ IpAddr::V6(_)), Ok(port)) = (ip.parse(), port.parse())
    {
        return format!("an IPv6 address has brackets: \"{}\"", SocketAddr::new(ip, port));
    }
    "write an IP address and a port: \"127.0.0.1:27015\", \"[::1]:27015\", or \"0.0.0.0:27015\" for all of IPv4"
        .to_owned()
}

impl<'de> Deserialize<'de> for Address {
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
        Address::from_text(text).map(|Address(address)| Addresses(vec![address])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Addresses, A::Error> {
        let mut list = Vec::new();
        while let Some(Address(address)) = items.next_element()? {
            list.push(address);
        }
        Ok(Addresses(list))
    }
}
