//! HAProxy in front of the service: headers of both versions, with all that it can tell, and its health checks.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use terima::{Connection, Framing, HandlerError, NoOptions, Server, handler_fn};
use tokio::process::Command;

use crate::command::ended;
use crate::peers::{Peer, client, exchange, free_port};
use crate::service::Service;

/// HAProxy with one door, and behind it a server.
struct Proxy {
    _haproxy: Peer,
    at: SocketAddr,
    _folder: TempDir,
}

impl Proxy {
    async fn start(server: SocketAddr, bind: &str, options: &str, folder: TempDir) -> Self {
        let at = free_port();
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen door\n bind {at} {bind}\n unique-id-format id-%[src_port]\n server one {server} {options}\n"
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let haproxy = Peer::start("haproxy", &["-db", "-f", file.to_str().unwrap()], at).await;
        Self { _haproxy: haproxy, at, _folder: folder }
    }
}

/// Says whom it takes for the client and what the header says, in a line, and ends.
async fn teller() -> Server {
    let tells = |_: NoOptions| {
        Ok(handler_fn(|mut conn: Connection<Framing>| async move {
            let info = conn.info();
            let header = info.proxy().ok_or("no header")?;
            let ssl = header.ssl();
            let said = format!(
                "{} {:?} to {:?} for {:?} by {:?}, id {:?}, checksum {}, TLS {:?} {:?} of {:?}\n",
                info.client(),
                header.version(),
                header.destination(),
                header.authority(),
                header.alpn().map(|alpn| alpn.escape_ascii().to_string()),
                header.unique_id().map(|id| id.escape_ascii().to_string()),
                header.tlv(3).is_some(),
                ssl.and_then(|ssl| ssl.version()),
                ssl.and_then(|ssl| ssl.cipher()),
                ssl.and_then(|ssl| ssl.common_name()),
            );
            Ok::<_, HandlerError>(conn.send(said).await?)
        }))
    };
    let text = "[[listener]]\nname = \"tells\"\naddress = \"127.0.0.1:0\"\nhandler = \"tells\"\n\
                proxy_protocol.trusted = [\"127.0.0.1\"]\n";
    Server::builder().handler("tells", tells).parse(text).unwrap().start().await.unwrap()
}

async fn told(bind: &str, options: &str) -> String {
    let server = teller().await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(server.addresses("tells")[0], bind, options, folder).await;
    let said = String::from_utf8(exchange(proxy.at, b"", 4096).await).unwrap();
    let (whom, rest) = said.split_once(' ').unwrap_or_else(|| panic!("{said:?}"));
    let whom: SocketAddr = whom.parse().unwrap();
    assert!(whom.ip().is_loopback() && whom != proxy.at, "{said}");
    rest.replace(&proxy.at.to_string(), "DOOR").replace(&whom.port().to_string(), "PORT")
}

#[tokio::test]
#[ignore = "needs haproxy: .ci/interop"]
async fn both_versions() {
    assert_eq!(
        told("", "send-proxy").await,
        "V1 to Some(DOOR) for None by None, id None, checksum false, TLS None None of None\n"
    );
    assert_eq!(
        told("", "send-proxy-v2").await,
        "V2 to Some(DOOR) for None by None, id None, checksum false, TLS None None of None\n"
    );
    assert_eq!(
        told("", "send-proxy-v2 proxy-v2-options crc32c,unique-id").await,
        "V2 to Some(DOOR) for None by None, id Some(\"id-PORT\"), checksum true, TLS None None of None\n"
    );
}

/// A key and a certificate that it signs itself, in one file as HAProxy wants it, and apart.
async fn certificate(folder: &Path, name: &str) {
    let [key, certificate] = ["key", "crt"].map(|kind| folder.join(format!("{name}.{kind}")));
    let made = ended(
        Command::new("openssl").args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]).args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            key.to_str().unwrap(),
            "-out",
            certificate.to_str().unwrap(),
        ]),
    )
    .await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let both = [fs::read(&certificate).unwrap(), fs::read(&key).unwrap()].concat();
    fs::write(folder.join(format!("{name}.pem")), both).unwrap();
}

#[tokio::test]
#[ignore = "needs haproxy and openssl: .ci/interop"]
async fn all_that_it_knows_of_tls() {
    let server = teller().await;
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "door.example").await;
    certificate(folder.path(), "client.example").await;
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (pem, ca, key) = (file("door.example.pem"), file("client.example.crt"), file("client.example.key"));
    let bind = format!("ssl crt {pem} ca-file {ca} verify required alpn hello/1");
    let options = "send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher";
    let proxy = Proxy::start(server.addresses("tells")[0], &bind, options, folder).await;
    let arguments = ["s_client", "-quiet", "-connect", &proxy.at.to_string(), "-servername", "shop.example"];
    let more = ["-alpn", "hello/1", "-cert", &ca, "-key", &key];
    let said = client("openssl", &[&arguments[..], &more].concat(), b"").await;
    let said = String::from_utf8(said).unwrap();
    for part in [
        " V2 to Some(",
        "for Some(\"shop.example\") by Some(\"hello/1\")",
        "id Some(\"id-",
        "checksum true",
        "TLS Some(\"TLSv1.3\") Some(\"TLS_AES_256_GCM_SHA384\") of Some(\"client.example\")",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[tokio::test]
#[ignore = "needs haproxy: .ci/interop"]
async fn its_health_checks_are_no_lines_of_the_log() {
    let text = "[log]\nlevel = \"debug\"\n[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\n\
                handler = \"echo\"\nproxy_protocol.trusted = [\"127.0.0.1\"]\n";
    let (mut service, at) = Service::start(text, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let options = "send-proxy-v2 check inter 50ms";
    let proxy = Proxy::start(at, "", options, folder).await;
    for _ in 0..5 {
        let event = service.event(|event| event["level"] != "DEBUG" || event["bytes_in"] == 0).await;
        // Whoever waits for HAProxy to listen is passed on too, and gone.
        if event["peer"] == event["client"] {
            assert_eq!(
                (&event["level"], &event["target"]),
                (&"DEBUG".into(), &"terima::access".into()),
                "{event}"
            );
        }
    }
    assert_eq!(exchange(proxy.at, b"hello", 5).await, b"hello");
    let line = service.event(|event| event["bytes_in"] == 5).await;
    assert_eq!((&line["level"], &line["reason"]), (&"INFO".into(), &"client_closed".into()), "{line}");
    assert_ne!(line["peer"], line["client"]);
}
