//! What a list of networks adds to an accept, from one network to hundreds of thousands.
//!
//!     cargo bench --bench access
//!
//! Clients come through memory and the accept loop turns them away, so there is no system in it. Each list is measured in turn
//! with a list of one network: A B A B.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use terima::Server;
use terima::testing::{TestServer, serve_in_memory};
use tokio::runtime::Builder;
use tokio::time::Instant;

const CLIENTS: usize = 20_000;
const PAIRS: usize = 9;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!(
            "| networks | kind | a peer turned away, median | × one network | added |\n|---|---|---|---|---|"
        );
        for kind in [Kind::V4, Kind::V6] {
            for count in [1, 1_000, 100_000, 500_000] {
                measure(kind, count).await;
            }
        }
    });
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    V4,
    V6,
}

impl Kind {
    /// An address of chance.
    fn address(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(fastrand::u32(..)).into(),
            // Of what is given out today, and mostly without a network in the list: the way down is the longest.
            Self::V6 => Ipv6Addr::from(fastrand::u128(..) >> 3 | 1 << 125).into(),
        }
    }

    /// A network as lists of them have it.
    fn network(self) -> String {
        let length = match self {
            Self::V4 => fastrand::u8(12..=32),
            Self::V6 => fastrand::u8(32..=64),
        };
        let bits = match self.address() {
            IpAddr::V4(address) => format!("{}", Ipv4Addr::from(u32::from(address) & (!0 << (32 - length)))),
            IpAddr::V6(address) => {
                format!("{}", Ipv6Addr::from(u128::from(address) & (!0 << (128 - length))))
            }
        };
        format!("{bits}/{length}")
    }
}

/// A server that lets in nobody, and denies so many networks besides.
fn server(kind: Kind, count: usize) -> TestServer {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut list = String::new();
    for _ in 0..count {
        writeln!(list, "{}", kind.network()).unwrap();
    }
    std::fs::write(file.path(), list).unwrap();
    let text = format!(
        "[[listener]]\nname = \"echo\"\naddress = \":0\"\nhandler = \"echo\"\n\
         access.allow = [\"192.0.2.1\"]\naccess.deny_file = '{}'\n",
        file.path().display()
    );
    serve_in_memory(Server::builder(), &text)
}

async fn measure(kind: Kind, count: usize) {
    let (one, many) = (server(kind, 1), server(kind, count));
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..PAIRS {
        for (server, times) in [&one, &many].into_iter().zip(&mut times) {
            times.push(turned_away(server, kind).await);
        }
    }
    let mut ratios: Vec<f64> =
        times[0].iter().zip(&times[1]).map(|(one, many)| many.as_secs_f64() / one.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let [one, many] = times.map(|mut times| {
        times.sort();
        times[PAIRS / 2]
    });
    let added = many.as_secs_f64() - one.as_secs_f64();
    println!("| {count} | {kind:?} | {many:.2?} | {:.2} | {:.2} µs |", ratios[PAIRS / 2], added * 1e6);
}

/// How long one of many clients takes from its coming to its end.
async fn turned_away(server: &TestServer, kind: Kind) -> Duration {
    let peers: Vec<SocketAddr> = (0..CLIENTS).map(|_| (kind.address(), 4711).into()).collect();
    let started = Instant::now();
    for peer in peers {
        assert!(server.connect_from("echo", peer).rest().await.unwrap().is_empty());
    }
    started.elapsed() / u32::try_from(CLIENTS).unwrap()
}
