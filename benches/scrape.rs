//! A scrape with 10,000 connections: how long it takes, and whether who connects meanwhile notices.
//!
//!     cargo bench --bench scrape
//!
//! The clients live in a process of their own, as descriptors are limited per process.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use terima::Server;
use tokio::time::Instant;

const CONNECTIONS: usize = 10_000;
const SCRAPES: usize = 200;
const VISITS: usize = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--clients") {
        Some(at) => be_clients(arguments[at + 1].parse().unwrap()),
        None => measure(),
    }
}

/// Opens the connections, each answered once, and keeps them until standard input ends.
fn be_clients(address: SocketAddr) {
    let clients: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            client
        })
        .collect();
    println!("all are connected");
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(clients);
}

fn measure() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let text = "[log]\naccess = false\n[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\n";
    let server = runtime.block_on(Server::builder().parse(text).unwrap().start()).unwrap();
    let address = server.addresses("echo")[0];
    let mut clients = clients(address);
    assert_eq!(server.connections().len(), CONNECTIONS);

    let quiet = visits(address);
    let scrapes = times(SCRAPES, || drop(server.metrics()));
    println!("{CONNECTIONS} connections, {} bytes a scrape", server.metrics().len());
    println!("| what | median | 99 % | longest |\n|---|---|---|---|");
    tell("a scrape", &scrapes);
    tell("connect, one round trip, close", &quiet);
    let (done, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let scraping = thread::spawn({
        let (server, done, count) = (server.clone(), Arc::clone(&done), Arc::clone(&count));
        move || {
            while !done.load(Ordering::Relaxed) {
                drop(server.metrics());
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let busy = visits(address);
    done.store(true, Ordering::Relaxed);
    scraping.join().unwrap();
    tell("the same, while it is scraped without pause", &busy);
    println!("{} scrapes meanwhile", count.load(Ordering::Relaxed));
    drop(clients.stdin.take());
    clients.wait().unwrap();
}

fn clients(address: SocketAddr) -> Child {
    let mut clients = Command::new(std::env::current_exe().unwrap())
        .args(["--clients", &address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; b"all are connected\n".len()];
    clients.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    clients
}

/// How long it takes to be accepted and answered.
fn visits(address: SocketAddr) -> Vec<Duration> {
    times(VISITS, || {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    })
}

fn times(count: usize, run: impl Fn()) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn tell(what: &str, sorted: &[Duration]) {
    let at = |share: usize| sorted[(sorted.len() - 1) * share / 100];
    println!("| {what} | {:.2?} | {:.2?} | {:.2?} |", at(50), at(99), at(100));
}
