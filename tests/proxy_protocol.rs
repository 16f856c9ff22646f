//! Connections that a proxy passes on: whom the service takes for the client, and what it makes of headers that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use terima::{
    Connection, Framing, HandlerError, NoOptions, ProxyAddresses, ProxyHeader, ProxyVersion, Server,
    handler_fn,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use common::{Client, ended, listener, on_both_runtimes, start};

const TRUSTED: &str = "codec = \"lines\"\nproxy_protocol.trusted = [\"127.0.0.1\"]";

const LINE: &str = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

/// Says whom it takes for the client, and what the header says, in front of each line.
fn whois(_: NoOptions) -> Result<impl terima::Handler<Codec = Framing>, HandlerError> {
    Ok(handler_fn(|mut conn: Connection<Framing>| async move {
        let info = conn.info();
        let header = info.proxy().map_or_else(
            || "no header".to_owned(),
            |header| {
                let authority = header.authority().unwrap_or("nothing");
                format!("{:?} for {authority} at {:?}", header.version(), header.destination())
            },
        );
        let said = format!("{} by {header}: ", info.client());
        while let Some(line) = conn.recv().await? {
            conn.send([said.as_bytes(), &line].concat()).await?;
        }
        Ok::<_, HandlerError>(())
    }))
}

async fn asked(server: &Server, listener: &str, header: &[u8]) -> String {
    let mut client = Client::connect(server.addresses(listener)[0]).await;
    client.send([header, b"hello\n"].concat()).await;
    client.finish().await;
    String::from_utf8(client.rest().await.unwrap()).unwrap()
}

fn ends() -> ProxyHeader {
    ProxyHeader::new(ProxyAddresses::Ip {
        source: "[2001:db8::1]:56324".parse().unwrap(),
        destination: "198.51.100.2:443".parse().unwrap(),
    })
}

