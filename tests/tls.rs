//! TLS over sockets: certificates that change under load, what a file that names the wrong ones is told, health.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/pki.rs"]
mod pki;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use terima::{Connection, Framing, Server, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use common::within;
use pki::{Authority, Issued};

/// A listener with the certificate that stands beside it.
fn listener(keys: &str) -> String {
    common::listener("echo", "echo", &format!("codec = \"lines\"\ntls.certificate = \"server.pem\"\n{keys}"))
}

/// A client that trusts the authority.
fn client(authority: &Authority) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// Makes a handshake and has a line echoed; tells the certificate that was shown.
async fn talk(client: &TlsConnector, address: SocketAddr) -> std::io::Result<CertificateDer<'static>> {
    let stream = TcpStream::connect(address).await?;
    let mut stream = client.connect("server.test".try_into().unwrap(), stream).await?;
    stream.write_all(b"halo\n").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"halo\n");
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    stream.shutdown().await?;
    Ok(shown)
}

/// Puts a pair in the place of the one that is there, as who renews certificates does: key and certificate one after the other.
fn put(issued: &Issued, folder: &Path) {
    issued.write(folder, "next");
    fs::rename(folder.join("next.key"), folder.join("server.key")).unwrap();
    fs::rename(folder.join("next.pem"), folder.join("server.pem")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_and_no_handshake_fails() {
    const CLIENTS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test CA");
    put(&authority.issue(&["server.test"]), folder.path());
    let file = folder.path().join("server.toml");
    fs::write(&file, listener("tls.key = \"server.key\"")).unwrap();
    let server = Server::builder().load(&file).unwrap().start().await.unwrap();
    let address = server.addresses("echo")[0];

    let connector = client(&authority);
    let (done, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (connector, done, made) = (connector.clone(), Arc::clone(&done), Arc::clone(&made));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    talk(&connector, address).await.unwrap();
                    made.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let before = talk(&connector, address).await.unwrap();
        put(&authority.issue(&["server.test"]), folder.path());
        let after = made.load(Ordering::Relaxed) + 2 * CLIENTS;
        within("the new certificate", async { while talk(&connector, address).await.unwrap() == before {} })
            .await;
        within("handshakes with it", async {
            while made.load(Ordering::Relaxed) < after {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    done.store(true, Ordering::Relaxed);
    for client in load {
        client.await.unwrap();
    }
    let text = server.metrics();
    let expiry = "terima_tls_certificate_expiry_seconds{listener=\"echo\",certificate=";
    assert!(text.lines().any(|line| line.starts_with(expiry)), "{text}");
    server.shutdown().await;
}

/// The file, the line and the key, and what to do.
#[test]
fn what_is_wrong_with_a_file_is_told_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test CA");
    authority.issue(&["server.test"]).write(folder.path(), "server");
    authority.issue(&["other.test"]).write(folder.path(), "other");
    let file = folder.path().join("server.toml");
    fs::write(
        &file,
        listener("tls.key = \"other.key\"\ntls.client_auth = \"required\"\ntls.client_ca = \"nowhere.pem\""),
    )
    .unwrap();
    let problems = Server::builder().load(&file).unwrap_err();
    let told: Vec<_> = problems.iter().map(|problem| (problem.line(), problem.help().is_some())).collect();
    assert_eq!(told, [(Some(7), true), (Some(9), true)], "{problems}");
    let text = problems.to_string();
    assert!(text.contains("other.key is not the key of the first certificate in"), "{text}");
    assert!(text.contains("nowhere.pem cannot be read"), "{text}");
}

/// A listener that wants a certificate of its clients is as well as one that does not; one that does not speak TLS is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_makes_a_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test CA");
    authority.issue(&["server.test"]).write(folder.path(), "server");
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let file = folder.path().join("server.toml");
    let own = "tls.key = \"server.key\"\n";
    let wants = "tls.client_auth = \"required\"\ntls.client_ca = \"ca.pem\"\n";
    for (keys, asked, healthy) in
        [(own.to_owned(), own, true), (format!("{own}{wants}"), own, true), (String::new(), own, false)]
    {
        let served = if keys.is_empty() {
            common::listener("echo", "echo", "codec = \"lines\"")
        } else {
            listener(&keys)
        };
        fs::write(&file, served).unwrap();
        let server = Server::builder().load(&file).unwrap().start().await.unwrap();
        let port = server.addresses("echo")[0].port();
        fs::write(&file, listener(asked).replace("127.0.0.1:0", &format!("127.0.0.1:{port}"))).unwrap();
        let file = file.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_terima"));
            command.arg("health").arg("--config").arg(file).output().unwrap()
        });
        let answer = asked.await.unwrap();
        assert_eq!(answer.status.success(), healthy, "{}", String::from_utf8_lossy(&answer.stderr));
        server.shutdown().await;
    }
}

/// What a handler of one's own knows of its client.
#[tokio::test]
async fn a_handler_asks_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test CA");
    authority.issue(&["server.test"]).write(folder.path(), "server");
    let file = folder.path().join("server.toml");
    let text = listener("tls.key = \"server.key\"").replace("handler = \"echo\"", "handler = \"who\"");
    fs::write(&file, text).unwrap();
    let who = |_: terima::NoOptions| {
        Ok(handler_fn(|mut conn: Connection<Framing>| async move {
            let said = match conn.info().tls() {
                Some(tls) => format!("{} {}", tls.version(), tls.server_name().unwrap_or("-")),
                None => "nothing".to_owned(),
            };
            Ok(conn.send(said).await?)
        }))
    };
    let server = Server::builder().handler("who", who).load(&file).unwrap().start().await.unwrap();
    let stream = TcpStream::connect(server.addresses("echo")[0]).await.unwrap();
    let mut stream = client(&authority).connect("server.test".try_into().unwrap(), stream).await.unwrap();
    let mut said = String::new();
    within("the answer", stream.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said, "1.3 server.test\n");
    drop(stream);
    server.shutdown().await;
}
