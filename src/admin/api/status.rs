//! The service as a whole.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::drain::{Progress, State as Stage};
use super::listeners::{self, Listener};
use super::{seconds, time};
use crate::admin::routes::{Answer, Api, Shared};

pub(super) fn add(api: &mut Api) {
    api.get("/v1/status", "status", "The service as a whole", status).answers::<Status>("How it is.");
}

/// The service, as of now.
#[derive(Serialize, JsonSchema)]
struct Status {
    /// The version of terima.
    version: &'static str,
    /// The number of its process.
    process: u32,
    /// When it began to serve (RFC 3339).
    started: Option<String>,
    uptime_seconds: f64,
    /// The file that its configuration was read from; null where there is none.
    file: Option<String>,
    state: Stage,
    /// Connections that it serves.
    connections: usize,
    /// `server.max_connections`; null is unlimited.
    max_connections: Option<usize>,
    listeners: Vec<Listener>,
    /// Once it is told to stop.
    drain: Option<Progress>,
}

async fn status(State(context): State<Shared>) -> Answer<Status> {
    let server = &context.server;
    Answer(Status {
        version: env!("CARGO_PKG_VERSION"),
        process: std::process::id(),
        started: time(context.started),
        uptime_seconds: seconds(context.started.elapsed().unwrap_or_default()),
        file: context.loaded.file.as_ref().map(|file| file.display().to_string()),
        state: Stage::of(server.phase()),
        connections: server.connections().len(),
        max_connections: server.max_connections(),
        listeners: listeners::told_of_all(&context),
        drain: Progress::of(server),
    })
}
