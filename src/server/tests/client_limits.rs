//! What each client may have of its own, asked at accept; and how fast connections may come.

use tracing::Level;

use super::*;
use crate::admission::{Bucket, Clients, Prefixes};
use crate::config::meant::{Per, Rate};
use crate::telemetry::capture::Capture;

fn rate(count: u32, burst: u32) -> Rate {
    Rate { count, per: Per::Second, burst }
}

/// With limits beside those of `full`.
fn setup(when_full: WhenFull, total: Option<Rate>, most: Option<usize>, own: Option<Rate>) -> Setup {
    Setup::with_limits(None, when_full, echo(), |admission| {
        admission.with_rate(total.map(Bucket::new)).with_clients(Clients::new(
            most,
            own,
            Prefixes { v4: 32, v6: 64 },
        ))
    })
}

/// Comes to the socket from an address.
fn connect_from(socket: &Script, address: &str) -> DuplexStream {
    let (client, server) = duplex(1000);
    socket.push(Ok(Accepted {
        stream: Stream::Boxed(Box::new(server)),
        peer: Peer(Address::Tcp(SocketAddr::new(address.parse().unwrap(), 4711))),
        local: Local(Address::Unnamed),
    }));
    client
}

async fn is_closed(client: &mut DuplexStream) -> bool {
    matches!(client.read(&mut [0]).await, Ok(0))
}

#[tokio::test(start_paused = true)]
async fn a_client_at_its_limit_is_closed_also_where_others_would_wait() {
    for when_full in [WhenFull::Queue, WhenFull::Close, WhenFull::Reset] {
        let (socket, setup) = (Script::default(), setup(when_full, None, Some(2), None));
        setup.accept(socket.clone());
        let mut one = connect_from(&socket, "192.0.2.1");
        let mut mapped = connect_from(&socket, "::ffff:192.0.2.1");
        answers(&mut one).await;
        answers(&mut mapped).await;
        for _ in 0..5 {
            assert!(is_closed(&mut connect_from(&socket, "192.0.2.1")).await);
        }
        let mut six = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|ip| connect_from(&socket, ip));
        for client in &mut six {
            answers(client).await;
        }
        assert!(is_closed(&mut connect_from(&socket, "2001:db8::3")).await, "they are one customer's");
        let figures = setup.entrance.settings.metrics.read();
        assert!(figures.refused.contains(&("refused_client_limit", 6)), "{:?}", figures.refused);
        assert_eq!((figures.accepted, figures.active), (11, 5));
        drop(one);
        settle().await;
        answers(&mut connect_from(&socket, "192.0.2.1")).await;
        answers(&mut mapped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_queue_the_rate_holds_peers_in_the_backlog() {
    let (socket, setup) = (Script::default(), setup(WhenFull::Queue, Some(rate(10, 3)), None, None));
    setup.accept(socket.clone());
    let mut clients: Vec<_> = (0..13).map(|_| connect(&socket)).collect();
    settle().await;
    assert_eq!(socket.left(), 10, "the burst alone was accepted");
    let began = Instant::now();
    for client in &mut clients {
        answers(client).await;
    }
    let took = began.elapsed();
    assert!((Duration::from_millis(990)..=Duration::from_millis(1020)).contains(&took), "{took:?}");
    assert_eq!(setup.entrance.settings.metrics.read().active, 13);
}

#[tokio::test(start_paused = true)]
async fn otherwise_who_comes_too_fast_is_turned_away() {
    const PEERS: u64 = 50;
    let log = Capture::new();
    async {
        let limits = (Some(rate(1, 5)), None, Some(rate(1, 2)));
        let (socket, setup) = (Script::default(), setup(WhenFull::Close, limits.0, limits.1, limits.2));
        setup.accept(socket.clone());
        let mut kept = Vec::new();
        for n in 0..PEERS {
            let mut client = connect_from(&socket, &format!("192.0.2.{}", n % 2));
            if n < 4 {
                answers(&mut client).await;
                kept.push(client);
            } else {
                assert!(is_closed(&mut client).await);
            }
        }
        // One token of all is left: no flood of two has taken it from a third.
        answers(&mut connect_from(&socket, "192.0.2.77")).await;
        assert!(is_closed(&mut connect_from(&socket, "192.0.2.78")).await);
        let figures = setup.entrance.settings.metrics.read();
        for refused in [("refused_client_rate", PEERS - 4), ("refused_rate", 1)] {
            assert!(figures.refused.contains(&refused), "{:?}", figures.refused);
        }
    }
    .with_subscriber(log.dispatch())
    .await;
    assert!(log.count(Level::WARN, "a client has no room for another connection") <= 10);
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_limits_hold_all_the_same() {
    let (socket, setup) = (Script::default(), setup(WhenFull::Close, None, Some(1), None));
    setup.accept(socket.clone());
    let mut first = connect_from(&socket, "192.0.2.1");
    answers(&mut first).await;
    for _ in 0..3 {
        socket.push(Err(io::Error::from_raw_os_error(accept_errors::OUT_OF_DESCRIPTORS)));
        // The spare descriptor is lent for whom it finds there; who comes after the pause is asked as ever.
        let mut second = connect_from(&socket, "192.0.2.1");
        assert!(is_closed(&mut second).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    answers(&mut first).await;
    drop(first);
    settle().await;
    answers(&mut connect_from(&socket, "192.0.2.1")).await;
    let figures = setup.entrance.settings.metrics.read();
    let refused: u64 = figures.refused.iter().map(|(_, count)| count).sum();
    assert_eq!((refused, figures.accepted - refused), (3, 2), "{:?}", figures.refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_over_several_loops_cannot_overshoot() {
    const PEERS: usize = 200;
    let setup = setup(WhenFull::Close, Some(Rate { count: 1, per: Per::Hour, burst: 50 }), Some(40), None);
    let addresses = three_loops(&setup);
    let mut clients = JoinSet::new();
    for n in 0..PEERS {
        let address = addresses[n % 3];
        clients.spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"x").await.ok();
            // Kept, where it is served.
            (client.read_u8().await.ok(), client)
        });
    }
    let all = timeout(Duration::from_secs(60), clients.join_all()).await.unwrap();
    let served = all.iter().filter(|(answer, _)| *answer == Some(b'x')).count();
    assert_eq!(served, 40, "loopback is one client");
    let figures = setup.entrance.settings.metrics.read();
    assert!(
        figures.refused.contains(&("refused_client_limit", (PEERS - 40) as u64)),
        "{:?}",
        figures.refused
    );
}
