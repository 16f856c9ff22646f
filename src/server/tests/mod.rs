//! The accept loop, over a scripted socket and over real ones.

mod access;
mod client_limits;
mod documented;
mod ended;
mod full;
mod memory;
mod metrics;
mod once;
mod pause;
mod reply;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::instrument::WithSubscriber;

use super::accept_loop::{AcceptLoop, Entrance};
use crate::admission::{Access, Admission, Gate};
use crate::codec::Framing;
use crate::config::{Limits, SocketOptions, Timeouts, WhenFull};
use crate::connection::{Budget, Connection, Registry, Settings};
use crate::establish::Stream;
use crate::handler::{HandlerError, Serve, Service, handler_fn};
use crate::listener::{
    Accepted, Address, Heartbeat, Listener, Listening, Local, Peer, Script, Socket, Spare, TcpSocket,
};
use crate::platform::accept_errors;
use crate::telemetry::Sampler;
use crate::telemetry::metrics::ListenerMetrics;

/// Comes to the socket.
fn connect(socket: &Script) -> DuplexStream {
    connect_as(socket, Address::Unnamed)
}

/// Comes to the socket from an address.
fn connect_as(socket: &Script, address: Address) -> DuplexStream {
    let (client, server) = duplex(1000);
    socket.push(Ok(Accepted {
        stream: Stream::Boxed(Box::new(server)),
        peer: Peer(address),
        local: Local(Address::Unnamed),
    }));
    client
}

/// One listener, however many accept loops it has.
struct Setup {
    entrance: Arc<Entrance>,
    server: Arc<Gate>,
    listener: Arc<Gate>,
    registry: Arc<Registry>,
    stop: CancellationToken,
}

impl Setup {
    fn new(connections: Option<usize>, when_full: WhenFull, service: Arc<dyn Serve>) -> Self {
        Self::with(connections, when_full, service, (Access::default(), |admission| admission))
    }

    fn with_access(
        connections: Option<usize>,
        when_full: WhenFull,
        service: Arc<dyn Serve>,
        access: Access,
    ) -> Self {
        Self::with(connections, when_full, service, (access, |admission| admission))
    }

    fn with_limits(
        connections: Option<usize>,
        when_full: WhenFull,
        service: Arc<dyn Serve>,
        limit: impl FnOnce(Admission) -> Admission,
    ) -> Self {
        Self::with(connections, when_full, service, (Access::default(), limit))
    }

    fn with(
        connections: Option<usize>,
        when_full: WhenFull,
        service: Arc<dyn Serve>,
        (access, limit): (Access, impl FnOnce(Admission) -> Admission),
    ) -> Self {
        let (server, listener) = (Arc::new(Gate::new(None)), Arc::new(Gate::new(connections)));
        let registry = Arc::new(Registry::new());
        let settings = Settings {
            name: "test".into(),
            service,
            limits: Limits { connections, when_full, ..Limits::default() },
            timeouts: Timeouts::default(),
            drain_timeout: None,
            metrics: Arc::new(ListenerMetrics::new()),
            #[cfg(feature = "admin")]
            questions: crate::connection::Questions::default(),
            #[cfg(feature = "admin")]
            remembered: None,
            access: false,
            failures: Sampler::new(),
            lists: Arc::new(access),
            barred: Sampler::new(),
            dry_runs: Sampler::new(),
            admission: limit(Admission::new(Arc::clone(&server), Arc::clone(&listener))),
            refusals: Sampler::new(),
            budget: Arc::new(Budget::new(Some(100_000))),
            layers: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "testing")]
            on_end: None,
        };
        let entrance = Arc::new(Entrance {
            settings: Arc::new(settings),
            registry: Arc::clone(&registry),
            paused: Arc::new(watch::Sender::new(false)),
            last_id: Arc::new(AtomicU64::new(0)),
            fillings: Sampler::new(),
            reply: None,
        });
        Self { entrance, server, listener, registry, stop: CancellationToken::new() }
    }

    fn accept(&self, socket: impl Socket) -> (Arc<Heartbeat>, JoinHandle<()>) {
        let heartbeat = Arc::new(Heartbeat::new());
        let when_full = self.entrance.settings.limits.when_full;
        let (spare, metrics) = (Arc::new(Spare::new()), Arc::clone(&self.entrance.settings.metrics));
        let listener =
            Listener::new(socket, "test".into(), when_full, spare, Arc::clone(&heartbeat), metrics);
        let accept_loop = AcceptLoop::new(listener, Arc::clone(&self.entrance));
        (heartbeat, tokio::spawn(accept_loop.run(self.stop.clone()).with_current_subscriber()))
    }
}

fn echo() -> Arc<dyn Serve> {
    Arc::new(Service::new(crate::handler::Echo, |_: &_| Framing::default()))
}

