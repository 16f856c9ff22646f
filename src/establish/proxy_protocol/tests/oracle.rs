//! Held against `proxy-header`, a parser of others: what one writes, the other reads.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use proptest::collection::vec;
use proptest::prelude::*;
use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader as Theirs, SslInfo, Tlv};

use super::*;

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
}

/// Two of one family: the other parser knows no others.
fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    (address(), address()).prop_filter("of two families", |(from, to)| from.is_ipv4() == to.is_ipv4())
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn theirs_tlv() -> impl Strategy<Value = Tlv<'static>> {
    prop_oneof![
        bytes(20).prop_map(|value| Tlv::Alpn(Cow::Owned(value))),
        "[a-z.]{0,20}".prop_map(|value| Tlv::Authority(Cow::Owned(value))),
        (0..20_usize).prop_map(Tlv::Noop),
        bytes(127).prop_map(|value| Tlv::UniqueId(Cow::Owned(value))),
        "[a-z]{0,20}".prop_map(|value| Tlv::Netns(Cow::Owned(value))),
        (any::<[bool; 3]>(), any::<u32>())
            .prop_map(|([tls, conn, sess], verify)| { Tlv::Ssl(SslInfo::new(tls, conn, sess, verify)) }),
        (0xe0..0xef_u8, bytes(40)).prop_map(|(kind, value)| Tlv::Custom(kind, Cow::Owned(value))),
    ]
}

proptest! {
    #[test]
    fn what_they_write_is_read(
        (source, destination) in ends(),
        datagram in any::<bool>(),
        tlvs in vec(theirs_tlv(), 0..6),
        rest in bytes(40),
    ) {
        let ends = match datagram {
            true => ProxiedAddress::datagram(source, destination),
            false => ProxiedAddress::stream(source, destination),
        };
        let mut theirs = Theirs::with_address(ends);
        for tlv in tlvs {
            theirs.append_tlv(tlv);
        }
        let mut written = Vec::new();
        theirs.encode_v2(&mut written).unwrap();
        written.extend(&rest);
        let (ours, follows) = read(&written);
        prop_assert_eq!(follows, &rest);
        prop_assert_eq!(ours.addresses(), &ProxyAddresses::Ip { source, destination });
        prop_assert_eq!(ours.is_datagram(), datagram);
        prop_assert_eq!(ours.alpn(), theirs.alpn());
        prop_assert_eq!(ours.authority(), theirs.authority());
        prop_assert_eq!(ours.netns(), theirs.netns());
        prop_assert_eq!(ours.unique_id(), theirs.unique_id());
        let ssl = ours.ssl().map(|ssl| (ssl.is_tls(), ssl.has_certificate(), ssl.had_certificate()));
        let their_ssl = theirs.ssl();
        prop_assert_eq!(
            ssl,
            their_ssl.map(|ssl| (ssl.client_ssl(), ssl.client_cert_conn(), ssl.client_cert_sess()))
        );

        if !datagram {
            let mut line = Vec::new();
            Theirs::with_address(ProxiedAddress::stream(source, destination)).encode_v1(&mut line).unwrap();
            let (ours, _) = read(&line);
            prop_assert_eq!(ours.addresses(), &ProxyAddresses::Ip { source, destination });
        }
    }

    #[test]
    fn what_is_written_they_read(
        (source, destination) in ends(),
        alpn in bytes(20),
        checksum in any::<bool>(),
    ) {
        let mut ours = ProxyHeader::new(ProxyAddresses::Ip { source, destination }).with_tlv(1, &alpn).unwrap();
        if checksum {
            ours = ours.with_checksum().unwrap();
        }
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let written = ours.encode(version);
            let (theirs, length) = Theirs::parse(&written, ParseConfig::default()).unwrap();
            prop_assert_eq!(length, written.len());
            let ends = theirs.proxied_address().unwrap();
            prop_assert_eq!((ends.source, ends.destination), (source, destination));
            if version == ProxyVersion::V2 {
                prop_assert_eq!(theirs.alpn(), Some(&alpn[..]));
                prop_assert_eq!(theirs.crc32c().is_some(), checksum);
            }
        }
        let written = ours.encode(ProxyVersion::V2);
        let (again, _) = read(&written);
        prop_assert_eq!(again.addresses(), ours.addresses());
    }

    /// What ours takes, theirs takes as well, but for what only ours knows: paths of Unix sockets, and lines of UNKNOWN.
    #[test]
    fn of_bytes_at_random_both_think_the_same(
        seed in prop_oneof![
            ends().prop_map(|(source, destination)| {
                let header = ProxyHeader::new(ProxyAddresses::Ip { source, destination });
                header.with_tlv(2, b"example.com").unwrap().encode(ProxyVersion::V2)
            }),
            ends().prop_map(|(source, destination)| {
                ProxyHeader::new(ProxyAddresses::Ip { source, destination }).encode(ProxyVersion::V1)
            }),
        ],
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = seed;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fuzzed::proxy_header(&bytes);
        let ours = parse(&bytes);
        let theirs = Theirs::parse(&bytes, ParseConfig::default());
        if let (Ok(Parsed::Complete(ours, length)), Ok((theirs, their_length))) = (&ours, &theirs) {
            prop_assert_eq!(length, their_length);
            if let (Some(source), Some(ends)) = (ours.source(), theirs.proxied_address()) {
                prop_assert_eq!((source, ours.destination()), (ends.source, Some(ends.destination)));
            }
        }
    }

    #[test]
    fn nothing_breaks_it(bytes in bytes(300), v2 in any::<bool>()) {
        fuzzed::proxy_header(&bytes);
        let signature: &[u8] = if v2 { b"\r\n\r\n\0\r\nQUIT\n" } else { b"PROXY TCP" };
        fuzzed::proxy_header(&[signature, &bytes].concat());
    }
}
