//! What comes of a handshake.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However few bytes come at once.
    #[test]
    fn it_is_made_over_any_pieces(piece in 1_usize..600) {
        let files = Files::new();
        let server = read(&files.config());
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let client = Arc::new(files.client());
        let (made, client) = runtime.block_on(shake_over(piece, &server, &client, "server.test"));
        prop_assert_eq!(made.unwrap().1.version(), "1.3");
        prop_assert!(client.is_ok());
    }
}

#[tokio::test]
async fn it_tells_what_was_agreed_on() {
    let files = Files::new();
    let server = read(&TlsConfig { alpn: vec!["one".to_owned(), "two".to_owned()], ..files.config() });
    for (version, text, cipher) in [
        (&rustls::version::TLS13, "1.3", "TLS_AES_256_GCM_SHA384"),
        (&rustls::version::TLS12, "1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let mut client = files.client_with(None, &[version]);
        client.alpn_protocols = vec![b"two".to_vec(), b"three".to_vec()];
        let (made, _) = shake(&server, client, "SERVER.test").await;
        let (_, info) = made.unwrap();
        assert_eq!((info.version(), info.cipher()), (text, cipher));
        assert_eq!((info.server_name(), info.alpn()), (Some("server.test"), Some("two")));
        assert!(!info.is_resumed() && info.client_certificate().is_none());
    }
}

#[tokio::test]
async fn what_is_not_spoken_is_refused() {
    let files = Files::new();
    let server =
        read(&TlsConfig { alpn: vec!["one".to_owned()], min_version: TlsVersion::V1_3, ..files.config() });
    let old = files.client_with(None, &[&rustls::version::TLS12]);
    let (made, client) = shake(&server, old, "server.test").await;
    assert_eq!(said(made), "the client speaks no version of TLS that is spoken here");
    assert!(client.unwrap_err().to_string().contains("received fatal alert"));

    let mut other = files.client();
    other.alpn_protocols = vec![b"two".to_vec()];
    let (made, client) = shake(&server, other, "server.test").await;
    assert_eq!(said(made), "the client speaks none of the protocols that are spoken here (tls.alpn)");
    assert!(client.is_err());
    // Who offers none is served.
    assert!(shake(&server, files.client(), "server.test").await.0.is_ok());
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_is_told_from_others() {
    let files = Files::new();
    let others = Files { authority: Authority::new("Other CA"), ..Files::new() };
    let server = read(&files.config());
    let (made, _) = shake(&server, others.client(), "server.test").await;
    let said = said(made);
    assert!(said.starts_with("the client refused the certificate that it was shown"), "{said}");
}

#[tokio::test]
async fn a_client_comes_back_with_a_ticket() {
    let files = Files::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for tickets in [true, false] {
            let server = read(&TlsConfig { tickets, ..files.config() });
            let client = Arc::new(files.client_with(None, &[version]));
            for resumed in [false, tickets] {
                let (made, _) = shake_over(64 * 1024, &server, &client, "server.test").await;
                assert_eq!(made.unwrap().1.is_resumed(), resumed, "{version:?}, tickets {tickets}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_called_by_its_name() {
    let files = Files::new();
    let server = read(&files.config());
    let table: [(&[u8], &str); 7] = [
        (b"", "the client left before it sent anything"),
        (b"\x16\x03\x01\x02\x00\x01", "the client left in the middle of the TLS handshake"),
        (
            b"GET / HTTP/1.1\r\n\r\n",
            "the client sent an HTTP request in the clear, and this listener speaks TLS",
        ),
        (
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
            "the client sent a PROXY header, and no such is expected from its address: see proxy_protocol.trusted",
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
            "the client sent a PROXY header, and no such is expected from its address: see proxy_protocol.trusted",
        ),
        (b"hello, is anybody there?\n", "the client sent plain bytes, and this listener speaks TLS"),
        // A handshake of SSL 2.
        (
            b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00",
            "the client sent plain bytes, and this listener speaks TLS",
        ),
    ];
    for (sent, expected) in table {
        let (mut near, far) = duplex(1024);
        near.write_all(sent).await.unwrap();
        near.shutdown().await.unwrap();
        let made = server.handshake(Stream::Boxed(Box::new(far))).await;
        assert_eq!(said(made), expected, "{sent:?}");
    }
}