on_both_runtimes! {
    async fn the_client_is_whom_the_header_names() {
        let server = start(Server::builder().handler("whois", whois), &listener("named", "whois", TRUSTED)).await;
        let said = asked(&server, "named", LINE.as_bytes()).await;
        assert_eq!(said, "192.0.2.1:56324 by V1 for nothing at Some(198.51.100.2:443): hello\n");
        let header = ends().with_tlv(0x02, b"example.com").unwrap().with_checksum().unwrap();
        let said = asked(&server, "named", &header.encode(ProxyVersion::V2)).await;
        assert_eq!(
            said,
            "[2001:db8::1]:56324 by V2 for example.com at Some([::ffff:198.51.100.2]:443): hello\n"
        );
        // It does not know, so the peer is as good a client as there is.
        let said = asked(&server, "named", b"PROXY UNKNOWN\r\n").await;
        assert!(said.starts_with("127.0.0.1:") && said.ends_with(" by V1 for nothing at None: hello\n"), "{said}");
    }

    async fn the_access_line_has_both() {
        let server = start(Server::builder(), &listener("both", "echo", TRUSTED)).await;
        let mut client = Client::connect(server.addresses("both")[0]).await;
        client.send(LINE).await;
        client.is_echoed("hello\n").await;
        let peer = client.address();
        drop(client);
        let line = ended("both", peer).await;
        assert_eq!((&line["peer"], &line["client"]), (peer.to_string().as_str(), "192.0.2.1:56324"));
        assert_eq!(&line["bytes_in"], "6", "the header is none of the client's");
    }

    async fn of_another_peer_it_is_not_looked_for() {
        let keys = "codec = \"lines\"\nproxy_protocol.trusted = [\"192.0.2.0/24\", \"unix\"]";
        let server = start(Server::builder().handler("whois", whois), &listener("other", "whois", keys)).await;
        let said = asked(&server, "other", LINE.as_bytes()).await;
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("127.0.0.1:"), "nobody may say who he is: {said}");
        assert!(lines[0].ends_with(" by no header: PROXY TCP4 192.0.2.1 198.51.100.2 56324 443"), "{said}");
    }

    async fn without_it_the_connection_ends_and_says_why() {
        let server = start(Server::builder(), &listener("without", "echo", TRUSTED)).await;
        for (bytes, error) in [
            ("GET / HTTP/1.1\r\n\r\n", "no PROXY header: the first bytes are an HTTP request: `GET / HTTP/1.1\\r`"),
            ("\x16\x03\x01\x02\0\x01\0\x01\u{7f}", "no PROXY header: the first bytes are a TLS hello"),
            ("PROXY TCP4 192.0.2.1 x 1 2\r\n", "bad PROXY header: `x` is no address of IPv4"),
        ] {
            let mut client = Client::connect(server.addresses("without")[0]).await;
            client.send(bytes).await;
            // Bytes that were not read make a reset of the end.
            let _ = client.rest().await;
            let line = ended("without", client.address()).await;
            assert_eq!((&line["reason"], &line["error"]), ("establish_proxy", error));
        }
    }

    async fn one_that_never_comes_is_not_waited_for() {
        let keys = format!("{TRUSTED}\ntimeouts.establish = \"100ms\"");
        let server = start(Server::builder(), &listener("never", "echo", &keys)).await;
        let mut client = Client::connect(server.addresses("never")[0]).await;
        client.send("PROXY TC").await;
        client.expect_end().await;
        assert_eq!(&ended("never", client.address()).await["reason"], "establish_proxy_timeout");
    }

    async fn whoever_only_looks_is_no_line_of_the_log() {
        let server = start(Server::builder(), &listener("probed", "echo", TRUSTED)).await;
        let address = server.addresses("probed")[0];
        // A check that sends a header of its own, and one that connects and goes.
        let mut check = Client::connect(address).await;
        check.send(ProxyHeader::local().encode(ProxyVersion::V2)).await;
        check.finish().await;
        check.expect_end().await;
        let glance = Client::connect(address).await;
        let peers = [check.address(), glance.address()];
        drop(glance);
        for peer in peers {
            let line = ended("probed", peer).await;
            assert_eq!((&line["reason"], line.level.as_str()), ("client_closed", "DEBUG"), "{line:?}");
            assert_eq!(&line["error"], "");
        }
        // One that talks to the service is a client.
        let mut client = Client::connect(address).await;
        client.send(LINE).await;
        client.is_echoed("hello\n").await;
        let peer = client.address();
        drop(client);
        assert_eq!(ended("probed", peer).await.level.as_str(), "INFO");
    }

    async fn the_socket_can_be_given_away_behind_it() {
        let gives = |_: NoOptions| {
            Ok(handler_fn(|conn: Connection<Framing>| async move {
                let client = conn.info().client();
                let mut socket = conn.into_raw().try_into_tcp().map_err(|_| "something lies between")?;
                let mut bytes = Vec::new();
                socket.read_to_end(&mut bytes).await?;
                socket.write_all(format!("{client}: ").as_bytes()).await?;
                socket.write_all(&bytes).await?;
                Ok::<_, HandlerError>(socket.shutdown().await?)
            }))
        };
        let keys = "proxy_protocol.trusted = [\"127.0.0.1\"]";
        let server = start(Server::builder().handler("gives", gives), &listener("gives", "gives", keys)).await;
        for header in [LINE.as_bytes().to_vec(), ends().encode(ProxyVersion::V2)] {
            let mut client = Client::connect(server.addresses("gives")[0]).await;
            client.send([&header[..], b"all of it"].concat()).await;
            client.finish().await;
            let said = String::from_utf8(client.rest().await.unwrap()).unwrap();
            assert!(said.ends_with(":56324: all of it"), "{said}");
        }
    }

    async fn a_byte_at_a_time() {
        let server = start(Server::builder().handler("whois", whois), &listener("slowly", "whois", TRUSTED)).await;
        let mut client = Client::connect(server.addresses("slowly")[0]).await;
        for byte in format!("{LINE}hello\n").bytes() {
            client.send([byte]).await;
            tokio::task::yield_now().await;
        }
        client.expect("192.0.2.1:56324 by V1").await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_peer_of_a_unix_socket_can_be_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxied.sock");
    let text = listener("unix", "whois", "codec = \"lines\"\nproxy_protocol.trusted = [\"unix\"]")
        .replace("127.0.0.1:0", &format!("unix:{}", path.display()));
    let _server = start(Server::builder().handler("whois", whois), &text).await;
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    client.write_all(format!("{LINE}hello\n").as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    let client: std::net::SocketAddr = "192.0.2.1:56324".parse().unwrap();
    assert!(said.starts_with(&client.to_string()), "{said}");
}

/// What is not a fault, but does nothing, is said and served.
#[tokio::test]
async fn a_listener_of_tcp_has_no_peers_of_unix_sockets() {
    let keys = "proxy_protocol.trusted = [\"unix\"]";
    let ready = Server::builder().parse(&listener("warned", "echo", keys)).unwrap();
    let [warning] = ready.warnings() else { panic!("one warning: {:?}", ready.warnings()) };
    assert!(warning.to_string().contains("this listener has not a Unix socket"), "{warning}");
}
