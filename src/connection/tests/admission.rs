//! Connections that are refused after their accept: at the client stage, or because too many are being established.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

use super::establishing::Slow;
use super::*;
use crate::admission::Prefixes;
use crate::config::meant::{ClientFull, Per, Rate};
use crate::establish::{Facts, ProxyHeader};
use crate::listener::Client;

/// A header that takes its time, and names a client for each connection, or none.
struct Header(Duration, Mutex<VecDeque<Option<Client>>>);

impl Layer for Header {
    fn step(&self) -> Step {
        Step::Proxy
    }

    fn names_client(&self, _peer: Peer) -> bool {
        true
    }

    fn take_off(&self, layered: Layered) -> TakeOff<'_> {
        let client = self.1.lock().unwrap().pop_front().unwrap();
        Box::pin(async move {
            tokio::time::sleep(self.0).await;
            // Of its own, a proxy looks whether the service is there.
            let proxy = client.is_none().then(ProxyHeader::local);
            let mut facts = Facts::default();
            (facts.client, facts.proxy) = (client, proxy);
            Ok(Layered { facts, ..layered })
        })
    }
}

fn client(n: u8) -> Option<Client> {
    Some(Client(Address::Tcp(SocketAddr::from(([192, 0, 2, n], 4711)))))
}

/// Behind a header that names these clients.
fn setup(clients: &[Option<Client>], most: Option<usize>, rate: Option<Rate>) -> Setup {
    let mut setup = Setup::new();
    setup.clients = Clients::new(most, rate, Prefixes { v4: 32, v6: 64 });
    setup.layers.push(Box::new(Header(secs(1), Mutex::new(clients.iter().copied().collect()))));
    setup
}

/// One after the other, each once the one before it is established or over.
async fn open(setup: Setup, times: usize) -> Vec<(Served, DuplexStream)> {
    let open = setup.open(lines(), crate::handler_fn(echo));
    let mut opened = Vec::new();
    for _ in 0..times {
        let (client, server) = duplex(1000);
        opened.push((open(ByteStream::Boxed(Box::new(server))), client));
        tokio::time::sleep(secs(2)).await;
    }
    opened
}

#[tokio::test(start_paused = true)]
async fn the_client_that_a_header_names_is_refused_by_its_own_limits() {
    for (most, rate, word) in [
        (Some(2), None, "refused_client_limit"),
        (None, Some(Rate { count: 1, per: Per::Hour, burst: 2 }), "refused_client_rate"),
    ] {
        let named = [client(1), client(1), client(1), client(2)];
        let mut opened = open(setup(&named, most, rate), 4).await;
        let (refused, mut its_client) = opened.remove(2);
        let metrics = Arc::clone(&refused.shared.settings().metrics);
        assert!(refused.is_over());
        assert_eq!(read_all(&mut its_client).await, b"");
        for (served, client) in &mut opened {
            assert!(!served.is_over(), "the others are served");
            write(client, "hello\n").await;
            expect(client, "hello\n").await;
        }
        let figures = metrics.read();
        assert_eq!((figures.accepted, figures.active, figures.establishing), (4, 3, 0));
        assert!(figures.ended.contains(&(word, 1)), "{:?}", figures.ended);
        // A flood must not be one of lines.
        assert_eq!(refused.log.ended().len(), 0);
        assert_eq!(refused.log.count(tracing::Level::WARN, "a client has no room for another connection"), 1);
        let lines = refused.log.lines();
        let line = lines.iter().find(|line| line["reason"] == *word).unwrap();
        assert_eq!((&line["client"][..], &line["when_full"][..]), ("192.0.2.1:4711", "close"));
        let (mut open, clients): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
        drop(clients);
        settle().await;
        assert!(open.iter().all(Served::is_over));
        assert_eq!(open.pop().unwrap().word().await, "client_closed");
    }
}

