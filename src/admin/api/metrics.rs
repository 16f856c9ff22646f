//! What is counted, as Prometheus reads it.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::admin::routes::{Api, Shared};
use crate::server::Server;

pub(super) fn add(api: &mut Api) {
    api.get("/metrics", "metrics", "What is counted, for Prometheus", metrics)
        .answers_text("text/plain", "Prometheus' text format, version 0.0.4.");
}

async fn metrics(State(context): State<Shared>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, Server::METRICS_CONTENT_TYPE)], context.server.metrics())
}
