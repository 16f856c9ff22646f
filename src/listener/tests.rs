//! A listener over a socket that fails as the test says.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::duplex;
use tokio::time::{Instant, timeout};
use tracing::Level;
use tracing::instrument::WithSubscriber;

use super::*;
use crate::config::WhenFull;
use crate::establish::Stream;
use crate::listener::{Address, Local, Peer};
use crate::telemetry::capture::Capture;
use crate::telemetry::metrics::ListenerMetrics;

/// Accepts what its script says, errors too, and remembers how it was asked.
#[derive(Clone, Default)]
struct Watched {
    script: Script,
    /// How often it was asked, and when an answer was given.
    calls: Arc<AtomicUsize>,
    answers: Arc<Mutex<Vec<Instant>>>,
}

impl Watched {
    fn push(&self, answers: impl IntoIterator<Item = Result<(), i32>>) {
        for answer in answers {
            self.script.push(answer.map(|()| somebody()).map_err(io::Error::from_raw_os_error));
        }
    }

    /// The times between answers, in milliseconds.
    fn gaps(&self) -> Vec<u128> {
        self.answers.lock().unwrap().windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }
}

impl Socket for Watched {
    async fn accept(&self) -> io::Result<Accepted> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.script.accept().await;
        self.answers.lock().unwrap().push(Instant::now());
        answer
    }
}

fn somebody() -> Accepted {
    Accepted {
        stream: Stream::Boxed(Box::new(duplex(1).0)),
        peer: Peer(Address::Unnamed),
        local: Local(Address::Unnamed),
    }
}

fn listener(when_full: WhenFull) -> (Watched, Arc<Heartbeat>, Listener<Watched>) {
    let (socket, heartbeat, _, listener) = counted(when_full);
    (socket, heartbeat, listener)
}

/// A listener, and its counters.
fn counted(when_full: WhenFull) -> (Watched, Arc<Heartbeat>, Arc<ListenerMetrics>, Listener<Watched>) {
    let (socket, heartbeat) = (Watched::default(), Arc::new(Heartbeat::new()));
    let metrics = Arc::new(ListenerMetrics::new());
    let listener = Listener::new(
        socket.clone(),
        "test".into(),
        when_full,
        Arc::new(Spare::new()),
        Arc::clone(&heartbeat),
        Arc::clone(&metrics),
    );
    (socket, heartbeat, metrics, listener)
}

/// Accepts the next connection, which has to come.
async fn next(listener: &mut Listener<Watched>) -> Accepted {
    timeout(Duration::from_secs(3600), listener.accept()).await.expect("nobody is accepted")
}

mod errors {
    use super::*;
    use crate::platform::accept_errors::{CONNECTION, LISTENER, OURS, OUT_OF_DESCRIPTORS, OUT_OF_MEMORY};

