//! The access line: one for each ended connection.

use tracing::{info, warn};

use super::escape::Escaped;
use super::sample::Sampler;
use crate::connection::{Ended, Shared};

/// Handlers fail as often as their clients want them to.
static FAILURES: Sampler = Sampler::new();

/// Writes the line of a connection that has ended: an event of target `terima::access` at level info. Nothing in it is
/// written by the client: what its handler made of its bytes is escaped and cut.
pub(crate) fn record(connection: &Shared, ended: &Ended) {
    let info = &connection.info;
    let error = ended.error.as_ref().map(|error| Escaped(error).to_string());
    if ended.is_failure()
        && let Some(admitted) = FAILURES.admit()
    {
        warn!(
            id = info.id(),
            listener = info.listener(),
            reason = ended.word(),
            error,
            suppressed = admitted.suppressed,
            "a handler failed"
        );
    }
    if !connection.settings().access {
        return;
    }
    let counters = connection.counters();
    info!(
        target: "terima::access",
        id = info.id(),
        listener = info.listener(),
        peer = %info.peer(),
        client = %info.client(),
        duration_ms = counters.age.as_secs_f64() * 1e3,
        bytes_in = counters.bytes_in,
        bytes_out = counters.bytes_out,
        frames_in = counters.frames_in,
        frames_out = counters.frames_out,
        reason = ended.word(),
        error,
    );
}
