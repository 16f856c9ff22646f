//! Durations, sorted into fixed ranges.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the ranges, in microseconds, each with the text that Prometheus has for it in seconds.
pub(super) type Bounds<const N: usize> = [(u64, &'static str); N];

/// How many durations fell into each range, those beyond the last bound apart, and what they come to together.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    ranges: [AtomicU64; N],
    beyond: AtomicU64,
    /// In microseconds: half a million years of them.
    sum: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { ranges: [const { AtomicU64::new(0) }; N], beyond: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    pub(super) fn observe(&self, bounds: &Bounds<N>, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let range = bounds.iter().position(|(bound, _)| micros <= *bound);
        self.sum.fetch_add(micros, Ordering::Relaxed);
        // After the sum, so that what is counted is contained in it.
        range.map_or(&self.beyond, |range| &self.ranges[range]).fetch_add(1, Ordering::Release);
    }
}

/// What histograms of the same bounds hold together.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    /// For each bound, how many were not above it: cumulative, as Prometheus has it.
    pub(crate) up_to: Vec<(&'static str, u64)>,
    pub(crate) count: u64,
    pub(crate) sum: Duration,
}

impl Distribution {
    pub(super) fn of<'a, const N: usize>(
        bounds: &Bounds<N>,
        histograms: impl Iterator<Item = &'a Histogram<N>>,
    ) -> Self {
        let mut up_to = bounds.map(|(_, text)| (text, 0));
        let (mut count, mut micros) = (0, 0_u64);
        for histogram in histograms {
            let mut below = 0;
            for ((_, up_to), range) in up_to.iter_mut().zip(&histogram.ranges) {
                below += range.load(Ordering::Acquire);
                *up_to += below;
            }
            count += below + histogram.beyond.load(Ordering::Acquire);
            micros = micros.wrapping_add(histogram.sum.load(Ordering::Relaxed));
        }
        Self { up_to: up_to.to_vec(), count, sum: Duration::from_micros(micros) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds<2> = [(1_000, "0.001"), (1_000_000, "1")];

    #[test]
    fn a_bound_belongs_to_its_range() {
        for (micros, expected) in [
            (0, [1, 1, 1]),
            (1_000, [1, 1, 1]),
            (1_001, [0, 1, 1]),
            (1_000_000, [0, 1, 1]),
            (1_000_001, [0, 0, 1]),
            (u64::MAX, [0, 0, 1]),
        ] {
            let histogram = Histogram::default();
            histogram.observe(&BOUNDS, Duration::from_micros(micros));
            let all = Distribution::of(&BOUNDS, [&histogram].into_iter());
            assert_eq!([all.up_to[0].1, all.up_to[1].1, all.count], expected, "{micros} µs");
            assert_eq!(all.sum, Duration::from_micros(micros));
        }
    }

    #[test]
    fn several_are_added_up() {
        let histograms = [Histogram::default(), Histogram::default()];
        for (histogram, seconds) in [(&histograms[0], 0), (&histograms[1], 1), (&histograms[1], 2)] {
            histogram.observe(&BOUNDS, Duration::from_secs(seconds));
        }
        let all = Distribution::of(&BOUNDS, histograms.iter());
        assert_eq!((all.up_to, all.count), (vec![("0.001", 1), ("1", 2)], 3));
        assert_eq!(all.sum, Duration::from_secs(3));
    }
}
