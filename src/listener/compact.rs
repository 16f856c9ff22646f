//! An address as it is kept for every connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::address::{Address, Credentials};

/// An [`Address`] in 24 bytes instead of 32: each connection has two of them for life. An IPv6 flow label, which nobody asks
/// for, is left out.
#[derive(Clone, Copy)]
pub(crate) enum Compact {
    V4(Ipv4Addr, u16),
    /// With its port and its scope, the number of the interface.
    V6(Ipv6Addr, u16, u32),
    Unix(Option<Credentials>),
    Unnamed,
}

impl From<Address> for Compact {
    fn from(address: Address) -> Self {
        match address {
            Address::Tcp(SocketAddr::V4(address)) => Self::V4(*address.ip(), address.port()),
            Address::Tcp(SocketAddr::V6(address)) => {
                Self::V6(*address.ip(), address.port(), address.scope_id())
            }
            Address::Unix(credentials) => Self::Unix(credentials),
            Address::Unnamed => Self::Unnamed,
        }
    }
}

impl From<Compact> for Address {
    fn from(compact: Compact) -> Self {
        match compact {
            Compact::V4(ip, port) => Self::Tcp(SocketAddr::new(IpAddr::V4(ip), port)),
            Compact::V6(ip, port, scope) => Self::Tcp(SocketAddrV6::new(ip, port, 0, scope).into()),
            Compact::Unix(credentials) => Self::Unix(credentials),
            Compact::Unnamed => Self::Unnamed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_loses_nothing() {
        assert_eq!(size_of::<Compact>(), 24);
        let credentials = Credentials { user: 1, group: 2, process: Some(3) };
        for address in [
            Address::Tcp("192.0.2.1:7".parse().unwrap()),
            Address::Tcp("[2001:db8::1]:65535".parse().unwrap()),
            Address::Tcp("[fe80::1%3]:7".parse().unwrap()),
            Address::Unix(None),
            Address::Unix(Some(credentials)),
            Address::Unnamed,
        ] {
            assert_eq!(Address::from(Compact::from(address)), address);
        }
    }
}
