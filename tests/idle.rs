//! Ten thousand connections that say nothing.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Client, Service, listener};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const CONNECTIONS: usize = 10_000;

/// Fewer than the backlog holds.
const AT_ONCE: usize = 250;

#[tokio::test]
async fn ten_thousand_idle_connections_are_held_and_closed() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < CONNECTIONS as u64 + 200 {
        eprintln!("skipped: it needs {CONNECTIONS} descriptors, and the hard limit is {hard}");
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();

    let text = format!("[log]\naccess = false\n{}", listener("echo", "echo", "codec = \"lines\""));
    let service = Service::start(&text).await;
    let mut clients = connect(&service, AT_ONCE).await;
    let before = resident(service.id());
    while clients.len() < CONNECTIONS {
        clients.extend(connect(&service, AT_ONCE).await);
    }
    let each = resident(service.id()).saturating_sub(before) / (CONNECTIONS - AT_ONCE);
    assert!(each < 4096, "{each} bytes for each idle connection");

    for at_once in clients.chunks_mut(AT_ONCE) {
        all_are_echoed(at_once, "still there?\n").await;
    }
    service.signal("TERM").await;
    for client in &mut clients {
        client.expect_end().await;
    }
    let (code, log) = service.ended().await;
    assert_eq!(code, Some(0), "{log:#?}");
}

/// So many clients, each of which was answered.
async fn connect(service: &Service, clients: usize) -> Vec<Client> {
    let mut connected = Vec::with_capacity(clients);
    for _ in 0..clients {
        connected.push(service.connect().await);
    }
    all_are_echoed(&mut connected, "here I am\n").await;
    connected
}

async fn all_are_echoed(clients: &mut [Client], line: &str) {
    for client in &mut *clients {
        client.send(line).await;
    }
    for client in clients {
        client.expect(line).await;
    }
}

/// Bytes of memory that a process holds: `VmRSS` of proc_pid_status(5).
fn resident(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}
