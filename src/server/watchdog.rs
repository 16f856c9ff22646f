//! Says that a worker of the runtime is blocked.
//!
//! A handler that waits without awaiting keeps its thread from every other connection on it, and nothing else shows it: no
//! error, no load. So a thread of its own looks at the workers from outside.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use tokio::runtime::RuntimeMetrics;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::admission::Gate;
use crate::telemetry::Sampler;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// A worker that is at one and the same piece of work for so long is blocked. What computes that long belongs into
/// `spawn_blocking` too.
const LIMIT: Duration = Duration::from_secs(5);

/// How many workers are blocked.
#[derive(Debug, Default)]
pub(super) struct Blocked(AtomicUsize);

impl Blocked {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks at the workers for as long as there is something to serve, which is as long as there is `server`.
pub(super) fn start(runtime: RuntimeMetrics, server: &Arc<Gate>) -> Arc<Blocked> {
    let (blocked, server) = (Arc::new(Blocked::default()), Arc::downgrade(server));
    let told = Arc::clone(&blocked);
    let watching =
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || watch(&runtime, &server, &told));
    if let Err(error) = watching {
        warn!(%error, "nobody looks whether workers are blocked");
    }
    blocked
}

fn watch(runtime: &RuntimeMetrics, server: &Weak<Gate>, blocked: &Blocked) {
    let (mut workers, lines) = (Workers::default(), Sampler::new());
    while server.strong_count() > 0 {
        // Nobody unparks it, and to look early does no harm.
        thread::park_timeout(EVERY);
        for news in workers.look(Instant::now(), &read(runtime)) {
            let Some(admitted) = lines.admit() else { continue };
            let suppressed = admitted.suppressed;
            match news {
                News::Blocked { worker, since } => warn!(
                    worker,
                    ?since,
                    suppressed,
                    "a worker thread is blocked: what waits or computes for long belongs into spawn_blocking"
                ),
                News::Runs { worker, after } => {
                    info!(worker, blocked = ?after, suppressed, "a worker thread runs again");
                }
            }
        }
        blocked.0.store(workers.blocked(), Ordering::Relaxed);
    }
}

/// What one worker tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    /// How often it has gone to sleep and woken: an odd number sleeps.
    turns: u64,
    /// The time that its work has taken, as of when it last looked up from it: at least every 61 polls.
    busy: Duration,
}

#[cfg(target_has_atomic = "64")]
fn read(runtime: &RuntimeMetrics) -> Vec<Reading> {
    let reading = |worker| Reading {
        turns: runtime.worker_park_unpark_count(worker),
        busy: runtime.worker_total_busy_duration(worker),
    };
    (0..runtime.num_workers()).map(reading).collect()
}

/// Where a runtime does not tell, nobody is blocked.
#[cfg(not(target_has_atomic = "64"))]
fn read(_runtime: &RuntimeMetrics) -> Vec<Reading> {
    Vec::new()
}

/// What was seen of the workers.
#[derive(Debug, Default)]
struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    reading: Reading,
    /// When that was seen first.
    since: Instant,
    blocked: bool,
}

/// What has changed.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Blocked { worker: usize, since: Duration },
    Runs { worker: usize, after: Duration },
}

impl Workers {
    fn look(&mut self, now: Instant, readings: &[Reading]) -> Vec<News> {
        let mut news = Vec::new();
        for (worker, &reading) in readings.iter().enumerate() {
            let Some(seen) = self.0.get_mut(worker) else {
                self.0.push(Worker { reading, since: now, blocked: false });
                continue;
            };
            let since = now.duration_since(seen.since);
            let at_work = reading.turns % 2 == 0;
            if seen.reading == reading && at_work {
                if since >= LIMIT && !seen.blocked {
                    seen.blocked = true;
                    news.push(News::Blocked { worker, since });
                }
            } else {
                if seen.blocked {
                    news.push(News::Runs { worker, after: since });
                }
                *seen = Worker { reading, since: now, blocked: false };
            }
        }
        news
    }

    fn blocked(&self) -> usize {
        self.0.iter().filter(|worker| worker.blocked).count()
    }
}

#[cfg(all(test, target_has_atomic = "64"))]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::Builder;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn blocked_is_who_is_at_the_same_work_for_long() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        let mut look = |at, readings: [(u64, u64); 2]| {
            let readings = readings.map(|(turns, busy)| Reading { turns, busy: secs(busy) });
            let news = workers.look(start + secs(at), &readings);
            (news, workers.blocked())
        };
        // The first sleeps all the time; the other works.
        assert_eq!(look(0, [(1, 0), (2, 0)]), (vec![], 0));
        assert_eq!(look(4, [(1, 0), (2, 0)]), (vec![], 0));
        assert_eq!(look(5, [(1, 0), (2, 0)]), (vec![News::Blocked { worker: 1, since: secs(5) }], 1));
        assert_eq!(look(60, [(1, 0), (2, 0)]), (vec![], 1), "said once");
        assert_eq!(look(61, [(1, 0), (2, 61)]), (vec![News::Runs { worker: 1, after: secs(61) }], 0));
        // Always at work, but at another each time.
        for at in 62..100 {
            assert_eq!(look(at, [(1, 0), (2, at)]), (vec![], 0));
        }
    }

    #[test]
    fn a_runtime_tells_who_is_blocked() {
        let current_thread = Builder::new_current_thread().build().unwrap();
        let multi_thread = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        // A thread drives the first, as the command line does.
        let handle = current_thread.handle().clone();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let driver = thread::spawn(move || drop(current_thread.block_on(ended)));
        for runtime in [&handle, multi_thread.handle()] {
            let (mut workers, start) = (Workers::default(), Instant::now());
            let (release, blocked) = mpsc::channel::<()>();
            let (started, wait) = mpsc::channel();
            let task = runtime.spawn(async move {
                started.send(()).unwrap();
                blocked.recv().unwrap();
            });
            wait.recv().unwrap();
            let mut look = |at| workers.look(start + secs(at), &read(&runtime.metrics()));
            assert_eq!(look(0), []);
            assert_eq!(look(5), [News::Blocked { worker: 0, since: secs(5) }]);
            release.send(()).unwrap();
            while !task.is_finished() {
                thread::yield_now();
            }
            // It goes to sleep as soon as it finds nothing to do.
            let news = std::iter::repeat_with(|| look(6)).find(|news| !news.is_empty()).unwrap();
            assert_eq!(news, [News::Runs { worker: 0, after: secs(6) }]);
        }
        end.send(()).unwrap();
        driver.join().unwrap();
    }

    #[test]
    fn it_ends_with_the_server() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let server = Arc::new(Gate::new(None));
        let weak = Arc::downgrade(&server);
        drop(server);
        watch(&runtime.metrics(), &weak, &Blocked::default());
    }
}
