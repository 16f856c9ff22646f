//! Networks, as `"10.0.0.0/8"`, `"2001:db8::/32"`, or one address alone.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::printable::quoted;

/// A network of `access.allow` or `access.deny`. One of IPv4 that is written as one of IPv6, as "::ffff:10.0.0.0/104", is the
/// one of IPv4: so are the addresses that are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Network(pub(in crate::config) IpNet);

/// The bits before an address of IPv4 in one of IPv6.
const MAPPED: u8 = 96;

impl Form for Network {
    const WANTED: &'static str = "a network, as \"10.0.0.0/8\", or an address";

    fn from_text(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else { return Err(no_network(text)) };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = match prefix {
            None => longest,
            Some(prefix) => {
                length(prefix, longest).ok_or_else(|| no_length(text, address, prefix, longest))?
            }
        };
        let network = IpNet::new(address, length).map_err(|_| no_network(text))?;
        if network.trunc() != network {
            let (whole, alone) = (unmapped(network.trunc()), unmapped(address.into()).addr());
            return Err(format!(
                "{} has bits of an address beyond its prefix\nwrite \"{whole}\" for the network, \
                 or \"{alone}\" for the address alone",
                quoted(text)
            ));
        }
        Ok(Self(unmapped(network)))
    }
}

/// The length of a prefix. A number that is parsed may have a sign.
fn length(prefix: &str, longest: u8) -> Option<u8> {
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    prefix.parse().ok().filter(|length| digits && *length <= longest)
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let mapped = six.addr().to_ipv4_mapped().filter(|_| six.prefix_len() >= MAPPED);
    let four = mapped.and_then(|address| Ipv4Net::new(address, six.prefix_len() - MAPPED).ok());
    four.map_or(network, IpNet::V4)
}

fn no_network(text: &str) -> String {
    let advice = match text {
        "" => "write one as \"10.0.0.0/8\", \"2001:db8::/32\", or an address",
        "*" | "any" | "all" | "0/0" => "every address is in \"0.0.0.0/0\" and \"::/0\"",
        _ if text.contains('%') => "an address with a zone is in no network: write it without the zone",
        _ if text.starts_with('[') || text.rsplit_once(':').is_some_and(|(host, _)| is_v4(host)) => {
            "a network has no port and no brackets"
        }
        _ if text.starts_with("unix") => {
            "for Unix sockets there are `access.allow_users` and `access.allow_groups`"
        }
        _ if text.contains(|c: char| c.is_alphabetic() && !c.is_ascii_hexdigit()) => {
            "names are not looked up: write addresses, as \"10.0.0.0/8\" or \"2001:db8::/32\""
        }
        _ => "write one with all its parts, as \"10.0.0.0/8\", \"2001:db8::/32\", or an address",
    };
    format!("{} is no network\n{advice}", quoted(text))
}

fn no_length(text: &str, address: IpAddr, prefix: &str, longest: u8) -> String {
    // 255.255.255.0 and the like.
    let mask = prefix.parse::<Ipv4Addr>().ok().and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok());
    let advice = match mask {
        Some(length) if address.is_ipv4() => format!("write the mask as a length: \"{address}/{length}\""),
        _ => format!("write 0 to {longest} behind the \"/\": how many bits all of its addresses share"),
    };
    format!("{} is no network\n{advice}", quoted(text))
}

fn is_v4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl Network {
    /// As a line of a list has it.
    pub(in crate::config) fn read(text: &str) -> Result<Self, String> {
        Self::from_text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_or_an_address() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/95", "::/95"),
        ] {
            assert_eq!(Network::from_text(text).unwrap().0.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        for (text, remedy) in [
            ("10.0.0.1/8", "write \"10.0.0.0/8\" for the network, or \"10.0.0.1\" for the address alone"),
            ("2001:db8::1/32", "\"2001:db8::/32\" for the network, or \"2001:db8::1\""),
            ("::ffff:10.0.0.1/104", "\"10.0.0.0/8\" for the network, or \"10.0.0.1\""),
            ("10.0.0.0/33", "write 0 to 32"),
            ("10.0.0.0/+8", "write 0 to 32"),
            ("10.0.0.0/", "write 0 to 32"),
            ("2001:db8::/129", "write 0 to 128"),
            ("10.0.0.0/255.0.0.0", "write the mask as a length: \"10.0.0.0/8\""),
            ("10/8", "with all its parts"),
            ("10.0.0", "with all its parts"),
            ("*", "\"0.0.0.0/0\" and \"::/0\""),
            ("example.net", "names are not looked up"),
            ("192.0.2.1:80", "no port"),
            ("[::1]", "no brackets"),
            ("fe80::1%eth0", "without the zone"),
            ("unix", "access.allow_users"),
            ("", "write one as"),
        ] {
            let error = Network::from_text(text).unwrap_err();
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }
}
