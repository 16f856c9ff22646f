//! Whom a listener takes a PROXY header from: `"10.0.0.0/8"`, `"192.0.2.1"`, `"unix"`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::meant::Trusted;
use crate::config::printable::quoted;

impl Form for Trusted {
    const WANTED: &'static str = "a network, as \"10.0.0.0/8\", an address, or \"unix\"";

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Network(ip.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| {
            format!(
                "{} is no network\nwrite it as \"10.0.0.0/8\" or \"2001:db8::/32\", one address as \"192.0.2.1\", \
                 and the peers of Unix sockets as \"unix\"",
                quoted(text)
            )
        })?;
        if network != network.trunc() {
            return Err(format!(
                "{} has bits beyond its prefix\nwrite \"{}\" for the network, or \"{}\" for the one address",
                quoted(text),
                network.trunc(),
                network.addr()
            ));
        }
        match network {
            // Peers of IPv4 are called by their own addresses, whatever socket they came to.
            IpNet::V6(mapped) if mapped.addr().to_ipv4_mapped().is_some() && mapped.prefix_len() >= 96 => {
                Err(format!(
                    "{} is a network of IPv4 in the clothes of IPv6\nwrite it as one of IPv4",
                    quoted(text)
                ))
            }
            network => Ok(Self::Network(network)),
        }
    }
}

impl<'de> Deserialize<'de> for Trusted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}
