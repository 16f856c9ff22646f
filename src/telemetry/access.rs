//! The access line: one for each ended connection.

use std::error::Error;
use std::fmt;
use std::time::Duration;
#[cfg(feature = "admin")]
use std::time::SystemTime;

use tracing::{debug, info, warn};

use super::escape::Escaped;
use super::identity::Identity;
#[cfg(feature = "admin")]
use super::remembered::Gone;
use crate::connection::{Ended, Shared};

/// Writes the line of a connection that has ended: an event of target `terima::access`, at level info; at level debug where
/// somebody only looked whether the service is there, which many do every other second. Nothing in it is
/// written by the client: what its handler made of its bytes is escaped and cut.
pub(crate) fn record(connection: &Shared, ended: &Ended) {
    let info = &connection.info;
    let error = ended.error.as_deref().map(|error| Escaped(&Chain(error)).to_string());
    if ended.is_failure()
        && let Some(admitted) = connection.settings().failures.admit()
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
    let is_probe = ended.is_probe || info.is_probe();
    #[cfg(feature = "admin")]
    if let Some(remembered) =
        connection.settings().remembered.as_ref().filter(|_| !is_probe && !ended.reason.is_refusal())
    {
        remembered.note(gone(connection, ended, error.clone()));
    }
    // Of those that are refused, a few are told where it happens.
    if !connection.settings().access || ended.reason.is_refusal() {
        return;
    }
    let counters = connection.counters();
    let Identity { tls, sni, alpn, certificate } = Identity::of(info);
    // A level is part of what is known at compile time.
    macro_rules! line {
        ($level:ident) => {
            $level!(
                target: "terima::access",
                id = info.id(),
                listener = info.listener(),
                peer = %info.peer(),
                client = %info.client(),
                duration_ms = milliseconds(counters.age),
                bytes_in = counters.bytes_in,
                bytes_out = counters.bytes_out,
                frames_in = counters.frames_in,
                frames_out = counters.frames_out,
                reason = ended.word(),
                tls,
                sni,
                alpn,
                certificate,
                error,
            )
        };
    }
    if is_probe {
        line!(debug);
    } else {
        line!(info);
    }
}

/// What stays of a connection.
#[cfg(feature = "admin")]
fn gone(connection: &Shared, ended: &Ended, error: Option<String>) -> Gone {
    let (info, counters) = (&connection.info, connection.counters());
    Gone {
        id: info.id(),
        listener: info.listener().to_owned(),
        peer: info.peer(),
        client: info.client(),
        at: SystemTime::now(),
        age: counters.age,
        bytes_in: counters.bytes_in,
        bytes_out: counters.bytes_out,
        frames_in: counters.frames_in,
        frames_out: counters.frames_out,
        reason: ended.word(),
        error,
    }
}

/// An error with what caused it: each of our own says its own level alone.
struct Chain<'a>(&'a (dyn Error + Send + Sync));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// To the microsecond, and no further digits.
fn milliseconds(age: Duration) -> f64 {
    // Exact up to 285 years.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let micros = age.as_micros() as f64;
    micros / 1e3
}
