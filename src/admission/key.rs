//! Who counts as one client.

use std::net::IpAddr;

use crate::listener::{Address, Client};

/// How many bits of an address tell one client from another: `limits.prefix_v4`, `limits.prefix_v6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefixes {
    pub(crate) v4: u8,
    pub(crate) v6: u8,
}

/// One client, for limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    V4([u8; 4]),
    // Bytes, which take no more room than they are.
    V6([u8; 16]),
    /// A user of this machine, over a Unix socket.
    User([u8; 4]),
    /// The system does not tell who they are. They are one: nobody is exempt because nobody knows them.
    Unknown,
}

impl Key {
    pub(crate) fn of(client: Client, prefixes: Prefixes) -> Self {
        match client.0 {
            Address::Tcp(address) => Self::of_ip(address.ip(), prefixes),
            Address::Unix(Some(credentials)) => Self::User(credentials.user.to_ne_bytes()),
            Address::Unix(None) | Address::Unnamed => Self::Unknown,
        }
    }

    /// What is written `::ffff:192.0.2.1` is the IPv4 address 192.0.2.1, wherever it comes from: as one of IPv6, all of IPv4
    /// would have one /64 in common.
    fn of_ip(ip: IpAddr, prefixes: Prefixes) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefixes.v4.min(32))).unwrap_or(0);
                Self::V4((ip.to_bits() & mask).to_be_bytes())
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefixes.v6.min(128))).unwrap_or(0);
                Self::V6((ip.to_bits() & mask).to_be_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::listener::Credentials;

    fn key(ip: &str, v4: u8, v6: u8) -> Key {
        let address = SocketAddr::new(ip.parse().unwrap(), 4711);
        Key::of(Client(Address::Tcp(address)), Prefixes { v4, v6 })
    }

    #[test]
    fn who_is_one_client() {
        for (one, other, v4, v6, same) in [
            ("192.0.2.1", "192.0.2.1", 32, 64, true),
            ("192.0.2.1", "192.0.2.2", 32, 64, false),
            ("192.0.2.1", "192.0.2.255", 24, 64, true),
            ("192.0.2.1", "192.0.3.1", 24, 64, false),
            ("128.0.0.1", "255.0.0.1", 1, 64, true),
            ("127.0.0.1", "128.0.0.1", 1, 64, false),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", 32, 64, true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", 32, 64, false),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", 32, 48, true),
            ("2001:db8::1", "2001:db8::2", 32, 128, false),
            ("::ffff:192.0.2.1", "192.0.2.1", 32, 64, true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", 32, 64, false),
            ("::192.0.2.1", "192.0.2.1", 32, 128, false),
        ] {
            assert_eq!(key(one, v4, v6) == key(other, v4, v6), same, "{one} and {other}, /{v4} and /{v6}");
        }
    }

    #[test]
    fn a_user_of_this_machine_is_one() {
        let prefixes = Prefixes { v4: 32, v6: 64 };
        let user = |user, process| {
            let credentials = Credentials { user, group: user, process: Some(process) };
            Key::of(Client(Address::Unix(Some(credentials))), prefixes)
        };
        assert_eq!(user(1000, 1), user(1000, 2));
        assert_ne!(user(1000, 1), user(1001, 1));
        let unknown = Key::of(Client(Address::Unix(None)), prefixes);
        assert_ne!(user(0, 1), unknown);
        assert_eq!(unknown, Key::of(Client(Address::Unnamed), prefixes));
    }
}
