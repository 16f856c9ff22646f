//! What a running service counts, and how Prometheus reads it.
//!
//! - `shards`: a counter is one for each of a few groups of threads, so that cores don't fight over a cache line;
//! - `histogram`: durations, sorted into fixed ranges;
//! - `listener`: what is counted for one listener, by its accept loops and its connections;
//! - `words`: the words of handlers for how a connection ended, as many as a label may have;
//! - `families`: the table of everything that is told: name, type, labels, unit, meaning;
//! - `exposition`: the text that a scrape gets.
//!
//! Nothing here is switched off: a counter costs a few nanoseconds, and one that is off when it is needed tells nothing
//! of the time before.

pub(crate) mod exposition;
pub(crate) mod families;
pub(crate) mod family;
mod histogram;
mod listener;
mod shards;
mod words;

pub(crate) use self::exposition::Exposition;
pub(crate) use self::listener::{Figures, ListenerMetrics, Refused};
