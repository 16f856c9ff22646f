//! Lists of networks, and the narrowest network of a list that an address lies in.

mod file;

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

pub(crate) use self::file::ListFile;
pub(super) use self::file::{ListError, ListErrorKind};

/// A list of networks. A look-up costs about the same for one and for hundreds of thousands of them: it takes a few steps down a
/// tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Networks {
    v4: PrefixMap<Ipv4Net, usize>,
    v6: PrefixMap<Ipv6Net, usize>,
}

/// A network of a list that an address lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) network: IpNet,
    /// Where it stands: in a file its line, in a key its place; from 1. The first, where it stands there twice.
    pub(crate) place: usize,
}

impl Networks {
    pub(crate) fn insert(&mut self, network: IpNet, place: usize) {
        match network {
            IpNet::V4(network) => drop(self.v4.entry(network).or_insert(place)),
            IpNet::V6(network) => drop(self.v6.entry(network).or_insert(place)),
        }
    }

    /// The narrowest network that the address lies in. One of IPv4 in the clothes of IPv6 (`::ffff:192.0.2.1`) is one of IPv4.
    pub(crate) fn find(&self, address: IpAddr) -> Option<Found> {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let (network, place) = self.v4.get_lpm(&Ipv4Net::from(address))?;
                Some(Found { network: network.into(), place: *place })
            }
            IpAddr::V6(address) => {
                let (network, place) = self.v6.get_lpm(&Ipv6Net::from(address))?;
                Some(Found { network: network.into(), place: *place })
            }
        }
    }

    /// How many there are, each once.
    #[cfg(any(test, feature = "admin"))]
    pub(crate) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }
}

/// In the order in which they are written.
impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut list = Self::default();
        for (index, network) in networks.into_iter().enumerate() {
            list.insert(network, index + 1);
        }
        list
    }
}

#[cfg(test)]
mod tests;
