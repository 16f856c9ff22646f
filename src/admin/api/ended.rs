//! The connections that ended last.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{seconds, time};
use crate::admin::problem::Problem;
use crate::admin::routes::{Answer, Api, Asked, Shared};
use crate::telemetry::remembered::Gone;

pub(super) fn add(api: &mut Api) {
    api.get("/v1/ended", "ended", "The connections that ended last", list)
        .asked_with::<Question>()
        .answers::<Ended>("The last one first; at most `admin.remember`.");
}

/// Which of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// Of one listener.
    #[serde(default)]
    listener: Option<String>,
    /// With one end reason.
    #[serde(default)]
    reason: Option<String>,
    /// As many at most: 1 to 1000, without it 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// The connections that ended last.
#[derive(Serialize, JsonSchema)]
struct Ended {
    ended: Vec<EndedConnection>,
}

/// A connection that has ended.
#[derive(Serialize, JsonSchema)]
struct EndedConnection {
    /// As in its access line.
    id: u64,
    listener: String,
    peer: String,
    client: String,
    /// When it ended (RFC 3339).
    at: Option<String>,
    /// From accept to end.
    age_seconds: f64,
    bytes_in: u64,
    bytes_out: u64,
    frames_in: u64,
    frames_out: u64,
    /// Why it ended: the word of the access line.
    reason: &'static str,
    /// What went wrong, if that is known.
    error: Option<String>,
}

async fn list(
    State(context): State<Shared>,
    Asked(question): Asked<Question>,
) -> Result<Answer<Ended>, Problem> {
    let Question { listener, reason, limit } = question;
    let limit = super::limit(limit)?;
    let wanted = |gone: &Gone| {
        listener.as_ref().is_none_or(|name| gone.listener == *name)
            && reason.as_ref().is_none_or(|reason| gone.reason == reason)
    };
    let ended = context.server.remembered(limit, wanted).into_iter().map(|gone| EndedConnection {
        id: gone.id,
        listener: gone.listener.clone(),
        peer: gone.peer.to_string(),
        client: gone.client.to_string(),
        at: time(gone.at),
        age_seconds: seconds(gone.age),
        bytes_in: gone.bytes_in,
        bytes_out: gone.bytes_out,
        frames_in: gone.frames_in,
        frames_out: gone.frames_out,
        reason: gone.reason,
        error: gone.error.clone(),
    });
    Ok(Answer(Ended { ended: ended.collect() }))
}
