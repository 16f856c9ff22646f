//! A connection over memory, under a paused clock: what its client sees, and the word for its end.

mod deadlines;
mod deadlines_own;
mod deadlines_stuck;
mod drain;
mod endings;
mod establishing;
mod handles;
mod held;
mod lingering;
mod live;
mod memory;
mod other_tasks;
mod output;
mod raw;
mod receiving;
mod script;
mod sending;
mod sharing;
mod slow;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::instrument::WithSubscriber;

pub(super) use self::script::Script;
use super::*;
use crate::admission::{Admission, Decision, Gate};
use crate::codec::{Framing, Lines};
use crate::config::{Limits, Timeouts};
use crate::connection::Settings;
use crate::establish::{Layer, Layered, Step, Stream as ByteStream, TakeOff, Transport};
use crate::handler::{Handler, HandlerError, Serve, Service};
use crate::listener::{Address, Local, Peer};
use crate::telemetry::Sampler;
use crate::telemetry::capture::{Capture, Line};
use crate::telemetry::metrics::ListenerMetrics;

type Handled = Result<(), HandlerError>;

/// Longer than any test's clock runs; a connection that has not ended by then never will.
const FOREVER: Duration = Duration::from_secs(10 * 24 * 3600);

/// A listener of which one connection after the other is made. Every deadline is off unless the test sets it.
struct Setup {
    limits: Limits,
    timeouts: Timeouts,
    drain_timeout: Option<Duration>,
    layers: Vec<Box<dyn Layer>>,
    registry: Arc<Registry>,
    gate: Arc<Gate>,
}

/// A connection whose task runs.
struct Served {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    gate: Arc<Gate>,
    task: JoinHandle<()>,
    log: Capture,
    started: Instant,
}

/// How a connection ended, and when.
struct Over {
    word: String,
    after: Duration,
    line: Line,
}

impl Setup {
    fn new() -> Self {
        let off = Timeouts {
            establish: None,
            first_frame: None,
            frame: None,
            write: None,
            idle: None,
            half_close: None,
            lifetime: None,
            lifetime_jitter: 0.0,
        };
        Self {
            limits: Limits::default(),
            timeouts: off,
            drain_timeout: None,
            layers: Vec::new(),
            registry: Arc::new(Registry::new()),
            gate: Arc::new(Gate::new(None)),
        }
    }

    fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    fn timeouts(mut self, set: impl FnOnce(&mut Timeouts)) -> Self {
        set(&mut self.timeouts);
        self
    }

