use proptest::prelude::*;

use super::file::{MOST_FAULTS, parse};
use super::*;

fn networks(list: &[&str]) -> Networks {
    list.iter().map(|text| text.parse::<IpNet>().unwrap()).collect()
}

fn found(networks: &Networks, address: &str) -> Option<String> {
    networks.find(address.parse().unwrap()).map(|found| format!("{} at {}", found.network, found.place))
}

#[test]
fn the_narrowest_network_is_found() {
    let list = networks(&[
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.3/32",
        "2001:db8::/32",
        "2001:db8:1::/48",
        "10.1.0.0/16",
        "::/0",
    ]);
    for (address, expected) in [
        ("10.0.0.1", Some("10.0.0.0/8 at 1")),
        ("10.255.255.255", Some("10.0.0.0/8 at 1")),
        ("11.0.0.0", None),
        ("9.255.255.255", None),
        // It stands there twice.
        ("10.1.0.1", Some("10.1.0.0/16 at 2")),
        ("10.1.2.3", Some("10.1.2.3/32 at 3")),
        ("10.1.2.4", Some("10.1.0.0/16 at 2")),
        ("::ffff:10.1.2.3", Some("10.1.2.3/32 at 3")),
        ("2001:db8::1", Some("2001:db8::/32 at 4")),
        ("2001:db8:1::1", Some("2001:db8:1::/48 at 5")),
        ("2001:db9::1", Some("::/0 at 7")),
        // What holds for all of IPv6 does not for IPv4.
        ("::ffff:11.0.0.1", None),
    ] {
        assert_eq!(found(&list, address).as_deref(), expected, "{address}");
    }
    assert_eq!(list.len(), 6);
    assert_eq!(found(&Networks::default(), "10.0.0.1"), None);
}

#[test]
fn a_list_has_comments_and_empty_lines() {
    let text = "\u{feff}# ours\r\n10.0.0.0/8\r\n\r\n  192.0.2.1\t# the gate # way\n\n2001:db8::/32";
    let list = parse(text.as_bytes()).unwrap();
    assert_eq!(found(&list, "10.0.0.1").as_deref(), Some("10.0.0.0/8 at 2"));
    assert_eq!(found(&list, "192.0.2.1").as_deref(), Some("192.0.2.1/32 at 4"));
    assert_eq!(found(&list, "2001:db8::1").as_deref(), Some("2001:db8::/32 at 6"));
    assert_eq!(parse(b"").unwrap().len(), 0);
    assert_eq!(parse(b"# caf\xe9\n10.0.0.1").unwrap().len(), 1);
}

#[test]
fn faults_of_a_list_have_their_places() {
    let text = "10.0.0.0/8\n  10.0.0.1/8 # host bits\n\u{e9}\n10.0.0.2 10.0.0.3\n";
    let Err(ListErrorKind::Faulty { text: kept, faults, count }) =
        parse(&[text.as_bytes(), b"\xff"].concat())
    else {
        panic!("no fault");
    };
    assert_eq!(count, 4);
    let marked: Vec<&str> = faults.iter().map(|fault| &kept[fault.span.clone()]).collect();
    assert_eq!(marked[..3], ["10.0.0.1/8", "\u{e9}", "10.0.0.2 10.0.0.3"]);
    assert!(faults[0].reason.contains("\"10.0.0.0/8\" for the network"));

    let Err(ListErrorKind::Faulty { faults, count, .. }) = parse("x\n".repeat(1000).as_bytes()) else {
        panic!("no fault");
    };
    assert_eq!((faults.len(), count), (MOST_FAULTS, 1000));
}

/// Networks that often lie within each other.
fn some_network() -> impl Strategy<Value = IpNet> {
    let v4 = (any::<u32>(), 0..=32u8).prop_map(|(bits, length)| {
        IpNet::V4(Ipv4Net::new((bits & 0xC1FF_0103).into(), length).unwrap().trunc())
    });
    let v6 = (any::<u128>(), 0..=128u8).prop_map(|(bits, length)| {
        let bits = bits & 0xC001_0000_0000_0000_0300_0000_0000_0103;
        IpNet::V6(Ipv6Net::new(bits.into(), length).unwrap().trunc())
    });
    prop_oneof![v4, v6]
}

/// Some that lie in a network of the list, and some that may not.
fn some_address() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::V4((bits & 0xC1FF_0103).into()));
    let mapped = any::<u32>()
        .prop_map(|bits| IpAddr::V6(std::net::Ipv4Addr::from(bits & 0xC1FF_0103).to_ipv6_mapped()));
    let v6 =
        any::<u128>().prop_map(|bits| IpAddr::V6((bits & 0xC001_0000_0000_0000_0300_0000_0000_0103).into()));
    prop_oneof![v4, mapped, v6]
}

proptest! {
    /// Against asking every network of the list.
    #[test]
    fn it_finds_what_a_look_at_each_finds(
        list in prop::collection::vec(some_network(), 0..60),
        addresses in prop::collection::vec(some_address(), 1..40),
    ) {
        let networks: Networks = list.iter().copied().collect();
        for address in addresses {
            let bare = address.to_canonical();
            let within = list.iter().filter(|network| network.contains(&bare));
            let narrowest = within.max_by_key(|network| network.prefix_len()).copied();
            let found = networks.find(address);
            prop_assert_eq!(found.map(|found| found.network), narrowest);
            if let Some(Found { network, place }) = found {
                let first = list.iter().position(|one| *one == network).unwrap();
                prop_assert_eq!(place, first + 1);
            }
        }
    }

    /// Whatever is in a file, it is a list or its faults have places in it.
    #[test]
    fn any_bytes_are_a_list_or_have_faults(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(ListErrorKind::Faulty { text, faults, .. }) = parse(&bytes) {
            for fault in faults {
                prop_assert!(text.get(fault.span).is_some_and(|marked| !marked.is_empty()));
            }
        }
    }
}
