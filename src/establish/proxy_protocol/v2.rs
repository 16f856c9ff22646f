//! Version 2: binary (section 2.2 of the specification).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::HeaderError;
use super::header::{ProxyAddresses, ProxyHeader};
use super::parse::Parsed;
use super::tlv;

pub(in crate::establish) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What every header begins with: the signature, version and command, family and transport, and the length of what follows.
const HEAD: usize = 16;

const LOCAL: u8 = 0;
const PROXY: u8 = 1;

const IPV4: u8 = 1;
const IPV6: u8 = 2;
const UNIX: u8 = 3;

const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;

/// A path of a Unix socket.
const PATH: usize = 108;

/// Reads a header of which this is the beginning.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let command = bytes.get(12).copied().map(command).transpose()?;
    let family = bytes.get(13).copied().map(|byte| family(byte, command)).transpose()?;
    let Some(&[high, low]) = bytes.get(14..HEAD) else { return Ok(Parsed::Incomplete(HEAD - bytes.len())) };
    let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
    let Some(header) = bytes.get(..length) else { return Ok(Parsed::Incomplete(length - bytes.len())) };
    let local = ProxyHeader::local();
    let header = match (command, family) {
        (Some(PROXY), Some((family, transport))) => proxied(header, family, transport)?,
        // All else that it says is to be ignored.
        _ => local,
    };
    Ok(Parsed::Complete(header, length))
}

fn command(byte: u8) -> Result<u8, HeaderError> {
    match (byte >> 4, byte & 0xf) {
        (2, command @ (LOCAL | PROXY)) => Ok(command),
        (2, command) => Err(HeaderError::Command(command)),
        (version, _) => Err(HeaderError::Version(version)),
    }
}

/// Family and transport; of a LOCAL header they are ignored.
fn family(byte: u8, command: Option<u8>) -> Result<(u8, u8), HeaderError> {
    match (byte >> 4, byte & 0xf) {
        (family, transport) if command == Some(LOCAL) => Ok((family, transport)),
        (family, _) if family > UNIX => Err(HeaderError::Family(family)),
        (_, transport) if transport > DATAGRAM => Err(HeaderError::Transport(transport)),
        read => Ok(read),
    }
}

fn proxied(header: &[u8], family: u8, transport: u8) -> Result<ProxyHeader, HeaderError> {
    let body = &header[HEAD..];
    let (addresses, size) = match family {
        IPV4 => (ipv4 as fn(&[u8]) -> ProxyAddresses, 12),
        IPV6 => (ipv6 as fn(&[u8]) -> ProxyAddresses, 36),
        UNIX => (unix as fn(&[u8]) -> ProxyAddresses, 2 * PATH),
        _ => return unspecified(header),
    };
    let family = ["UNSPEC", "IPv4", "IPv6", "Unix sockets"][usize::from(family)];
    let Some((block, tlvs)) = body.split_at_checked(size) else {
        return Err(HeaderError::CutAddresses { family, wanted: size, found: body.len() });
    };
    tlv::check(header, HEAD + size)?;
    let addresses = match transport {
        STREAM | DATAGRAM => addresses(block),
        _ => ProxyAddresses::Unknown,
    };
    Ok(ProxyHeader { datagram: transport == DATAGRAM, tlvs: tlvs.to_vec(), ..ProxyHeader::new(addresses) })
}

/// A connection of an unknown kind. How long its addresses are is not known, if it has any: only where what follows is a list
/// of TLVs it is taken for one.
fn unspecified(header: &[u8]) -> Result<ProxyHeader, HeaderError> {
    let tlvs = match tlv::check(header, HEAD) {
        Ok(()) => header[HEAD..].to_vec(),
        Err(error @ HeaderError::Checksum { .. }) => return Err(error),
        Err(_) => Vec::new(),
    };
    Ok(ProxyHeader { tlvs, ..ProxyHeader::new(ProxyAddresses::Unknown) })
}

fn ipv4(block: &[u8]) -> ProxyAddresses {
    let ip = |at: usize| IpAddr::V4(Ipv4Addr::from(fixed::<4>(block, at)));
    ProxyAddresses::Ip {
        source: SocketAddr::new(ip(0), port(block, 8)),
        destination: SocketAddr::new(ip(4), port(block, 10)),
    }
}

fn ipv6(block: &[u8]) -> ProxyAddresses {
    let ip = |at: usize| IpAddr::V6(Ipv6Addr::from(fixed::<16>(block, at)));
    ProxyAddresses::Ip {
        source: SocketAddr::new(ip(0), port(block, 32)),
        destination: SocketAddr::new(ip(16), port(block, 34)),
    }
}

fn unix(block: &[u8]) -> ProxyAddresses {
    let (source, destination) = block.split_at(PATH);
    ProxyAddresses::Unix { source: path(source), destination: path(destination) }
}

/// A path without the NULs that fill it up; a name in the kernel begins with one.
fn path(field: &[u8]) -> Vec<u8> {
    let end = field.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    field[..end].to_vec()
}

fn port(block: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(fixed(block, at))
}

/// `N` bytes of a block that has them.
fn fixed<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&block[at..at + N]);
    bytes
}

/// Writes the header. A checksum in it is made anew.
pub(super) fn encode(header: &ProxyHeader) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    let transport = if header.datagram { DATAGRAM } else { STREAM };
    let command = if header.local { LOCAL } else { PROXY };
    out.push(2 << 4 | command);
    let mut block = Vec::new();
    out.push(match &header.addresses {
        ProxyAddresses::Unknown => 0,
        ProxyAddresses::Ip { source, destination } => {
            let family = match (source.ip(), destination.ip()) {
                (IpAddr::V4(from), IpAddr::V4(to)) => {
                    block.extend([from.octets(), to.octets()].concat());
                    IPV4
                }
                (from, to) => {
                    block.extend([mapped(from).octets(), mapped(to).octets()].concat());
                    IPV6
                }
            };
            block.extend([source.port().to_be_bytes(), destination.port().to_be_bytes()].concat());
            family << 4 | transport
        }
        ProxyAddresses::Unix { source, destination } => {
            for path in [source, destination] {
                let taken = &path[..path.len().min(PATH)];
                block.extend(taken);
                block.extend(vec![0; PATH - taken.len()]);
            }
            UNIX << 4 | transport
        }
    });
    let list = HEAD + block.len();
    block.extend(&header.tlvs);
    // Whoever made the header has seen to it that this has room.
    out.extend(u16::try_from(block.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(block);
    write_sums(&mut out, list);
    out
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Fills in the checksum, where there is one in the list that begins here.
fn write_sums(header: &mut [u8], list: usize) {
    let mut position = list;
    let mut at = None;
    for (kind, value) in tlv::Tlvs::new(&header[list..]).filter_map(Result::ok) {
        position += 3 + value.len();
        if kind == tlv::CRC32C && value.len() == 4 {
            at = Some(position - 4);
        }
    }
    if let Some(at) = at {
        let sum = tlv::sum(header, at);
        header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

impl ProxyHeader {
    /// How many bytes the TLVs of a header with these addresses may take.
    pub(super) fn room(&self) -> usize {
        let addresses = match self.addresses {
            ProxyAddresses::Unknown => 0,
            ProxyAddresses::Ip { .. } => 36,
            ProxyAddresses::Unix { .. } => 2 * PATH,
        };
        usize::from(u16::MAX) - addresses
    }
}
