//! Version 1.

use super::*;

#[test]
fn the_examples_of_the_specification() {
    let (header, rest) = read(
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n",
    );
    assert_eq!(header.version(), ProxyVersion::V1);
    assert_eq!(*header.addresses(), ip("192.168.0.1:56324", "192.168.0.11:443"));
    assert!(rest.starts_with(b"GET / "));

    // The longest lines that there are.
    let (header, rest) = read(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n");
    assert_eq!(*header.addresses(), ip("255.255.255.255:65535", "255.255.255.255:65535"));
    assert_eq!(rest, b"");
    let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let (header, _) = read(format!("PROXY TCP6 {long} {long} 65535 65535\r\n").as_bytes());
    assert_eq!(*header.addresses(), ip(&format!("[{long}]:65535"), &format!("[{long}]:65535")));
    for unknown in ["PROXY UNKNOWN\r\n".to_owned(), format!("PROXY UNKNOWN {long} {long} 65535 65535\r\n")] {
        let (header, _) = read(unknown.as_bytes());
        assert_eq!((header.addresses(), header.client()), (&ProxyAddresses::Unknown, None));
        assert!(!header.is_local());
    }
}

#[test]
fn addresses_and_ports_at_their_edges() {
    for (line, source, destination) in [
        ("TCP4 0.0.0.0 1.2.3.4 0 1", "0.0.0.0:0", "1.2.3.4:1"),
        ("TCP6 :: ::1 0 65535", "[::]:0", "[::1]:65535"),
        ("TCP6 2001:DB8::1 2001:db8:: 7 9", "[2001:db8::1]:7", "[2001:db8::]:9"),
        // As many a system writes it.
        ("TCP6 ::ffff:192.0.2.1 ::ffff:c000:202 7 9", "[::ffff:192.0.2.1]:7", "[::ffff:192.0.2.2]:9"),
    ] {
        let (header, _) = read(format!("PROXY {line}\r\n").as_bytes());
        assert_eq!(*header.addresses(), ip(source, destination), "{line}");
    }
    let (header, _) = read(b"PROXY TCP6 ::ffff:192.0.2.1 ::1 7 9\r\n");
    assert_eq!(header.client().unwrap().to_string(), "192.0.2.1:7", "one spelling for one address");
}

#[test]
fn what_is_wrong_is_said() {
    for (bytes, said) in [
        ("GET / HTTP/1.1\r\n", "the first bytes are an HTTP request: `GET / HTTP/1.1\\r\\n`"),
        ("PRI * HTTP/2.0\r\n", "the first bytes are an HTTP request: `PRI * HTTP/2.0\\r\\n`"),
        ("\x16\x03\x01\x02\0", "the first bytes are a TLS hello"),
        ("SSH-2.0-OpenSSH_9.2", "the first bytes are those of SSH: `SSH-2.0-OpenSSH_9.2`"),
        ("hello\x1b[2J\n", "the first bytes are `hello\\x1b[2J\\n`"),
        ("proxy TCP4 1.2.3.4", "the first bytes are `proxy TCP4 1.2.3.4`"),
        ("PROXY\tTCP4", "the first bytes are `PROXY\\tTCP4`"),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "`TCP5` is neither TCP4, TCP6 nor UNKNOWN"),
        ("PROXY UNKNOWNS\r\n", "`UNKNOWNS` is neither"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "with one space between: `TCP4 1.2.3.4 1.2.3.4 1`"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "with one space between"),
        ("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "with one space between"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "with one space between"),
        ("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", "`01.2.3.4` is no address of IPv4"),
        ("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", "`1.2.3.256` is no address of IPv4"),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", "`::1` is no address of IPv4"),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "`1.2.3.4` is no address of IPv6"),
        ("PROXY TCP6 fe80::1%1 ::1 1 2\r\n", "`fe80::1%1` is no address of IPv6"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "`01` is no port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "`+1` is no port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "`65536` is no port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "ends without CR and LF"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r \n", "ends without CR and LF"),
    ] {
        let found = refused(bytes.as_bytes());
        assert!(found.contains(said), "{}: {found}", bytes.escape_debug());
    }
    let line = format!("PROXY UNKNOWN {}", "x".repeat(93));
    assert_eq!(line.len(), 107);
    assert!(refused(line.as_bytes()).contains("longer than 107 bytes"));
    read(format!("{}\r\n", &line[..105]).as_bytes());
    refused(format!("{}\r\n", &line[..106]).as_bytes());
}

#[test]
fn what_is_written() {
    for (source, destination, line) in [
        ("192.0.2.1:7", "192.0.2.2:9", "PROXY TCP4 192.0.2.1 192.0.2.2 7 9\r\n"),
        ("[2001:db8::1]:7", "[::1]:9", "PROXY TCP6 2001:db8::1 ::1 7 9\r\n"),
        ("192.0.2.1:7", "[::1]:9", "PROXY TCP6 ::ffff:c000:201 ::1 7 9\r\n"),
    ] {
        let header = ProxyHeader::new(ip(source, destination));
        assert_eq!(header.encode(ProxyVersion::V1), line.as_bytes());
        fuzzed::proxy_header(line.as_bytes());
    }
    assert_eq!(ProxyHeader::local().encode(ProxyVersion::V1), b"PROXY UNKNOWN\r\n");
}
