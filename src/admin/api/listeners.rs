//! Listeners: how they are.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::{no_listener, seconds};
use crate::admin::problem::Problem;
use crate::admin::program::Context;
use crate::admin::routes::{Answer, Api, Named, Shared};
use crate::config::meant::ListenerConfig;
use crate::server::ListenerStatus;

pub(super) fn add(api: &mut Api) {
    api.get("/v1/listeners", "listeners", "Every listener", list)
        .answers::<Listeners>("In the order of the file.");
    api.get("/v1/listeners/{name}", "listener", "One listener", one)
        .answers::<Listener>("It.")
        .fails(StatusCode::NOT_FOUND, "There is no such listener.");
}

/// Every listener.
#[derive(Serialize, JsonSchema)]
struct Listeners {
    listeners: Vec<Listener>,
}

/// A listener, as of now.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listener {
    pub(super) name: String,
    /// Where it listens, as server.toml writes it; with port 0 there, the port that the system chose.
    addresses: Vec<String>,
    /// Connections that it serves.
    connections: usize,
    /// `limits.connections`; null is unlimited.
    limit: Option<usize>,
    /// What happens to the next client when a limit is reached: queue, close or reset.
    when_full: &'static str,
    /// Its accept loops have been running within the last seconds, and their sockets work.
    healthy: bool,
    /// The age of their oldest heartbeat, of which there is one a second.
    heartbeat_age_seconds: f64,
    handler: String,
    /// Null is the handler's own.
    codec: Option<String>,
}

/// Every listener with what is configured for it.
pub(super) fn all(context: &Context) -> impl Iterator<Item = (ListenerStatus, &ListenerConfig)> {
    let configured = &context.loaded.config.listeners;
    context.server.listeners().into_iter().filter_map(|status| {
        let config = configured.iter().find(|config| *config.name == *status.name)?;
        Some((status, config))
    })
}

pub(super) fn listener((status, config): (ListenerStatus, &ListenerConfig)) -> Listener {
    Listener {
        addresses: status.addresses.iter().map(ToString::to_string).collect(),
        connections: status.connections,
        limit: config.limits.connections,
        when_full: config.limits.when_full.as_str(),
        healthy: status.healthy,
        heartbeat_age_seconds: seconds(status.heartbeat_age),
        handler: config.handler.name.clone(),
        codec: config.codec.as_ref().map(|codec| codec.name.clone()),
        name: status.name,
    }
}

async fn list(State(context): State<Shared>) -> Answer<Listeners> {
    Answer(Listeners { listeners: all(&context).map(listener).collect() })
}

async fn one(State(context): State<Shared>, Named(name): Named<String>) -> Result<Answer<Listener>, Problem> {
    let mut found = all(&context).filter(|(status, _)| status.name == name);
    found.next().map(|found| Answer(listener(found))).ok_or_else(|| no_listener(&name))
}
