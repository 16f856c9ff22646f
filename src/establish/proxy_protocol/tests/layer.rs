//! The layer in front of a connection.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::config::ClientFull;
use crate::establish::{Cause, Facts, establish};
use crate::listener::Credentials;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

fn trusting(trusted: &[&str]) -> ProxyProtocol {
    let trusted = trusted.iter().map(|text| match *text {
        "unix" => Trusted::Unix,
        network => Trusted::Network(network.parse().unwrap()),
    });
    ProxyProtocol { trusted: trusted.collect() }
}

fn peer(address: &str) -> Peer {
    Peer(Address::Tcp(address.parse().unwrap()))
}

/// Takes the layer off a connection from a trusted peer, which sends these bytes and ends; tells what is left.
async fn taken_off(pieces: &[&[u8]]) -> Result<(Layered, Vec<u8>), Cause> {
    let (mut client, server) = duplex(1 << 20);
    let establishing = establishing(server);
    let sending = async {
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            // Until the other side waits for more.
            tokio::task::yield_now().await;
        }
        drop(client);
    };
    let (established, ()) = tokio::join!(establishing, sending);
    let mut layered = established?;
    let mut rest = Vec::new();
    layered.stream.read_to_end(&mut rest).await.unwrap();
    Ok((layered, rest))
}

async fn establishing(server: DuplexStream) -> Result<Layered, Cause> {
    let layers: [Box<dyn Layer>; 1] = [Box::new(trusting(&["10.0.0.0/8"]))];
    let stream = Stream::Boxed(Box::new(server));
    let peer = peer("10.1.2.3:7");
    let layered = Layered { stream, peer, facts: Facts::default() };
    let established =
        establish(layered, &layers, tokio::time::Instant::now(), None, ClientFull::Close, |_| Ok(())).await;
    established.map_err(|error| {
        assert_eq!(error.step, Step::Proxy);
        error.cause
    })
}

#[test]
fn whom_it_expects_a_header_of() {
    let layer = trusting(&["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "unix"]);
    for (address, expected) in [
        ("10.255.255.255:1", true),
        ("11.0.0.0:1", false),
        ("192.0.2.7:1", true),
        ("192.0.2.8:1", false),
        ("[2001:db8::1]:1", true),
        ("[2001:db9::1]:1", false),
        ("[::a00:1]:1", false),
    ] {
        assert_eq!(layer.expects(peer(address)), expected, "{address}");
    }
    let credentials = Credentials { user: 0, group: 0, process: None };
    assert!(layer.expects(Peer(Address::Unix(Some(credentials)))));
    assert!(!trusting(&["0.0.0.0/0", "::/0"]).expects(Peer(Address::Unix(None))));
    assert!(!layer.expects(Peer(Address::Unnamed)));
}

#[tokio::test]
async fn not_a_byte_too_many_is_read() {
    let v2 = ProxyHeader::new(ip("192.0.2.1:56324", "198.51.100.2:443"));
    let v2 = v2.with_tlv(0xe0, &[7; 30_000]).unwrap().with_checksum().unwrap().encode(ProxyVersion::V2);
    for header in [LINE, &v2, &ProxyHeader::local().encode(ProxyVersion::V2), b"PROXY UNKNOWN\r\n"] {
        let all = [header, b"\r\nfirst"].concat();
        for piece in [1, 2, 3, 7, 16, 1000, all.len()] {
            let pieces: Vec<&[u8]> = all.chunks(piece).collect();
            let (layered, rest) = taken_off(&pieces).await.unwrap();
            assert_eq!(rest, b"\r\nfirst", "{piece} at a time");
            let facts = layered.facts;
            assert_eq!(facts.is_probe(), header[12] == 0x20);
            let named = facts.client.map(|client| client.to_string());
            let expected = (header.len() > 16).then(|| "192.0.2.1:56324".to_owned());
            assert_eq!(named, expected);
        }
    }
}

#[tokio::test]
async fn of_whoever_is_not_trusted_nothing_is_read() {
    let (mut client, server) = duplex(1024);
    client.write_all(LINE).await.unwrap();
    drop(client);
    let layered = Layered {
        stream: Stream::Boxed(Box::new(server)),
        peer: peer("192.0.2.200:7"),
        facts: Facts::default(),
    };
    let mut layered = trusting(&["10.0.0.0/8"]).take_off(layered).await.unwrap();
    assert!(layered.facts.client.is_none() && layered.facts.proxy.is_none());
    let mut rest = Vec::new();
    layered.stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, LINE);
}

#[tokio::test]
async fn what_is_none_says_why() {
    for (bytes, said) in [
        (
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            "no PROXY header: the first bytes are an HTTP request: `GET / HTTP/1.1\\r`",
        ),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "no PROXY header: the first bytes are a TLS hello"),
        (b"PROXY TCP4 192.0.2.1", "no PROXY header: the connection ended after 20 bytes of it"),
        (b"PROXY TCP4 192.0.2.1 x 1 2\r\n", "bad PROXY header: `x` is no address of IPv4"),
    ] {
        match taken_off(&[bytes]).await {
            Err(Cause::Failed(error)) => assert_eq!(error.to_string(), said),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("{}", bytes.escape_ascii()),
        }
    }
    assert!(matches!(taken_off(&[]).await, Err(Cause::Left)));
}