    #[tokio::test(start_paused = true)]
    async fn a_connections_own_errors_are_skipped_at_once() {
        let (socket, heartbeat, mut listener) = listener(WhenFull::Queue);
        socket.push(CONNECTION.iter().copied().map(Err));
        socket.push([Ok(())]);
        let (log, started) = (Capture::new(), Instant::now());
        next(&mut listener).with_subscriber(log.dispatch()).await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert!(log.lines().is_empty() && heartbeat.is_healthy() && !heartbeat.is_starved());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connections_own_errors_that_do_not_end_are_waited_out_too() {
        for errno in CONNECTION.iter().copied().take(2) {
            let (socket, heartbeat, mut listener) = listener(WhenFull::Queue);
            // After a success it is patient again: nothing pauses.
            for _ in 0..3 {
                socket.push([Err(errno); 64]);
                socket.push([Ok(())]);
                let started = Instant::now();
                next(&mut listener).await;
                assert_eq!(started.elapsed(), Duration::ZERO);
            }
            socket.answers.lock().unwrap().clear();
            socket.push([Err(errno); 64 + 3]);
            socket.push([Ok(())]);
            let log = Capture::new();
            let (_, paused) = tokio::join!(next(&mut listener).with_subscriber(log.dispatch()), async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                heartbeat.is_starved()
            });
            assert!(paused && !heartbeat.is_starved());
            assert_eq!(socket.gaps(), [&[0; 64][..], &[10, 20, 40]].concat(), "errno {errno}");
            assert_eq!(log.count(Level::WARN, "accepting pauses"), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn our_errors_are_waited_out_twice_as_long_each_time() {
        for errno in OURS.iter().copied() {
            let (socket, heartbeat, mut listener) = listener(WhenFull::Queue);
            socket.push([Err(errno); 10]);
            socket.push([Ok(())]);
            let (_, paused) = tokio::join!(next(&mut listener), async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                heartbeat.is_starved()
            });
            assert!(paused);
            assert!(!heartbeat.is_starved());
            assert_eq!(socket.gaps(), [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000], "{errno}");

            // After a success the first pause is short again.
            socket.push([Err(errno), Ok(())]);
            let started = Instant::now();
            next(&mut listener).await;
            assert_eq!(started.elapsed().as_millis(), 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_when_an_episode_begins_and_one_when_it_is_over() {
        let (socket, _, mut listener) = listener(WhenFull::Queue);
        let log = Capture::new();
        async {
            // Every second connection fails: one episode.
            for _ in 0..20 {
                socket.push([Err(OUT_OF_DESCRIPTORS), Ok(())]);
                next(&mut listener).await;
                listener.tick();
                tokio::time::sleep(Duration::from_secs(9)).await;
            }
            assert_eq!(log.lines().len(), 1);
            tokio::time::sleep(Duration::from_millis(980)).await;
            listener.tick();
            assert_eq!(log.lines().len(), 1, "not quiet long enough");
            // Ten seconds after the last error, which the last pause came after.
            tokio::time::sleep(Duration::from_millis(10)).await;
            listener.tick();
            listener.tick();
        }
        .with_subscriber(log.dispatch())
        .await;
        assert_eq!(log.count(Level::WARN, "accepting pauses"), 1);
        assert_eq!(log.count(Level::INFO, "accepting without errors again"), 1);
        let lines = log.lines();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["listener"], &lines[0]["when_full"]), ("test", "queue"));
        assert_eq!((&lines[1]["errors"], &lines[1]["turned_away"]), ("20", "0"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_socket_is_said_once_and_never_asked_again() {
        for errno in LISTENER.iter().copied() {
            let (socket, heartbeat, mut listener) = listener(WhenFull::Queue);
            socket.push([Err(errno), Err(errno), Ok(())]);
            let log = Capture::new();
            async {
                // As the accept loop does, which interrupts an accept for each tick.
                for _ in 0..10 {
                    timeout(Heartbeat::INTERVAL, listener.accept()).await.err().expect("nothing is accepted");
                    listener.tick();
                }
            }
            .with_subscriber(log.dispatch())
            .await;
            assert!(!heartbeat.is_healthy());
            assert!(heartbeat.age() < Duration::from_secs(1), "it beats, and is not healthy all the same");
            assert_eq!(log.count(Level::ERROR, "the listening socket is dead"), 1, "{errno}");
            assert_eq!(socket.calls.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_interrupted_goes_on() {
        let (socket, _, mut listener) = listener(WhenFull::Queue);
        socket.push([Err(OUT_OF_DESCRIPTORS); 5]);
        socket.push([Ok(())]);
        let accepted = loop {
            if let Ok(accepted) = timeout(Duration::from_millis(3), listener.accept()).await {
                break accepted;
            }
        };
        drop(accepted);
        // Neither cut short nor begun anew: within the three milliseconds of an interruption.
        for (gap, expected) in socket.gaps().into_iter().zip([10, 20, 40, 80, 160]) {
            assert!((expected..=expected + 4).contains(&gap), "{gap}, not {expected}");
        }
        assert_eq!(socket.gaps().len(), 5);
    }

    // Elsewhere none is held back that could be lent.
    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn without_descriptors_one_peer_is_turned_away_at_each_turn() {
        for (when_full, turned_away) in [(WhenFull::Queue, 0), (WhenFull::Close, 3), (WhenFull::Reset, 3)] {
            let (socket, _, metrics, mut listener) = counted(when_full);
            for _ in 0..3 {
                socket.push([Err(OUT_OF_DESCRIPTORS)]);
                // One for each time that the spare descriptor is lent.
                socket.push((turned_away > 0).then_some(Ok(())));
            }
            socket.push([Ok(())]);
            let log = Capture::new();
            async {
                next(&mut listener).await;
                tokio::time::sleep(Duration::from_secs(10)).await;
                listener.tick();
            }
            .with_subscriber(log.dispatch())
            .await;
            assert_eq!(socket.script.left(), 0);
            let last = log.lines().pop().unwrap();
            assert_eq!((&last["errors"], last["turned_away"].parse()), ("3", Ok(turned_away)));
            let figures = metrics.read();
            assert!(figures.refused.contains(&("refused_descriptors", turned_away)), "{:?}", figures.refused);
            assert_eq!((figures.accepted, figures.active), (turned_away, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn errors_are_counted_by_class_and_pauses_apart() {
        let (socket, _, metrics, mut listener) = counted(WhenFull::Queue);
        for (errors, expected) in [
            (&CONNECTION[..2], [2, 0, 0, 0]),
            (&[OUT_OF_MEMORY, OUT_OF_DESCRIPTORS], [2, 2, 0, 2]),
            (&CONNECTION[..1], [3, 2, 0, 2]),
        ] {
            socket.push(errors.iter().copied().map(Err));
            socket.push([Ok(())]);
            next(&mut listener).await;
            let figures = metrics.read();
            let mut told: Vec<u64> = figures.accept_errors.iter().map(|(_, count)| *count).collect();
            told.push(figures.accept_pauses);
            assert_eq!(told, expected, "{errors:?}");
            // Whether it is served is decided, and counted, elsewhere.
            assert_eq!(figures.accepted, 0);
        }
        socket.push([Err(LISTENER[0])]);
        timeout(Heartbeat::INTERVAL, listener.accept()).await.err().expect("nothing is accepted");
        let errors = metrics.read().accept_errors;
        assert_eq!(errors, [("connection", 3), ("system", 2), ("listener", 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_memory_nobody_is_turned_away() {
        let (socket, _, mut listener) = listener(WhenFull::Close);
        socket.push([Err(OUT_OF_MEMORY), Ok(()), Ok(())]);
        next(&mut listener).await;
        assert_eq!(socket.script.left(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_ages() {
    let heartbeat = Heartbeat::new();
    tokio::time::sleep(Duration::from_millis(9_999)).await;
    assert!(heartbeat.is_healthy());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!heartbeat.is_healthy());
    assert_eq!(heartbeat.age(), Duration::from_secs(10));
    heartbeat.beat();
    assert!(heartbeat.is_healthy());
    assert_eq!(heartbeat.age(), Duration::ZERO);
    heartbeat.fail();
    heartbeat.beat();
    assert!(!heartbeat.is_healthy());
}
