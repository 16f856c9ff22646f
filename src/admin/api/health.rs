//! Whether the service is alive, and whether clients should be sent to it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{no_listener, seconds};
use crate::admin::problem::Problem;
use crate::admin::routes::{Answer, Api, Asked, Shared};
use crate::server::{ListenerState, ListenerStatus, Phase};

pub(super) fn add(api: &mut Api) {
    api.get("/live", "live", "Whether every accept loop is alive", live)
        .answers::<Live>("All of them are.")
        .answers_with::<Live>(
        StatusCode::SERVICE_UNAVAILABLE,
        "One hangs, or its socket is dead: restart the service.",
    );
    api.get("/ready", "ready", "Whether new clients should be sent here", ready)
        .asked_with::<Which>()
        .answers::<Ready>("They should.")
        .answers_with::<Ready>(StatusCode::SERVICE_UNAVAILABLE, "They should not, and why.")
        .fails(StatusCode::NOT_FOUND, "There is no such listener.");
}

/// Whether every accept loop is alive.
#[derive(Serialize, JsonSchema)]
struct Live {
    live: bool,
    listeners: Vec<Pulse>,
}

/// The accept loops of a listener.
#[derive(Serialize, JsonSchema)]
struct Pulse {
    name: String,
    /// All of them have been running within the last seconds, and their sockets work.
    alive: bool,
    /// The age of their oldest heartbeat, of which there is one a second.
    heartbeat_age_seconds: f64,
}

/// Whether new clients should be sent here.
#[derive(Serialize, JsonSchema)]
struct Ready {
    ready: bool,
    /// Why not; empty if they should.
    reasons: Vec<String>,
}

/// Which listeners are meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// One listener alone; without it, all of them.
    #[serde(default)]
    listener: Option<String>,
}

async fn live(State(context): State<Shared>) -> Response {
    // When the service stops, the loops end, and the drain has a deadline of its own.
    let stopping = !context.server.is_ready();
    let pulse = |listener: ListenerStatus| Pulse {
        alive: listener.healthy || stopping,
        heartbeat_age_seconds: seconds(listener.heartbeat_age),
        name: listener.name,
    };
    let listeners: Vec<Pulse> = context.server.listeners().into_iter().map(pulse).collect();
    let live = listeners.iter().all(|listener| listener.alive);
    with_health(live, Live { live, listeners })
}

async fn ready(State(context): State<Shared>, Asked(which): Asked<Which>) -> Result<Response, Problem> {
    let server = &context.server;
    let mut listeners = server.listeners();
    if let Some(name) = &which.listener {
        listeners.retain(|listener| listener.name == *name);
        if listeners.is_empty() {
            return Err(no_listener(name));
        }
    }
    let mut reasons = Vec::new();
    match server.phase() {
        Phase::Serving => {}
        Phase::LameDuck(_) => reasons.push("the service will stop: it still accepts".to_owned()),
        Phase::Draining(_) => reasons.push("the service stops".to_owned()),
        Phase::Ended(_) => reasons.push("the service has stopped".to_owned()),
    }
    reasons.extend(listeners.iter().filter_map(unready));
    let ready = reasons.is_empty();
    Ok(with_health(ready, Ready { ready, reasons }))
}

/// Why clients should not be sent to a listener. One that is full, or short of resources, is ready all the same: a load balancer
/// whose other servers are as full would be left with none.
fn unready(listener: &ListenerStatus) -> Option<String> {
    let reason = match listener.state {
        ListenerState::Failed => "its socket is dead",
        ListenerState::Paused => "it is paused",
        // As all of them, and that is said already.
        ListenerState::Closed => return None,
        _ if !listener.healthy => "its accept loop hangs",
        _ => return None,
    };
    Some(format!("{} accepts nothing: {reason}", listener.name))
}

fn with_health<T: Serialize>(well: bool, answer: T) -> Response {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Answer(answer)).into_response()
}
