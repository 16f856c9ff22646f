//! `terima run`: how it ends.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::command::{ECHO, PATIENCE};
use crate::control;
use crate::service::Service;

/// An echo whose clients may take all the time in the world.
pub(crate) fn patient_echo(drain_timeout: &str) -> String {
    format!(
        "[server]\ndrain_timeout = \"{drain_timeout}\"\n{ECHO}timeouts.write = \"off\"\ntimeouts.frame = \"off\"\n"
    )
}

async fn echoes(client: &mut TcpStream, line: &str) {
    client.write_all(line.as_bytes()).await.unwrap();
    let mut answer = vec![0; line.len()];
    timeout(PATIENCE, client.read_exact(&mut answer)).await.expect("no answer").unwrap();
    assert_eq!(answer, line.as_bytes());
}

/// A client that sends lines and reads none of the answers, until nothing moves any more: then the service has an
/// answer that it owes and can't deliver, so the connection can't drain.
pub(crate) async fn stuck_client(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // Little has to be sent to fill it.
    socket.set_recv_buffer_size(4096).unwrap();
    let client = socket.connect(address).await.unwrap();
    let lines = b"a line that nobody reads\n".repeat(1000);
    // Fullness has no event of its own; it is the absence of one.
    while let Ok(writable) = timeout(Duration::from_millis(500), client.writable()).await {
        writable.unwrap();
        let _ = client.try_write(&lines);
    }
    client
}

#[tokio::test]
async fn either_signal_ends_it_with_0() {
    for (signal, workers) in [("TERM", "1"), ("INT", "2")] {
        let workers = format!("server.workers={workers}");
        let (service, address) = Service::start(ECHO, &["--set", &workers]).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        echoes(&mut client, "one\n").await;
        echoes(&mut client, "two\r\n").await;

        service.signal(signal).await;
        let read = timeout(PATIENCE, client.read(&mut [0; 1])).await.expect("not closed").unwrap();
        assert_eq!(read, 0, "an idle connection is closed");
        drop(client);
        assert_eq!(service.code().await, Some(0), "{signal}, {workers}");
    }
}

#[tokio::test]
async fn a_signal_while_it_starts_is_not_lost() {
    let mut service = Service::spawn(ECHO, &[]);
    service.logged("starting").await;
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn a_drain_that_times_out_is_75() {
    let (mut service, address) = Service::start(&patient_echo("200ms"), &[]).await;
    let client = stuck_client(address).await;
    service.signal("TERM").await;
    let event = service.logged("the drain timed out").await;
    assert_eq!(event["aborted"], 1);
    assert_eq!(service.code().await, Some(75));
    drop(client);
}

#[tokio::test]
async fn a_second_signal_cuts_the_drain_short() {
    let (mut service, address) = Service::start(&patient_echo("off"), &[]).await;
    let client = stuck_client(address).await;
    service.signal("TERM").await;
    service.logged("draining").await;
    service.signal("INT").await;
    let event = service.logged("the drain was cut short").await;
    assert_eq!(event["signal"], control::name("INT"));
    assert_eq!(service.code().await, Some(75));
    drop(client);
}

#[tokio::test]
async fn nobody_has_to_read_its_log() {
    let (mut service, address) = Service::start(ECHO, &[]).await;
    service.stop_reading();
    // The lines that tell of these connections have nowhere to go.
    for _ in 0..3 {
        let mut client = TcpStream::connect(address).await.unwrap();
        echoes(&mut client, "still there\n").await;
    }
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}
