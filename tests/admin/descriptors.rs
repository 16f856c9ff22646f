//! The interface answers when the service is full, and when it has no descriptor left.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::{Duration, timeout};

use crate::client::Reply;
use crate::common::{Client, Scrape, Service, listener, within};

const DESCRIPTORS: usize = 64;

async fn ask(path: &str, target: &str) -> (UnixStream, Reply) {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let reply = Reply::read(&mut stream).await.expect("no answer");
    (stream, reply)
}

/// Fills a service with as many clients as it takes; tells them and the path of its admin interface.
async fn full(max_connections: &str, folder: &tempfile::TempDir) -> (Service, Vec<Client>, String) {
    let path = folder.path().join("admin.sock").display().to_string();
    let text = format!(
        "[server]\nmax_connections = {max_connections}\nworkers = 1\n[admin]\naddress = \"unix:{path}\"\nconnections = 8\n{}",
        listener("echo", "echo", "codec = \"lines\"")
    );
    let service = Service::with_descriptors(DESCRIPTORS, &text).await;
    let mut clients = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        clients.push(service.connect().await);
    }
    (service, clients, path)
}

#[tokio::test]
async fn out_of_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let (mut service, clients, path) = full("\"unlimited\"", &folder).await;
    service.logged("accepting pauses").await;
    // More at once than there would be by chance, and as often as one likes.
    for _ in 0..3 {
        let mut at_once = Vec::new();
        for _ in 0..8 {
            let (stream, reply) = ask(&path, "/live").await;
            assert_eq!(reply.status, 200);
            at_once.push(stream);
        }
        let (_stream, reply) = ask(&path, "/v1/connections?limit=1000").await;
        assert!(reply.json()["matching"].as_u64().unwrap() > 0, "{}", reply.text());
    }
    let (_stream, reply) = ask(&path, "/metrics").await;
    let scrape = Scrape::parse(&reply.text());
    assert!(scrape.get("terima_accept_pauses_total{listener=\"echo\"}") >= 1.0);
    assert!(scrape.get("terima_accept_errors_total{listener=\"echo\",class=\"system\"}") >= 1.0);
    assert_eq!(scrape.get("terima_listener_state{listener=\"echo\",state=\"starved\"}"), 1.0);
    // All that there may be: those for clients of the interface that have not come, and one above the limit that was
    // inherited, included.
    let (open, most) = (scrape.get("process_open_fds"), scrape.get("process_max_fds"));
    assert_eq!(most, DESCRIPTORS as f64);
    assert!(open >= most, "{open}");
    // What is read from files.
    assert!(scrape.get("process_resident_memory_bytes") > 0.0);
    assert!(scrape.get("process_start_time_seconds") > 0.0);
    assert!(scrape.get("terima_accept_queue_overflows_total") >= 0.0);
    drop(clients);
    assert_eq!(service.stop().await.0, Some(0));
}

#[tokio::test]
async fn at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut service, clients, path) = full("\"auto\"", &folder).await;
    service.logged("full").await;
    let (_stream, reply) = ask(&path, "/v1/status").await;
    let status = reply.json();
    let most = status["max_connections"].as_u64().unwrap();
    // The listener, eight clients of the interface and its socket, and the reserve.
    assert_eq!(most, (DESCRIPTORS - 1 - 9 - 32) as u64);
    assert_eq!(status["connections"], most);
    assert_eq!(status["listeners"][0]["state"], "full");
    let (_stream, reply) = ask(&path, "/v1/why?address=127.0.0.1").await;
    let why = &reply.json()["listeners"][0];
    assert_eq!((&why["verdict"], &why["rule"]), (&"waits".into(), &"server.max_connections".into()), "{why}");
    assert_eq!(ask(&path, "/ready").await.1.status, 200);
    drop(clients);
    assert_eq!(service.stop().await.0, Some(0));
}

#[tokio::test]
async fn nobody_is_sent_away_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (mut service, clients, path) = full("\"unlimited\"", &folder).await;
    service.logged("accepting pauses").await;
    let mut guests = Vec::new();
    for _ in 0..8 {
        guests.push(ask(&path, "/live").await.0);
    }
    // The last one asks until some time has gone by, in which nobody comes.
    let mut again = async |guest: usize, target: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        guests[guest].write_all(head.as_bytes()).await.unwrap();
        Reply::read(&mut guests[guest]).await.expect("it was sent away")
    };
    let mut uptime = async || again(7, "/v1/status").await.json()["uptime_seconds"].as_f64().unwrap();
    let began = uptime().await;
    while uptime().await < began + 1.0 {}
    for guest in 0..8 {
        assert_eq!(again(guest, "/live").await.status, 200);
    }
    drop(clients);
    assert_eq!(service.stop().await.0, Some(0));
}

/// What a descriptor of a process is, for each.
fn descriptors(process: u32) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    // One may be closed meanwhile.
    open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect()
}

#[tokio::test]
async fn the_reserve_is_whole_however_often_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock").display().to_string();
    // So many wait for a descriptor too.
    let listeners: String =
        (0..8).map(|n| listener(&format!("echo{n}"), "echo", "codec = \"lines\"")).collect();
    let text = format!(
        "[server]\nmax_connections = \"unlimited\"\nworkers = 2\n[admin]\naddress = \"unix:{path}\"\nconnections = 8\n\
         {listeners}"
    );
    let mut service = Service::with_descriptors(DESCRIPTORS, &text).await;
    let process = service.id();
    let set_aside = || descriptors(process).iter().filter(|open| **open == Path::new("/dev/null")).count();
    let (at_rest, whole) = (descriptors(process).len(), set_aside());
    assert!(whole > 8, "{whole}");
    let addresses: Vec<SocketAddr> = service
        .logged_times("listening", 8)
        .await
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["address"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    let mut clients = Vec::new();
    for n in 0..2 * DESCRIPTORS {
        clients.push(Client::connect(addresses[n % addresses.len()]).await);
    }
    service.logged("accepting pauses").await;

    for _ in 0..2000 {
        assert_eq!(ask(&path, "/live").await.1.status, 200);
    }
    // A listener may have been faster to take one, and may be again as long as somebody waits at it.
    let is_whole = async || {
        while set_aside() != whole {
            tokio::task::yield_now().await;
        }
    };
    while timeout(Duration::from_millis(200), is_whole()).await.is_err() {
        assert!(clients.pop().is_some(), "{} of {whole}, and nobody waits for the others", set_aside());
    }
    drop(clients);
    within("every descriptor to come back", async {
        while descriptors(process).len() != at_rest {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(set_aside(), whole);
    Client::connect(addresses[0]).await.is_echoed("served again\n").await;
    assert_eq!(service.stop().await.0, Some(0));
}
