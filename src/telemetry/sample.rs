//! A cap on log lines that a flood can cause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets a number of lines pass in each interval, and counts the others for the next line that passes.
///
/// It belongs to one kind of line.
#[derive(Debug)]
pub(crate) struct Sampler {
    most: u32,
    interval: Duration,
    state: Mutex<State>,
}

/// One line may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the count of what was left out belongs into the line"]
pub(crate) struct Admitted {
    /// As many lines were left out since the last one.
    pub(crate) suppressed: u64,
}

impl Sampler {
    /// Ten lines in ten seconds.
    pub(crate) const fn new() -> Self {
        Self::at_most(10, Duration::from_secs(10))
    }

    /// `most` lines in each `interval`, which starts with the first line in it.
    pub(crate) const fn at_most(most: u32, interval: Duration) -> Self {
        Self { most, interval, state: Mutex::new(State { started: None, admitted: 0, suppressed: 0 }) }
    }

    /// How many lines were left out in an interval that is over, if no line has told it: to be told by one of its own.
    pub(crate) fn rest(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let over = state.started.is_some_and(|started| started.elapsed() >= self.interval);
        (over && state.suppressed > 0).then(|| std::mem::take(&mut state.suppressed))
    }

    /// Asks for one line; `None` says that it is to be left out.
    pub(crate) fn admit(&self) -> Option<Admitted> {
        let now = Instant::now();
        // Nothing in here panics half way, so a poisoned state is as good as any.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.started.is_none_or(|started| now.duration_since(started) >= self.interval) {
            state.started = Some(now);
            state.admitted = 0;
        }
        if state.admitted == self.most {
            state.suppressed += 1;
            return None;
        }
        state.admitted += 1;
        Some(Admitted { suppressed: std::mem::take(&mut state.suppressed) })
    }
}

#[derive(Debug)]
struct State {
    started: Option<Instant>,
    admitted: u32,
    suppressed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_leaves_a_few_lines_and_a_count() {
        let sampler = Sampler::new();
        let admitted = (0..1000).filter_map(|_| sampler.admit()).collect::<Vec<_>>();
        assert_eq!(admitted, [Admitted { suppressed: 0 }; 10]);

        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert_eq!(sampler.admit(), None);

        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(sampler.admit(), Some(Admitted { suppressed: 991 }));
        assert_eq!(sampler.admit(), Some(Admitted { suppressed: 0 }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_line_has_told_is_told_once_the_interval_is_over() {
        let sampler = Sampler::at_most(1, Duration::from_secs(10));
        let _ = sampler.admit();
        assert_eq!((sampler.admit(), sampler.admit()), (None, None));
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert_eq!(sampler.rest(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(sampler.rest(), Some(2));
        assert_eq!(sampler.rest(), None);
        assert_eq!(sampler.admit(), Some(Admitted { suppressed: 0 }));
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_starts_with_its_first_line() {
        let sampler = Sampler::at_most(1, Duration::from_secs(10));
        assert!(sampler.admit().is_some());
        tokio::time::advance(Duration::from_secs(15)).await;
        assert!(sampler.admit().is_some());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(sampler.admit(), None);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(sampler.admit(), Some(Admitted { suppressed: 1 }));
    }

    #[test]
    fn it_needs_no_runtime() {
        static SAMPLER: Sampler = Sampler::at_most(1, Duration::from_secs(3600));
        assert!(SAMPLER.admit().is_some());
        assert!(SAMPLER.admit().is_none());
    }
}