    /// Serves `codec` and `handler` over a pipe of 64 KiB each way.
    fn serve<C, F, Fut>(self, codec: C, handler: F) -> (DuplexStream, Served)
    where
        C: Codec + Clone + Sync,
        F: Fn(Connection<C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Handled> + Send + 'static,
    {
        let (client, server) = duplex(64 * 1024);
        (client, self.serve_over(ByteStream::Boxed(Box::new(server)), codec, handler))
    }

    /// Serves over a stream that the test controls.
    fn serve_scripted<C, F, Fut>(self, codec: C, handler: F) -> (Script, Served)
    where
        C: Codec + Clone + Sync,
        F: Fn(Connection<C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Handled> + Send + 'static,
    {
        let (script, stream) = Script::new();
        (script, self.serve_over(ByteStream::Boxed(Box::new(stream)), codec, handler))
    }

    fn serve_over<C, F, Fut>(self, stream: ByteStream, codec: C, handler: F) -> Served
    where
        C: Codec + Clone + Sync,
        F: Fn(Connection<C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Handled> + Send + 'static,
    {
        self.serve_handler(stream, codec, crate::handler_fn(handler))
    }

    fn serve_handler<H: Handler>(self, stream: ByteStream, codec: H::Codec, handler: H) -> Served
    where
        H::Codec: Clone + Sync,
    {
        self.open(codec, handler)(stream)
    }

    /// Serves one stream after the other, as the connections of one listener.
    fn open<H: Handler>(mut self, codec: H::Codec, handler: H) -> impl Fn(ByteStream) -> Served
    where
        H::Codec: Clone + Sync,
    {
        let service = Arc::new(Service::new(handler, move |_: &H| codec.clone()));
        let settings = Settings {
            failures: Sampler::new(),
            name: "test".into(),
            service: Arc::clone(&service) as Arc<dyn Serve>,
            limits: self.limits,
            timeouts: self.timeouts,
            drain_timeout: self.drain_timeout,
            metrics: Arc::new(ListenerMetrics::new()),
            #[cfg(feature = "admin")]
            questions: Questions::default(),
            #[cfg(feature = "admin")]
            remembered: None,
            access: true,
            layers: mem::take(&mut self.layers),
            #[cfg(feature = "testing")]
            on_end: None,
        };
        let settings = Arc::new(settings);
        let Self { registry, gate, .. } = self;
        let last_id = AtomicU64::new(0);
        // One for all of them: `tracing` asks every subscriber that there is, whenever there is one more.
        let log = Capture::new();
        let dispatch = log.dispatch();
        move |stream| {
            let admission = Admission::new(Arc::clone(&gate), Arc::new(Gate::new(None)));
            let Decision::Admit(permits) = admission.decide() else { panic!("the gate is full") };
            let id = last_id.fetch_add(1, Ordering::Relaxed) + 1;
            let info = Info::new(id, Arc::clone(&settings), Peer(Address::Unnamed), Local(Address::Unnamed));
            settings.metrics.admitted();
            let admitted = registry.enter(Shared::new(info, stream), permits);
            let shared = Arc::clone(admitted.shared());
            let (registry, gate) = (Arc::clone(&registry), Arc::clone(&gate));
            let task = tokio::spawn(run(Arc::clone(&service), admitted).with_subscriber(dispatch.clone()));
            Served { shared, registry, gate, task, log: log.clone(), started: Instant::now() }
        }
    }
}

impl Served {
    /// Waits for the end; checks that everything was given back and that there is one access line.
    async fn over(self) -> Over {
        timeout(FOREVER, self.task).await.expect("the connection has not ended").expect("the task panicked");
        assert_eq!(self.gate.inside(), 0, "a permit was kept");
        assert_eq!(self.registry.abort(), 0, "the registry still knows the connection");
        let id = self.shared.info.id().to_string();
        let lines: Vec<_> = self.log.ended().into_iter().filter(|line| line["id"] == id).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = lines.into_iter().next().unwrap();
        Over { word: line["reason"].to_owned(), after: self.started.elapsed(), line }
    }

    async fn word(self) -> String {
        self.over().await.word
    }

    /// Lets every task run until all of them wait. Moves the clock by a millisecond.
    async fn settle(&self) {
        settle().await;
    }

    fn drain(&self) {
        self.registry.begin_drain();
    }

    fn is_over(&self) -> bool {
        self.task.is_finished()
    }
}

impl Over {
    /// Ended with `word`, at `after`: not before, and not later than the timer's resolution.
    #[track_caller]
    fn was(&self, word: &str, after: Duration) {
        assert_eq!(self.word, word, "after {:?}", self.after);
        let late = after + Duration::from_millis(3);
        assert!(after <= self.after && self.after <= late, "{word} after {:?}, not {after:?}", self.after);
    }
}

/// Lets every task run until all of them wait: only then does the paused clock move.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn lines() -> Framing {
    Framing::new(Lines::default())
}

async fn echo(mut conn: Connection<Framing>) -> Handled {
    while let Some(line) = conn.recv().await? {
        conn.send(line).await?;
    }
    Ok(())
}

/// Receives until the end and answers nothing.
async fn silent<C: Codec>(mut conn: Connection<C>) -> Handled {
    while conn.recv().await?.is_some() {}
    Ok(())
}

/// Reads the next `expected.len()` bytes, which have to be `expected`.
async fn expect(client: &mut DuplexStream, expected: &str) {
    let mut read = vec![0; expected.len()];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&read), expected);
}

async fn read_all(client: &mut DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    all
}

async fn write(client: &mut DuplexStream, bytes: impl AsRef<[u8]>) {
    client.write_all(bytes.as_ref()).await.unwrap();
}

fn bytes_of(length: usize) -> Bytes {
    Bytes::from(vec![b'x'; length])
}