impl Served {
    /// Whether anybody is inside still.
    fn inside(&self) -> usize {
        self.gate.inside()
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_without_a_client_is_exempt_and_quiet() {
    let mut opened = open(setup(&[None, None, None], Some(1), None), 3).await;
    for (served, client) in &mut opened {
        assert!(!served.is_over());
        write(client, "health\n").await;
        expect(client, "health\n").await;
        assert_eq!(served.inside(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_shakes_hands_with_who_is_refused() {
    let mut setup = setup(&[client(1), client(1)], Some(1), None);
    // It would take ten seconds more.
    setup.layers.push(Box::new(Slow(secs(10), None)));
    let setup = setup.limits(|limits| limits.client_full = ClientFull::Reset);
    let opened = open(setup, 2).await;
    assert!(!opened[0].0.is_over() && opened[1].0.is_over());
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_it_the_client_has_its_place_again() {
    async fn failing(mut conn: Connection<Framing>) -> Handled {
        match &conn.recv().await?.unwrap_or_default()[..] {
            b"panic" => panic!("as asked"),
            b"error" => Err("as asked".into()),
            b"" => Ok(()),
            _ => std::future::pending().await,
        }
    }
    let ends = ["panic\n", "error\n", "", "reset", "drained", "dropped"];
    let named: Vec<_> = ends.iter().map(|_| client(1)).collect();
    let open = setup(&named, Some(1), None).open(lines(), crate::handler_fn(failing));
    for end in ends {
        let (mut client, server) = duplex(1000);
        let served = open(ByteStream::Boxed(Box::new(server)));
        tokio::time::sleep(secs(2)).await;
        assert!(!served.is_over(), "{end}: the one before has kept its place");
        let settings = Arc::clone(served.shared.settings());
        assert_eq!(settings.admission.known().unwrap().connected, 1);
        match end {
            "dropped" => served.task.abort(),
            "drained" => assert_eq!(served.registry.abort(), 1),
            "reset" => assert_eq!(served.shared.end(EndReason::ClientReset), EndReason::ClientReset),
            "" => client.shutdown().await.unwrap(),
            told => write(&mut client, told).await,
        }
        // What its handler left is delivered, and the client closes too.
        settle().await;
        drop(client);
        settle().await;
        assert!(served.is_over(), "{end}");
        assert_eq!(settings.admission.known().unwrap().connected, 0, "{end}");
        assert_eq!(served.gate.inside(), 0, "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_longest_gives_way_to_who_comes() {
    let mut setup = Setup::new().timeouts(|t| t.establish = Some(secs(10)));
    setup.layers.push(Box::new(Slow(secs(5), None)));
    setup.crowd = Some(Crowd::new(Some(2)));
    let open = setup.open(lines(), crate::handler_fn(echo));
    let mut peers = Vec::new();
    for _ in 0..4 {
        let (client, server) = duplex(1000);
        peers.push((open(ByteStream::Boxed(Box::new(server))), client));
        tokio::time::sleep(secs(1)).await;
    }
    let over: Vec<_> = peers.iter().map(|(served, _)| served.is_over()).collect();
    assert_eq!(over, [true, true, false, false]);
    let figures = peers[0].0.shared.settings().metrics.read();
    assert!(figures.ended.contains(&("refused_limit", 2)), "{:?}", figures.ended);
    assert_eq!((figures.accepted, figures.active, figures.establishing), (4, 2, 2));
    let lines = peers[0].0.log.lines();
    assert!(lines.iter().all(|line| line["limit"] == *"limits.establishing"), "{lines:?}");
    // The others are done in time, and then count no more.
    tokio::time::sleep(secs(10)).await;
    for (_, client) in &mut peers[2..] {
        write(client, "hello\n").await;
        expect(client, "hello\n").await;
    }
}

/// Ten thousand peers that never get done, and a client that does in half a second.
#[tokio::test(start_paused = true)]
async fn a_slow_flood_does_not_starve_a_good_client() {
    const PEERS: usize = 10_000;
    /// Sends a byte every ten seconds. It is done with the first line.
    struct Handshake;
    impl Layer for Handshake {
        fn step(&self) -> Step {
            Step::Tls
        }

        fn take_off(&self, mut layered: Layered) -> TakeOff<'_> {
            Box::pin(async move {
                while layered.stream.read_u8().await? != b'\n' {}
                Ok(layered)
            })
        }
    }
    let mut setup = Setup::new().timeouts(|t| t.establish = Some(secs(3600)));
    setup.layers.push(Box::new(Handshake));
    setup.crowd = Some(Crowd::new(Some(1000)));
    let open = setup.open(lines(), crate::handler_fn(echo));
    let mut flood = tokio::task::JoinSet::new();
    let mut first = None;
    for n in 0..PEERS {
        let (mut peer, server) = duplex(64);
        let served = open(ByteStream::Boxed(Box::new(server)));
        first.get_or_insert(served);
        flood.spawn(async move {
            while peer.write_all(b"x").await.is_ok() {
                tokio::time::sleep(secs(10)).await;
            }
        });
        if n % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    for _ in 0..20 {
        let (mut client, server) = duplex(64);
        let _served = open(ByteStream::Boxed(Box::new(server)));
        tokio::time::sleep(Duration::from_millis(500)).await;
        write(&mut client, "shake\nhello\n").await;
        expect(&mut client, "hello\n").await;
    }
    let figures = first.unwrap().shared.settings().metrics.read();
    // A good client frees its place at once, so the next of them drives nobody out.
    assert!(figures.establishing <= 1000, "{}", figures.establishing);
    assert!(figures.ended.contains(&("refused_limit", (PEERS - 1000) as u64 + 1)), "{:?}", figures.ended);
}
