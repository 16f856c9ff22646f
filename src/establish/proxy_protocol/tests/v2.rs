//! Version 2.

use super::*;
use crate::establish::proxy_protocol::tlv;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header with these bytes behind the signature, and so many announced as there are.
fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

/// 192.0.2.1:7 to 192.0.2.2:9.
const IPV4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0, 7, 0, 9];

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

fn with(tlvs: &[u8]) -> Vec<u8> {
    header(0x21, 0x11, &[&IPV4, tlvs].concat())
}

#[test]
fn every_kind_of_address() {
    let ends = ip("192.0.2.1:7", "192.0.2.2:9");
    let bytes = [&header(0x21, 0x11, &IPV4)[..], b"\r\n\r\n"].concat();
    let (tcp, rest) = read(&bytes);
    assert_eq!((tcp.version(), tcp.addresses(), tcp.is_datagram()), (ProxyVersion::V2, &ends, false));
    assert_eq!(rest, b"\r\n\r\n");
    assert_eq!(tcp.client().unwrap().to_string(), "192.0.2.1:7");

    let bytes = header(0x21, 0x12, &IPV4);
    let (udp, _) = read(&bytes);
    assert_eq!((udp.addresses(), udp.is_datagram()), (&ends, true));

    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 7, 9);
    assert_eq!(*read(&header(0x21, 0x21, &v6)).0.addresses(), ip("[::1]:7", "[::2]:9"));

    let mut unix = [0; 216];
    unix[108..108 + 13].copy_from_slice(b"/run/app.sock");
    let bytes = header(0x21, 0x31, &unix);
    let (unix_header, _) = read(&bytes);
    let destination = b"/run/app.sock".to_vec();
    assert_eq!(*unix_header.addresses(), ProxyAddresses::Unix { source: Vec::new(), destination });
    assert_eq!(unix_header.client().unwrap().to_string(), "unix");
    // Names in the kernel, to the last byte.
    unix[..108].copy_from_slice(&[&[0][..], &[b'x'; 107]].concat());
    let ProxyAddresses::Unix { source, .. } = read(&header(0x21, 0x32, &unix)).0.addresses().clone() else {
        panic!("no Unix socket")
    };
    assert_eq!(source.len(), 108);
}

#[test]
fn what_has_no_addresses_is_the_peers_own() {
    // UNSPEC, with nothing, with something that nobody can read, and with a list.
    let list = tlv(tlv::AUTHORITY, b"example.com");
    for (body, authority) in [(&b""[..], None), (b"\x01\xff\xffjunk", None), (&list, Some("example.com"))] {
        let bytes = header(0x21, 0x00, body);
        let (header, _) = read(&bytes);
        assert_eq!((header.client(), header.is_local()), (None, false));
        assert_eq!(header.authority(), authority);
    }
    // A family that is known, a protocol that is not, and the other way round.
    for family in [0x10, 0x01, 0x02] {
        let bytes = header(0x21, family, &[&IPV4[..], &tlv(tlv::NETNS, b"blue")].concat());
        let (header, _) = read(&bytes);
        assert_eq!(*header.addresses(), ProxyAddresses::Unknown);
    }
}

#[test]
fn of_a_local_one_all_else_is_ignored() {
    for (family, body) in [(0x00, &b""[..]), (0x11, &IPV4), (0xff, b"junk"), (0x11, b"cut")] {
        let bytes = header(0x20, family, body);
        let (header, _) = read(&bytes);
        assert!(header.is_local());
        assert_eq!((header.client(), header.tlvs().count()), (None, 0));
    }
}

#[test]
fn what_is_wrong_is_said_at_once() {
    for (bytes, said) in [
        // As soon as the byte is there.
        ([SIGNATURE, b"\x11"].concat(), "it is of version 1"),
        ([SIGNATURE, b"\x31"].concat(), "it is of version 3"),
        ([SIGNATURE, b"\x22"].concat(), "its command is 2"),
        ([SIGNATURE, b"\x21\x41"].concat(), "there is no address family 4"),
        ([SIGNATURE, b"\x21\x13"].concat(), "there is no transport protocol 3"),
        (b"\r\n\r\n\0\r\nQUIET\n".to_vec(), "the first bytes are `\\r\\n\\r\\n\\x00\\r\\nQUIET\\n`"),
        (header(0x21, 0x11, &IPV4[..11]), "addresses of IPv4 take 12 bytes, and it has 11"),
        (header(0x21, 0x21, &[0; 35]), "addresses of IPv6 take 36 bytes, and it has 35"),
        (header(0x21, 0x31, &[0; 215]), "addresses of Unix sockets take 216 bytes, and it has 215"),
        (with(b"\x02"), "TLV 0x02 is cut off"),
        (with(b"\x02\0\x05exam"), "TLV 0x02 is cut off"),
        (with(&tlv(tlv::SSL, b"\x01\0\0\0")), "TLV 0x20 is cut off"),
        (with(&tlv(tlv::SSL, b"\x01\0\0\0\0\x21\0\x09TLSv1.3")), "TLV 0x21 is cut off"),
        (with(&tlv(tlv::UNIQUE_ID, &[b'x'; 129])), "a unique id has 128 bytes at most, and this one 129"),
        (with(&tlv(tlv::CRC32C, b"xyz")), "a checksum has 4 bytes, and this one 3"),
        (with(&tlv(tlv::CRC32C, &[0; 4])), "its checksum is 0x00000000, and its bytes make 0x"),
    ] {
        let found = refused(&bytes);
        assert!(found.contains(said), "{}: {found}", bytes.escape_ascii());
    }
}

