//! One kind of figure, as the table has it.

use std::fmt;

/// A metric family: one row of the table in `docs/metrics.md`, and what a scrape says of it before its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    /// What is counted or measured; empty for what has none.
    pub(crate) unit: &'static str,
    pub(crate) meaning: &'static str,
}

/// What may happen to the figure from one scrape to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, from 0 at the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations, sorted into ranges: each of them a counter.
    Histogram,
}

impl Family {
    pub(super) const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Counter, labels, unit, meaning }
    }

    pub(super) const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Gauge, labels, unit, meaning }
    }

    pub(super) const fn histogram(
        name: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram, labels, unit: "seconds", meaning }
    }
}

/// As Prometheus calls it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}
