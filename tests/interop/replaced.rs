//! The pairs of docs/migrating.md: what is replaced, and what replaces it, answer the same.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::command::PATIENCE;
use crate::peers::{Peer, bytes, client, exchange, free_port};
use crate::service::Service;

/// Both answer the same to the same.
async fn same(before: (&str, &[&str], SocketAddr), after: &[&str], inputs: &[&[u8]]) {
    let (program, arguments, at) = before;
    let _before = Peer::start(program, arguments, at).await;
    let (_after, here) = Service::serve(after).await;
    for input in inputs {
        let theirs = exchange(at, input, usize::MAX).await;
        let ours = exchange(here, input, usize::MAX).await;
        assert!(theirs == ours, "{program}: {} bytes, {after:?}: {}", theirs.len(), ours.len());
    }
}

const INPUTS: [&[u8]; 3] = [b"", b"a line\r\n", b"no ending"];

#[tokio::test]
#[ignore = "needs socat: .ci/interop"]
async fn an_echo_of_socat() {
    for address in ["PIPE", "EXEC:cat"] {
        let at = free_port();
        let listen = format!("TCP-LISTEN:{},bind=127.0.0.1,reuseaddr,fork", at.port());
        let big = bytes(100_000);
        let inputs = [INPUTS[0], INPUTS[1], INPUTS[2], &big];
        // PIPE holds no more than a pipe does; one end of it is nobody's.
        let inputs = if address == "PIPE" { &inputs[..3] } else { &inputs[..] };
        same(("socat", &[&listen, address], at), &["echo", "127.0.0.1:0"], inputs).await;
    }
}

#[tokio::test]
#[ignore = "needs socat: .ci/interop"]
async fn a_unix_socket_of_socat() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let theirs = format!("UNIX-LISTEN:{},fork,mode=660", path("before"));
    // It listens once its file is there.
    let _before =
        tokio::process::Command::new("socat").args([&theirs, "EXEC:cat"]).kill_on_drop(true).spawn().unwrap();
    while !folder.path().join("before").exists() {
        tokio::task::yield_now().await;
    }
    let mut after = Service::spawn(
        &format!("[[listener]]\nname = \"u\"\naddress = \"unix:{}\"\nhandler = \"echo\"\n", path("after")),
        &[],
    );
    after.logged("ready").await;
    for input in INPUTS {
        for name in ["before", "after"] {
            let at = format!("UNIX-CONNECT:{}", path(name));
            assert_eq!(client("socat", &["-t", "20", "-", &at], input).await, input, "{name}");
        }
    }
}

#[tokio::test]
#[ignore = "needs ncat: .ci/interop"]
async fn a_discard_of_ncat() {
    let at = free_port();
    let port = at.port().to_string();
    let before = ("ncat", &["-l", "-k", "--recv-only", "127.0.0.1", &port][..], at);
    let _before = Peer::start(before.0, before.1, before.2).await;
    let (_after, here) = Service::serve(&["discard", "127.0.0.1:0"]).await;
    // ncat does not end its side when the client does; terima does.
    for to in [at, here] {
        let sent = tokio::net::TcpStream::connect(to).await.unwrap();
        sent.writable().await.unwrap();
        assert_eq!(sent.try_write(b"gone\n").unwrap(), 5);
    }
    assert_eq!(exchange(here, b"gone\n", usize::MAX).await, b"");
}

#[tokio::test]
#[ignore = "needs ncat: .ci/interop"]
async fn an_echo_of_ncat() {
    let at = free_port();
    let port = at.port().to_string();
    let _before = Peer::start("ncat", &["-l", "-k", "-e", "/bin/cat", "127.0.0.1", &port], at).await;
    let (_after, here) = Service::serve(&["echo", "127.0.0.1:0"]).await;
    // Where the client ends its side, ncat ends the connection, with or without the answer: so it is read before.
    for to in [at, here] {
        let mut client = tokio::net::TcpStream::connect(to).await.unwrap();
        client.write_all(b"a line\r\n").await.unwrap();
        let mut answer = [0; 8];
        timeout(PATIENCE, client.read_exact(&mut answer)).await.expect("no answer").unwrap();
        assert_eq!(&answer, b"a line\r\n");
    }
    for input in INPUTS {
        assert_eq!(exchange(here, input, usize::MAX).await, input);
    }
}

#[tokio::test]
#[ignore = "needs ucspi-tcp: .ci/interop"]
async fn an_echo_of_tcpserver() {
    let at = free_port();
    let port = at.port().to_string();
    let before = ("tcpserver", &["-R", "-H", "-l", "0", "127.0.0.1", &port, "cat"][..], at);
    same(before, &["echo", "127.0.0.1:0"], &INPUTS).await;
}

#[tokio::test]
#[ignore = "needs ucspi-tcp: .ci/interop"]
async fn a_quote_of_tcpserver() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quote");
    std::fs::write(&file, "the only one\r\n").unwrap();
    let file = file.to_str().unwrap();
    let at = free_port();
    let port = at.port().to_string();
    let before = ("tcpserver", &["-R", "-H", "-l", "0", "127.0.0.1", &port, "cat", file][..], at);
    same(before, &["quote", "127.0.0.1:0", "--file", file], &[b""]).await;
}
