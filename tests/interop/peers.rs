//! Programs of others, as processes.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

use crate::command::PATIENCE;

/// A server, which ends with the test.
pub(crate) struct Peer {
    _child: Child,
}

impl Peer {
    /// Starts it, and waits until it listens.
    pub(crate) async fn start(program: &str, arguments: &[&str], at: SocketAddr) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env("TZ", "UTC").stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.kill_on_drop(true).spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        listens(at).await;
        Self { _child: child }
    }
}

/// Waits until somebody listens. That has no event, so it is tried again and again.
pub(crate) async fn listens(at: SocketAddr) {
    let mut ticks = interval(Duration::from_millis(10));
    let tried = async {
        loop {
            ticks.tick().await;
            if TcpStream::connect(at).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, tried).await.unwrap_or_else(|_| panic!("nobody listens on {at}"));
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Runs a client with this input; tells what it prints. It must end well.
pub(crate) async fn client(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut printed = Vec::new();
    let writing = async {
        // Who has heard enough may have ended.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let all = async { tokio::join!(writing, stdout.read_to_end(&mut printed)).1.unwrap() };
    timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("{program} {arguments:?} does not end"));
    let status = timeout(PATIENCE, child.wait()).await.expect("it does not end").unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
    printed
}

/// Bytes of all values, which no program may take for anything.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(length).collect()
}

/// Sends the input, ends its side, and reads to the end, or as many bytes as are wanted.
pub(crate) async fn exchange(at: SocketAddr, input: &[u8], most: usize) -> Vec<u8> {
    let (reads, mut writes) = TcpStream::connect(at).await.unwrap().into_split();
    let mut answer = Vec::new();
    let writing = async {
        writes.write_all(input).await.unwrap();
        writes.shutdown().await.unwrap();
    };
    let mut limited = reads.take(most as u64);
    let both = async { tokio::join!(writing, limited.read_to_end(&mut answer)).1.unwrap() };
    timeout(PATIENCE, both).await.unwrap_or_else(|_| panic!("{at} does not answer"));
    answer
}
