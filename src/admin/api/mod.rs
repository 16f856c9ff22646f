//! The verbs, one file a resource.

mod config;
mod connections;
mod counters;
mod drain;
mod ended;
mod health;
mod listeners;
mod log;
mod metrics;
mod status;
mod why;

use std::time::{Duration, SystemTime};

use axum::Router;
use jiff::{Timestamp, Unit};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::info;

use super::auth::Policy;
use super::problem::Problem;
use super::routes::{Api, Shared};
use super::serve::Visitor;

/// Every verb, and the document about them.
pub(super) fn router(context: Shared, policy: &Policy) -> Router {
    document(policy).with_state(context)
}

fn document(policy: &Policy) -> Router<Shared> {
    let mut api = Api::new();
    health::add(&mut api);
    metrics::add(&mut api);
    status::add(&mut api);
    listeners::add(&mut api);
    connections::add(&mut api);
    ended::add(&mut api);
    config::add(&mut api);
    log::add(&mut api);
    why::add(&mut api);
    drain::add(&mut api);
    api.finish(policy)
}

/// Nothing has to be said: `{}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A time of day, to the millisecond (RFC 3339).
fn time(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).and_then(|time| time.round(Unit::Millisecond));
    time.ok().map(|time| time.to_string())
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// What was done, and who did it, stands in the log.
fn done(visitor: &Visitor, verb: &str, what: &str) {
    info!(target: "terima::admin", by = %visitor.peer, verb, what, "told through the admin interface");
}

/// How many are wanted.
fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    const MOST: usize = 1000;
    match asked.unwrap_or(100) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Problem::bad(format!("`limit` is 1 to {MOST}"))),
    }
}

fn no_listener(name: &str) -> Problem {
    let name = crate::config::quoted(name);
    Problem::missing(format!("no listener is called {name}")).help("/v1/listeners has all of them")
}