async fn answers(client: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) {
    client.write_all(b"x").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn serves_until_stopped() {
    let (socket, setup) = (Script::default(), Setup::new(None, WhenFull::Queue, echo()));
    let (_, running) = setup.accept(socket.clone());
    let mut client = connect(&socket);
    answers(&mut client).await;
    setup.stop.cancel();
    running.await.unwrap();
    answers(&mut client).await;
    assert_eq!(setup.server.inside(), 1);
    setup.registry.begin_drain();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    setup.server.empty().await;
    assert_eq!(setup.listener.inside(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_behind_a_pause() {
    let (socket, setup) = (Script::default(), Setup::new(None, WhenFull::Queue, echo()));
    for _ in 0..100 {
        socket.push(Err(io::Error::from_raw_os_error(accept_errors::OUT_OF_DESCRIPTORS)));
    }
    let (heartbeat, running) = setup.accept(socket);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    assert!(heartbeat.is_starved() && heartbeat.is_healthy());
    let stopped = Instant::now();
    setup.stop.cancel();
    running.await.unwrap();
    assert_eq!(stopped.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_behind_a_limit() {
    let (socket, setup) = (Script::default(), Setup::new(Some(1), WhenFull::Queue, echo()));
    let (_, running) = setup.accept(socket.clone());
    let mut client = connect(&socket);
    answers(&mut client).await;
    let _waits = connect(&socket);
    settle().await;
    assert_eq!(socket.left(), 1, "it stays in the backlog");
    let stopped = Instant::now();
    setup.stop.cancel();
    running.await.unwrap();
    assert_eq!(stopped.elapsed(), Duration::ZERO);
    assert_eq!(setup.server.inside(), 1);
}

#[tokio::test(start_paused = true)]
async fn beats_whatever_happens_and_ages_where_it_hangs() {
    let (socket, setup) = (Script::default(), Setup::new(Some(1), WhenFull::Queue, echo()));
    let (heartbeat, running) = setup.accept(socket.clone());
    let _client = connect(&socket);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(heartbeat.age() <= Heartbeat::INTERVAL);
    }
    running.abort();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(!heartbeat.is_healthy() && heartbeat.age() > Duration::from_secs(10));
}

/// Counts how many it serves at once.
fn counting() -> (Arc<AtomicUsize>, Arc<dyn Serve>) {
    let most = Arc::new(AtomicUsize::new(0));
    let (inside, record) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let handler = handler_fn(move |mut conn: Connection<Framing>| {
        let (inside, most) = (Arc::clone(&inside), Arc::clone(&record));
        async move {
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let frame = conn.recv().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            if let Some(frame) = frame? {
                conn.send(frame).await?;
            }
            Ok::<_, HandlerError>(())
        }
    });
    (most, Arc::new(Service::new(handler, |_: &_| Framing::default())))
}

fn tcp_socket() -> (TcpSocket, SocketAddr) {
    let listening = Listening::tcp(([127, 0, 0, 1], 0).into(), false, &SocketOptions::default()).unwrap();
    let Listening::Tcp { socket, address, options } = listening else { panic!("no TCP") };
    (TcpSocket::new(socket, address, options).unwrap(), address)
}

/// Three loops of a listener, by their addresses.
fn three_loops(setup: &Setup) -> [SocketAddr; 3] {
    [(); 3].map(|()| {
        let (socket, address) = tcp_socket();
        setup.accept(socket);
        address
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_is_exact_over_several_loops_and_nobody_is_lost() {
    const LIMIT: usize = 7;
    let (most, service) = counting();
    let setup = Setup::new(Some(LIMIT), WhenFull::Queue, service);
    let addresses = three_loops(&setup);
    let mut clients = JoinSet::new();
    // The first fill the place, and go on only once it is full: how many there are at once is not left to chance.
    for n in 0..LIMIT {
        let (address, most) = (addresses[n % 3], Arc::clone(&most));
        clients.spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            while most.load(Ordering::SeqCst) < LIMIT {
                tokio::task::yield_now().await;
            }
            answers(&mut client).await;
        });
    }
    for n in LIMIT..300 {
        let address = addresses[n % 3];
        clients.spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            answers(&mut client).await;
        });
    }
    let all = timeout(Duration::from_secs(60), clients.join_all()).await;
    assert_eq!(all.expect("somebody waits for good").len(), 300);
    let most = most.load(Ordering::SeqCst);
    assert_eq!(most, LIMIT, "at once");
    setup.server.empty().await;
}

#[tokio::test]
async fn who_is_in_the_backlog_when_the_server_stops_is_served() {
    let setup = Setup::new(None, WhenFull::Queue, echo());
    let (socket, address) = tcp_socket();
    let gate = Arc::new(Notify::new());
    let (_, running) = setup.accept(Held { socket, gate: Arc::clone(&gate) });
    let mut clients = Vec::new();
    for _ in 0..400 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    // The socket knows that somebody waits when the loop looks for the last time.
    gate.notify_one();
    clients.push(TcpStream::connect(address).await.unwrap());
    setup.stop.cancel();
    running.await.unwrap();
    setup.registry.begin_drain();
    let served = setup.entrance.last_id.load(Ordering::Relaxed);
    assert!(served >= 400, "{served} of {}", clients.len());
}

/// Accepts nobody before it is told to.
struct Held {
    socket: TcpSocket,
    gate: Arc<Notify>,
}

impl Socket for Held {
    async fn accept(&self) -> io::Result<Accepted> {
        self.gate.notified().await;
        self.gate.notify_one();
        self.socket.accept().await
    }
}