#[test]
fn everything_that_a_header_may_say() {
    let ssl = [
        &b"\x07\0\0\0\0"[..],
        &tlv(tlv::SSL_VERSION, b"TLSv1.3"),
        &tlv(tlv::SSL_CN, b"client.example"),
        &tlv(tlv::SSL_CIPHER, b"TLS_AES_256_GCM_SHA384"),
        &tlv(tlv::SSL_SIG_ALG, b"RSA-SHA256"),
        &tlv(tlv::SSL_KEY_ALG, b"RSA2048"),
    ]
    .concat();
    let mut made = ProxyHeader::new(ip("192.0.2.1:7", "192.0.2.2:9"));
    for (kind, value) in [
        (tlv::ALPN, &b"h2"[..]),
        (tlv::AUTHORITY, b"example.com"),
        (tlv::NOOP, b"...."),
        (tlv::UNIQUE_ID, &[0xff; 128]),
        (tlv::SSL, &ssl),
        (tlv::NETNS, b"blue"),
        (0xea, b"vpce-08d2bf15fac5001c9"),
    ] {
        made = made.with_tlv(kind, value).unwrap();
    }
    let made = made.with_checksum().unwrap();
    let bytes = made.encode(ProxyVersion::V2);
    let (header, _) = read(&bytes);
    assert_eq!(header.alpn(), Some(&b"h2"[..]));
    assert_eq!(header.authority(), Some("example.com"));
    assert_eq!(header.unique_id(), Some(&[0xff; 128][..]));
    assert_eq!(header.netns(), Some("blue"));
    assert_eq!(header.tlv(0xea), Some(&b"vpce-08d2bf15fac5001c9"[..]));
    assert_eq!(header.tlvs().count(), 7, "with its checksum, without what fills up");
    let ssl = header.ssl().unwrap();
    assert!(ssl.is_tls() && ssl.has_certificate() && ssl.had_certificate() && ssl.is_verified());
    assert_eq!((ssl.version(), ssl.common_name()), (Some("TLSv1.3"), Some("client.example")));
    assert_eq!(ssl.cipher(), Some("TLS_AES_256_GCM_SHA384"));
    assert_eq!((ssl.signature_algorithm(), ssl.key_algorithm()), (Some("RSA-SHA256"), Some("RSA2048")));

    // Whatever bit of it is turned, the checksum tells, or something before it: but where that leaves no checksum.
    for bit in 0..bytes.len() * 8 {
        let mut turned = bytes.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Parsed::Complete(header, _)) = parse(&turned) {
            assert_eq!(header.tlv(tlv::CRC32C), None, "bit {bit}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_good() {
    for (client, verify, verified) in
        [(7, 0, true), (7, 20, false), (4, 0, true), (1, 0, false), (0, 0, false)]
    {
        let bytes = with(&tlv(tlv::SSL, &[client, 0, 0, 0, verify]));
        assert_eq!(read(&bytes).0.ssl().unwrap().is_verified(), verified, "{client} {verify}");
    }
}

#[test]
fn the_longest_that_can_be() {
    let list = [tlv(0xe0, &vec![1; 65_000]), tlv(0xe1, &[2; 65_535 - 12 - 65_000 - 6])].concat();
    let bytes = with(&list);
    assert_eq!(bytes.len(), 16 + 65_535);
    let (header, _) = read(&bytes);
    assert_eq!(header.tlv(0xe0).map(<[u8]>::len), Some(65_000));
    assert!(header.clone().with_tlv(0xe2, b"").is_err());
    assert!(header.with_checksum().is_err());
}

#[test]
fn what_no_receiver_would_take_is_not_made() {
    let header = ProxyHeader::local();
    for (kind, value) in [(tlv::CRC32C, &[0; 4][..]), (tlv::UNIQUE_ID, &[0; 129]), (tlv::SSL, b"\x01")] {
        assert_eq!(header.clone().with_tlv(kind, value), Err(ProxyTlvError::Malformed(kind)));
    }
    assert_eq!(header.clone().with_tlv(1, &vec![0; 65_536]), Err(ProxyTlvError::NoRoom(65_539)));
    let twice = header.with_checksum().unwrap().with_checksum().unwrap();
    assert_eq!(twice.tlvs().count(), 1);
}
