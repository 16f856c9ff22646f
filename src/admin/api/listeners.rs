//! Listeners: how they are, and whether they accept.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::counters::{Allowed, Counters, Patience};
use super::{Nothing, done, no_listener, seconds};
use crate::admin::problem::Problem;
use crate::admin::program::Context;
use crate::admin::routes::{Answer, Api, Named, Shared, Told};
use crate::admin::serve::Visitor;
use crate::admission::Access;
use crate::config::meant::ListenerConfig;
use crate::server::ListenerStatus;

pub(super) fn add(api: &mut Api) {
    const MISSING: &str = "There is no such listener.";
    api.get("/v1/listeners", "listeners", "Every listener", list)
        .answers::<Listeners>("In the order of the file.");
    api.get("/v1/listeners/{name}", "listener", "One listener", one)
        .answers::<Listener>("It.")
        .fails(StatusCode::NOT_FOUND, MISSING);
    let pausing = "Stop accepting: peers wait in the backlog";
    api.post("/v1/listeners/{name}/pause", "pauseListener", pausing, pause)
        .told::<Nothing>()
        .answers::<Listener>("It is paused.")
        .fails(StatusCode::NOT_FOUND, MISSING);
    api.post("/v1/listeners/{name}/resume", "resumeListener", "Accept again", resume)
        .told::<Nothing>()
        .answers::<Listener>("It accepts.")
        .fails(StatusCode::NOT_FOUND, MISSING);
    let draining = "Stop accepting, and ask its connections to end; `resume` accepts again";
    api.post("/v1/listeners/{name}/drain", "drainListener", draining, drain)
        .told::<Nothing>()
        .answers::<Listener>("It is paused, and its connections end.")
        .fails(StatusCode::NOT_FOUND, MISSING);
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
    /// Whether it accepts, or why not: accepting, full, starved, paused, closed or failed.
    state: &'static str,
    /// Where it listens, as server.toml writes it; with port 0 there, the port that the system chose.
    addresses: Vec<String>,
    /// Connections that it serves.
    connections: usize,
    /// `limits.connections`; null is unlimited.
    limit: Option<usize>,
    /// What happens to the next client when a limit is reached: queue, close or reset.
    when_full: &'static str,
    /// Who may come in, as of now.
    access: AccessLists,
    /// Its accept loops have been running within the last seconds, and their sockets work.
    healthy: bool,
    /// The age of their oldest heartbeat, of which there is one a second.
    heartbeat_age_seconds: f64,
    handler: String,
    /// Null is the handler's own.
    codec: Option<String>,
    limits: Allowed,
    timeouts: Patience,
    counters: Counters,
}

/// The lists of who may come in, those in files as they were last read.
#[derive(Serialize, JsonSchema)]
struct AccessLists {
    /// Networks that are let in; null where there is no such list.
    allowed_networks: Option<usize>,
    /// Networks that are not.
    denied_networks: usize,
    /// `access.allow_users`; null where there is no such list.
    users: Option<Vec<String>>,
    /// `access.allow_groups`; null where there is no such list.
    groups: Option<Vec<String>>,
    /// Whom it would refuse is let in, and counted.
    dry_run: bool,
}

/// Every listener with what is configured for it.
pub(super) fn all(context: &Context) -> impl Iterator<Item = (ListenerStatus, &ListenerConfig)> {
    let configured = &context.loaded.config.listeners;
    context.server.listeners().into_iter().filter_map(|status| {
        let config = configured.iter().find(|config| *config.name == *status.name)?;
        Some((status, config))
    })
}

/// Every listener, with what was counted for it.
pub(super) fn told_of_all(context: &Context) -> Vec<Listener> {
    all(context).filter_map(|one| listener(context, one)).collect()
}

fn listener(context: &Context, (status, config): (ListenerStatus, &ListenerConfig)) -> Option<Listener> {
    let figures = context.server.figures(&status.name)?;
    let (allowed, denied) = context.server.access(&status.name).map(Access::networks).unwrap_or_default();
    Some(Listener {
        state: status.state.as_str(),
        addresses: status.addresses.iter().map(ToString::to_string).collect(),
        connections: status.connections,
        limit: config.limits.connections,
        when_full: config.limits.when_full.as_str(),
        access: AccessLists {
            allowed_networks: allowed,
            denied_networks: denied,
            users: config.access.allow_users.clone(),
            groups: config.access.allow_groups.clone(),
            dry_run: config.access.dry_run,
        },
        healthy: status.healthy,
        heartbeat_age_seconds: seconds(status.heartbeat_age),
        handler: config.handler.name.clone(),
        codec: config.codec.as_ref().map(|codec| codec.name.clone()),
        limits: Allowed::from(&config.limits),
        timeouts: Patience::from(&config.timeouts),
        counters: Counters::from(figures),
        name: status.name,
    })
}

async fn list(State(context): State<Shared>) -> Answer<Listeners> {
    Answer(Listeners { listeners: told_of_all(&context) })
}

async fn one(State(context): State<Shared>, Named(name): Named<String>) -> Result<Answer<Listener>, Problem> {
    told(&context, &name)
}

async fn pause(
    State(context): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Named(name): Named<String>,
    _: Told<Nothing>,
) -> Result<Answer<Listener>, Problem> {
    context.server.pause(&name).map_err(|_| no_listener(&name))?;
    done(&visitor, "pause listener", &name);
    told(&context, &name)
}

async fn resume(
    State(context): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Named(name): Named<String>,
    _: Told<Nothing>,
) -> Result<Answer<Listener>, Problem> {
    context.server.resume(&name).map_err(|_| no_listener(&name))?;
    done(&visitor, "resume listener", &name);
    told(&context, &name)
}

async fn drain(
    State(context): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Named(name): Named<String>,
    _: Told<Nothing>,
) -> Result<Answer<Listener>, Problem> {
    // Before its connections are told, so that none is accepted behind them.
    context.server.pause(&name).map_err(|_| no_listener(&name))?;
    for connection in context.server.connections().handles() {
        if connection.info().listener() == name {
            connection.drain();
        }
    }
    done(&visitor, "drain listener", &name);
    told(&context, &name)
}

/// How a listener is.
fn told(context: &Context, name: &str) -> Result<Answer<Listener>, Problem> {
    let found = all(context).find(|(status, _)| status.name == name);
    found.and_then(|found| listener(context, found)).map(Answer).ok_or_else(|| no_listener(name))
}
