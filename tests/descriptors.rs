//! The service without descriptors: it waits or turns away, burns no processor time, floods no log, and recovers.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use common::{Client, Service, listener, within};

const DESCRIPTORS: usize = 64;
const PEERS: usize = 300;

fn echo(max_connections: &str, when_full: &str) -> String {
    let listener =
        listener("echo", "echo", &format!("codec = \"lines\"\nlimits.when_full = \"{when_full}\""));
    format!("[server]\nmax_connections = {max_connections}\nworkers = 2\n{listener}")
}

/// What a peer that asked was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Answer,
    /// It was closed, or reset because nobody had read its line.
    Close,
}

/// Peers that connect, ask, and stay until they are let go.
struct Peers {
    met: mpsc::Receiver<Met>,
    tasks: JoinSet<Met>,
    stay: watch::Sender<bool>,
}

impl Peers {
    async fn come(address: SocketAddr) -> Self {
        let (meet, met) = mpsc::channel(PEERS);
        let stay = watch::Sender::new(true);
        let mut tasks = JoinSet::new();
        for n in 0..PEERS {
            // The backlog holds as many, so all are connected.
            let mut stream = Client::connect(address).await;
            let (meet, mut stay) = (meet.clone(), stay.subscribe());
            tasks.spawn(async move {
                let asked = ask(&mut stream, format!("peer {n}\n"));
                let met = within("an answer or a close", asked).await;
                meet.send(met).await.unwrap();
                let _ = stay.wait_for(|stay| !stay).await;
                met
            });
        }
        Self { met, tasks, stay }
    }

    /// Waits until so many have been answered or closed.
    async fn met(&mut self, wanted: Met, times: usize) {
        let mut seen = 0;
        while seen < times {
            let met = within("more peers to be met", self.met.recv()).await.unwrap();
            seen += usize::from(met == wanted);
        }
    }

    /// Lets all go; tells how many were answered and how many closed.
    async fn go(self) -> (usize, usize) {
        self.stay.send_replace(false);
        let met = self.tasks.join_all().await;
        let answered = met.iter().filter(|met| **met == Met::Answer).count();
        (answered, met.len() - answered)
    }
}

async fn ask(stream: &mut Client, line: String) -> Met {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match exchange(stream, &line).await {
        Ok(answer) => {
            assert_eq!(answer, line);
            Met::Answer
        }
        Err(error) => {
            assert!(matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe), "{error}");
            Met::Close
        }
    }
}

async fn exchange(stream: &mut Client, line: &str) -> std::io::Result<String> {
    stream.write_all(line.as_bytes()).await?;
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

/// Watches the service for a second, and tells which part of that it was on a processor.
async fn busy(service: &Service) -> f64 {
    let (begun, before) = (Instant::now(), processor_time(service.id()));
    sleep(Duration::from_secs(1)).await;
    (processor_time(service.id()) - before).as_secs_f64() / begun.elapsed().as_secs_f64()
}

/// proc_pid_stat(5): `utime` and `stime`, in hundredths of a second on every Linux of today.
fn processor_time(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name before may hold spaces. Field 3 comes first behind it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(14 - 3).take(2).map(|field| field.parse::<u64>().unwrap());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// How many lines of the log say something of accepting.
fn said_of_accepting(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains("accepting")).count()
}

/// The service is as good as new: it serves as many at once as before, then ends as asked.
async fn is_well(mut service: Service, served: usize) {
    // The descriptors of those who are gone are free when their lines are written.
    service.logged_times("terima::access", served).await;
    let mut clients = Vec::new();
    for n in 0..10 {
        let mut client = service.connect().await;
        client.is_echoed(&format!("new client {n}\n")).await;
        clients.push(client);
    }
    let (code, log) = service.stop().await;
    assert_eq!(code, Some(0));
    let said = said_of_accepting(&log);
    assert!(said <= 5, "{said} lines of accepting: {log:#?}");
}

#[tokio::test]
async fn queue_serves_everybody_in_the_end() {
    let mut service = Service::with_descriptors(DESCRIPTORS, &echo("\"unlimited\"", "queue")).await;
    let mut peers = Peers::come(service.address).await;
    service.logged("accepting pauses").await;
    peers.met(Met::Answer, DESCRIPTORS / 2).await;
    let busy = busy(&service).await;
    assert!(busy < 0.2, "{busy:.2} of a processor for waiting");
    assert_eq!(peers.go().await, (PEERS, 0), "answered and closed");
    is_well(service, PEERS).await;
}

#[tokio::test]
async fn close_turns_some_away_and_serves_again() {
    let mut service = Service::with_descriptors(DESCRIPTORS, &echo("\"unlimited\"", "close")).await;
    let mut peers = Peers::come(service.address).await;
    service.logged("accepting pauses").await;
    peers.met(Met::Close, 3).await;
    let busy = busy(&service).await;
    assert!(busy < 0.2, "{busy:.2} of a processor for turning away");
    let (answered, closed) = peers.go().await;
    assert!(answered >= DESCRIPTORS / 2 && closed >= 3, "{answered} answered, {closed} closed");
    is_well(service, answered).await;
}

#[tokio::test]
async fn auto_never_runs_out() {
    // 32 are kept back, and one for each address.
    const AUTO: usize = DESCRIPTORS - 32 - 1;
    let mut service = Service::with_descriptors(DESCRIPTORS, &echo("\"auto\"", "queue")).await;
    let mut peers = Peers::come(service.address).await;
    peers.met(Met::Answer, AUTO).await;
    service.logged("full: further peers wait in the backlog").await;
    let busy = busy(&service).await;
    assert!(busy < 0.2, "{busy:.2} of a processor for waiting");
    assert!(peers.met.is_empty(), "more than {AUTO} at once");
    assert_eq!(peers.go().await, (PEERS, 0), "answered and closed");
    assert!(!service.log().iter().any(|line| line.contains("accepting pauses")), "{:#?}", service.log());
    is_well(service, PEERS).await;
}
