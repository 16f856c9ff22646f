//! What is counted for one listener.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::{Bounds, Distribution, Histogram};
use super::shards::Shards;
use super::words::Words;
use crate::connection::EndReason;
use crate::platform::Blame;

/// How long connections last, from accept to end.
const DURATIONS: Bounds<14> = [
    (1_000, "0.001"),
    (5_000, "0.005"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1.0"),
    (5_000_000, "5.0"),
    (15_000_000, "15.0"),
    (60_000_000, "60.0"),
    (300_000_000, "300.0"),
    (900_000_000, "900.0"),
    (3_600_000_000, "3600.0"),
    (14_400_000_000, "14400.0"),
    (86_400_000_000, "86400.0"),
];

/// How long it takes from accept to the start of the handler.
const ESTABLISH_DURATIONS: Bounds<14> = [
    (100, "0.0001"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1.0"),
    (2_500_000, "2.5"),
    (10_000_000, "10.0"),
];

/// How often an exact reading is tried. While connections end faster than they can be added up there is none.
const MOST_READINGS: usize = 16;

/// The counters of one listener: its accept loops and its connections write them, wherever they run.
///
/// **They close.** What was accepted was refused, has ended or is active, and none of it is counted below zero, whenever
/// they are read. For that they are written in the order in which things happen, each with `Release`, and read with
/// `Acquire` in the reverse order: an end that is seen has its accept seen too. `active` and `establishing` are not
/// counters: they are what is left.
#[derive(Debug)]
pub(crate) struct ListenerMetrics {
    shards: Shards<Shard>,
    words: Words,
}

/// The part of one group of threads. What every read and write of a connection counts shares one cache line.
#[derive(Debug, Default)]
struct Shard {
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    received_frames: AtomicU64,
    sent_frames: AtomicU64,
    accepted: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
    /// Ended before the handler could start.
    unestablished: AtomicU64,
    ended: [AtomicU64; EndReason::ALL.len()],
    accept_errors: [AtomicU64; ACCEPT_ERRORS.len()],
    accept_pauses: AtomicU64,
    access_dry_runs: AtomicU64,
    establish_durations: Histogram<{ ESTABLISH_DURATIONS.len() }>,
    durations: Histogram<{ DURATIONS.len() }>,
}

/// Why a connection was not served although it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `access` does not let it in.
    Access,
    /// A limit on connections was reached.
    Limit,
    /// There was no descriptor for it, but the spare one.
    Descriptors,
}

/// The label `class` of an error of `accept`, in the order of [`Blame`].
const ACCEPT_ERRORS: [&str; 3] = ["connection", "system", "listener"];

impl ListenerMetrics {
    pub(crate) fn new() -> Self {
        Self { shards: Shards::new(), words: Words::default() }
    }

    /// A connection was accepted and is going to be served: [`ended`](Self::ended) has to follow.
    pub(crate) fn admitted(&self) {
        self.shards.accepted.fetch_add(1, Ordering::Release);
    }

    /// A connection was accepted and turned away.
    pub(crate) fn refused(&self, reason: Refused) {
        let shard = &*self.shards;
        shard.accepted.fetch_add(1, Ordering::Release);
        shard.refused[reason as usize].fetch_add(1, Ordering::Release);
    }

    /// The handler of a connection starts, so long after the accept.
    pub(crate) fn established(&self, after: Duration) {
        self.shards.establish_durations.observe(&ESTABLISH_DURATIONS, after);
    }

    /// A connection will end before its handler could start.
    pub(crate) fn not_established(&self) {
        self.shards.unestablished.fetch_add(1, Ordering::Release);
    }

    /// A connection has ended, and `word` is the one for it.
    pub(crate) fn ended(&self, reason: EndReason, word: &'static str, lasted: Duration) {
        let shard = &*self.shards;
        shard.durations.observe(&DURATIONS, lasted);
        let reason = if word == reason.as_str() {
            reason
        } else if let Some(known) = EndReason::ALL.iter().find(|known| known.as_str() == word) {
            // The handler uses a word that is not its own. It is not a second time series of the same name.
            *known
        } else if self.words.count(word) {
            return;
        } else {
            reason
        };
        shard.ended[reason as usize].fetch_add(1, Ordering::Release);
    }

    /// Bytes were read from a client.
    #[inline]
    pub(crate) fn received(&self, bytes: usize) {
        self.shards.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes were written to a client.
    #[inline]
    pub(crate) fn sent(&self, bytes: usize) {
        self.shards.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Frames were decoded.
    #[inline]
    pub(crate) fn received_frames(&self, frames: u64) {
        self.shards.received_frames.fetch_add(frames, Ordering::Relaxed);
    }

    /// Frames were encoded.
    #[inline]
    pub(crate) fn sent_frames(&self, frames: u64) {
        self.shards.sent_frames.fetch_add(frames, Ordering::Relaxed);
    }

    /// `accept` failed.
    pub(crate) fn accept_failed(&self, blame: Blame) {
        self.shards.accept_errors[blame as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Accepting pauses.
    pub(crate) fn accept_paused(&self) {
        self.shards.accept_pauses.fetch_add(1, Ordering::Relaxed);
    }

    /// Access would have refused a connection, and is not to.
    pub(crate) fn access_dry_run(&self) {
        self.shards.access_dry_runs.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them, as of now.
    pub(crate) fn read(&self) -> Figures {
        let mut over = self.read_over();
        for _ in 1..MOST_READINGS {
            let figures = self.read_after(&over);
            // Nothing has ended meanwhile: so it was all true at one moment. Otherwise `active` may hold who has left.
            let again = self.read_over();
            if again == over {
                return figures;
            }
            over = again;
        }
        self.read_after(&over)
    }

    fn read_over(&self) -> Over {
        let mut ended: Vec<(&str, u64)> =
            EndReason::ALL.iter().map(|reason| (reason.as_str(), 0)).chain(self.words.iter()).collect();
        let mut refused = Refused::ALL.map(|reason| (reason.as_str(), 0));
        for shard in self.shards.iter() {
            add(&mut ended, &shard.ended);
            add(&mut refused, &shard.refused);
        }
        Over { ended, refused }
    }

    /// Reads what comes before the end of a connection, in the reverse order of its life.
    fn read_after(&self, over: &Over) -> Figures {
        let shards = || self.shards.iter();
        let sum = |counter: fn(&Shard) -> &AtomicU64| {
            shards().map(|shard| counter(shard).load(Ordering::Acquire)).sum::<u64>()
        };
        let unestablished = sum(|shard| &shard.unestablished);
        let establish_durations =
            Distribution::of(&ESTABLISH_DURATIONS, shards().map(|shard| &shard.establish_durations));
        let accepted = sum(|shard| &shard.accepted);

        let count = |counts: &[(&str, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
        // The order of reading sees to it that nothing is cut off here.
        let admitted = accepted.saturating_sub(count(&over.refused));
        let mut accept_errors = ACCEPT_ERRORS.map(|class| (class, 0));
        for shard in shards() {
            add(&mut accept_errors, &shard.accept_errors);
        }
        Figures {
            accepted,
            refused: over.refused.to_vec(),
            ended: over.ended.clone(),
            active: admitted.saturating_sub(count(&over.ended)),
            establishing: admitted.saturating_sub(establish_durations.count + unestablished),
            received_bytes: sum(|shard| &shard.received_bytes),
            sent_bytes: sum(|shard| &shard.sent_bytes),
            received_frames: sum(|shard| &shard.received_frames),
            sent_frames: sum(|shard| &shard.sent_frames),
            accept_errors: accept_errors.to_vec(),
            accept_pauses: sum(|shard| &shard.accept_pauses),
            access_dry_runs: sum(|shard| &shard.access_dry_runs),
            establish_durations,
            durations: Distribution::of(&DURATIONS, shards().map(|shard| &shard.durations)),
        }
    }
}

/// What was counted for a listener until now.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Taken off its accept queues, those that were turned away included.
    pub(crate) accepted: u64,
    /// Turned away, by reason.
    pub(crate) refused: Vec<(&'static str, u64)>,
    /// Ended, by reason.
    pub(crate) ended: Vec<(&'static str, u64)>,
    /// Accepted, neither turned away nor ended.
    pub(crate) active: u64,
    /// Active, and the handler has not started yet.
    pub(crate) establishing: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_frames: u64,
    pub(crate) sent_frames: u64,
    /// Errors of `accept`, by class.
    pub(crate) accept_errors: Vec<(&'static str, u64)>,
    pub(crate) accept_pauses: u64,
    pub(crate) access_dry_runs: u64,
    pub(crate) establish_durations: Distribution,
    pub(crate) durations: Distribution,
}

/// What is over: read first.
#[derive(PartialEq, Eq)]
struct Over {
    ended: Vec<(&'static str, u64)>,
    refused: [(&'static str, u64); Refused::ALL.len()],
}

impl Refused {
    pub(crate) const ALL: [Self; 3] = [Self::Access, Self::Limit, Self::Descriptors];

    /// The word for it in log, metric and API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Access => "refused_access",
            Self::Limit => "refused_limit",
            Self::Descriptors => "refused_descriptors",
        }
    }
}

/// Adds the counters to the first of the sums.
fn add(sums: &mut [(&'static str, u64)], counters: &[AtomicU64]) {
    for ((_, sum), counter) in sums.iter_mut().zip(counters) {
        *sum += counter.load(Ordering::Acquire);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn of(counts: &[(&'static str, u64)], word: &str) -> Option<u64> {
        counts.iter().find(|(known, _)| *known == word).map(|(_, count)| *count)
    }

    #[test]
    fn a_label_stands_where_its_counter_is() {
        for (index, reason) in EndReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason}");
        }
        for (index, reason) in Refused::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason:?}");
        }
        for (blame, class) in
            [(Blame::Connection, "connection"), (Blame::Ours, "system"), (Blame::Listener, "listener")]
        {
            let metrics = ListenerMetrics::new();
            metrics.accept_failed(blame);
            let errors = metrics.read().accept_errors;
            assert_eq!(of(&errors, class), Some(1), "{errors:?}");
            assert_eq!(errors.iter().map(|(_, count)| count).sum::<u64>(), 1, "{errors:?}");
        }
    }

    #[test]
    fn a_connection_is_counted_at_each_stage_of_its_life() {
        let metrics = ListenerMetrics::new();
        let seen = || {
            let figures = metrics.read();
            let ended: u64 = figures.ended.iter().map(|(_, count)| count).sum();
            [figures.accepted, figures.establishing, figures.active, ended]
        };
        assert_eq!(seen(), [0, 0, 0, 0]);
        metrics.admitted();
        assert_eq!(seen(), [1, 1, 1, 0]);
        metrics.established(SECOND);
        assert_eq!(seen(), [1, 0, 1, 0]);
        metrics.ended(EndReason::Idle, "idle", SECOND);
        assert_eq!(seen(), [1, 0, 0, 1]);
        metrics.admitted();
        metrics.not_established();
        metrics.ended(EndReason::EstablishTls, "establish_tls", SECOND);
        assert_eq!(seen(), [2, 0, 0, 2]);
        for reason in Refused::ALL {
            metrics.refused(reason);
        }
        assert_eq!(seen(), [5, 0, 0, 2]);
        let figures = metrics.read();
        assert_eq!(
            figures.refused,
            [("refused_access", 1), ("refused_limit", 1), ("refused_descriptors", 1)]
        );
        assert_eq!((figures.durations.count, figures.establish_durations.count), (2, 1));
    }

    #[test]
    fn a_handlers_word_is_a_label_and_terimas_words_stay_single() {
        let metrics = ListenerMetrics::new();
        let failed = |word| metrics.ended(EndReason::HandlerError, word, SECOND);
        for _ in 0..100 {
            metrics.admitted();
        }
        for word in ["handler_error", "quota", "quota", "idle"] {
            failed(word);
        }
        for n in 0..96 {
            failed(&*format!("word_{n}").leak());
        }
        let Figures { ended, active, .. } = metrics.read();
        assert_eq!((of(&ended, "quota"), of(&ended, "idle")), (Some(2), Some(1)));
        // The first 32 words have a place, `quota` among them.
        assert_eq!(ended.len(), EndReason::ALL.len() + 32);
        assert_eq!(of(&ended, "handler_error"), Some(1 + 96 - 31));
        assert_eq!(active, 0);
    }

    #[test]
    fn it_closes_at_any_time() {
        const THREADS: u64 = 4;
        const CONNECTIONS: u64 = 20_000;
        let metrics = ListenerMetrics::new();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut last = 0;
                        while !done.load(Ordering::Relaxed) {
                            let figures = metrics.read();
                            let over: u64 =
                                figures.ended.iter().chain(&figures.refused).map(|(_, count)| count).sum();
                            assert_eq!(figures.accepted, over + figures.active);
                            assert!(figures.establishing <= figures.active, "{figures:?}");
                            assert!(figures.accepted >= last);
                            last = figures.accepted;
                        }
                    })
                })
                .collect();
            let writers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        for n in 0..CONNECTIONS {
                            match n % 8 {
                                0 => metrics.refused(Refused::Limit),
                                1 => {
                                    metrics.admitted();
                                    metrics.not_established();
                                    metrics.ended(EndReason::EstablishTls, "establish_tls", SECOND);
                                }
                                _ => {
                                    metrics.admitted();
                                    metrics.established(SECOND);
                                    metrics.ended(EndReason::HandlerError, "quota", SECOND);
                                }
                            }
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, Ordering::Relaxed);
            for reader in readers {
                reader.join().unwrap();
            }
        });
        let figures = metrics.read();
        assert_eq!((figures.accepted, figures.active), (THREADS * CONNECTIONS, 0));
        assert_eq!(of(&figures.ended, "quota"), Some(THREADS * CONNECTIONS / 8 * 6));
    }
}
