//! Version 1: a line of text (section 2.1 of the specification).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use memchr::memchr2;

use super::error::{HeaderError, shown};
use super::header::{ProxyAddresses, ProxyHeader, ProxyVersion};
use super::parse::Parsed;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// `PROXY UNKNOWN`, and CRLF. A header of version 2 is longer.
const SHORTEST: usize = 15;

/// With its CRLF.
const LONGEST: usize = 107;

/// Reads a line of which this is the beginning.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let head = &bytes[..bytes.len().min(LONGEST)];
    match memchr2(b'\r', b'\n', head) {
        Some(end) if head[end..].starts_with(b"\r\n") => {
            Ok(Parsed::Complete(line(&head[SIGNATURE.len()..end])?, end + 2))
        }
        Some(end) if head[end..] == *b"\r" && head.len() < LONGEST => Ok(Parsed::Incomplete(1)),
        Some(_) => Err(HeaderError::LineEnd),
        None if head.len() == LONGEST => Err(HeaderError::LongLine),
        None => Ok(Parsed::Incomplete(missing(head))),
    }
}

/// How many bytes there are at least until the line has ended, which it has not.
fn missing(head: &[u8]) -> usize {
    let Some(shortest @ 1..) = SHORTEST.checked_sub(head.len()) else {
        let last = head.last().copied().unwrap_or_default();
        let count = |wanted: &[u8]| head.iter().filter(|byte| wanted.contains(byte)).count();
        // What separates, in a whole line, and what does so in this one. Behind each there is something.
        let (all, separators): (_, &[u8]) = match &head[SIGNATURE.len()..] {
            [b'T', b'C', b'P', b'4', ..] => (11, b" ."),
            [b'T', b'C', b'P', b'6', ..] => (5, b" "),
            _ => (0, b""),
        };
        let left = all - all.min(count(separators));
        let more = 2 * left + usize::from(separators.contains(&last)) + 2;
        return more.min(LONGEST - head.len());
    };
    shortest
}

/// Reads what stands between the signature and the end of the line.
fn line(line: &[u8]) -> Result<ProxyHeader, HeaderError> {
    let mut fields = line.split(|byte| *byte == b' ');
    let addresses = match fields.next().unwrap_or_default() {
        // Whatever follows is to be ignored.
        b"UNKNOWN" => ProxyAddresses::Unknown,
        b"TCP4" => addresses(line, fields, ipv4)?,
        b"TCP6" => addresses(line, fields, ipv6)?,
        other => return Err(HeaderError::Protocol(shown(other))),
    };
    Ok(ProxyHeader { version: ProxyVersion::V1, ..ProxyHeader::new(addresses) })
}

fn addresses<'a>(
    line: &[u8],
    mut fields: impl Iterator<Item = &'a [u8]>,
    ip: fn(&[u8]) -> Result<IpAddr, HeaderError>,
) -> Result<ProxyAddresses, HeaderError> {
    let mut next = || fields.next().filter(|field| !field.is_empty());
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) =
        (next(), next(), next(), next(), fields.next())
    else {
        return Err(HeaderError::Fields(shown(line)));
    };
    Ok(ProxyAddresses::Ip {
        source: SocketAddr::new(ip(source)?, port(source_port)?),
        destination: SocketAddr::new(ip(destination)?, port(destination_port)?),
    })
}

fn ipv4(field: &[u8]) -> Result<IpAddr, HeaderError> {
    // It takes no number with a zero before it.
    let ip = std::str::from_utf8(field).ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
    ip.map(IpAddr::V4).ok_or_else(|| HeaderError::Address { family: "IPv4", text: shown(field) })
}

fn ipv6(field: &[u8]) -> Result<IpAddr, HeaderError> {
    let ip = std::str::from_utf8(field).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    ip.map(IpAddr::V6).ok_or_else(|| HeaderError::Address { family: "IPv6", text: shown(field) })
}

fn port(field: &[u8]) -> Result<u16, HeaderError> {
    let digits = field.iter().all(u8::is_ascii_digit) && (field.len() == 1 || !field.starts_with(b"0"));
    let text = std::str::from_utf8(field).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| HeaderError::Port(shown(field)))
}

/// Writes the line. It has no room for what else a header may say.
pub(super) fn encode(header: &ProxyHeader) -> Vec<u8> {
    let ProxyAddresses::Ip { source, destination } = header.addresses else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let (from, to, family) = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (from.to_string(), to.to_string(), "TCP4"),
        (from, to) => (hexadecimal(from), hexadecimal(to), "TCP6"),
    };
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

/// An address in groups of hexadecimal digits alone, as the specification has it: not with an IPv4 address at its end.
fn hexadecimal(ip: IpAddr) -> String {
    let ip = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    match ip.to_ipv4_mapped() {
        Some(_) => {
            let [.., high, low] = ip.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        None => ip.to_string(),
    }
}
