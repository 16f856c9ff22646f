//! `terima drain`: stops the service, and tells how far that is.

use std::future::pending;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::client::Unanswered;
use super::{Client, counted, duration, runtime, text};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::Source;
use crate::cli::output;

pub(super) fn drain(source: &Source, json: bool, limit: Option<Duration>) -> Result<Exit, Failure> {
    let client = Client::needed(source)?;
    let mut watch = Watch { json, last: Value::Null, told: String::new() };
    let began = Notify::new();
    let seen_to_its_end = runtime()?.block_on(async {
        let nothing = json!({});
        let watched = client.lines("/v1/drain", &nothing, |progress| {
            watch.tell(progress);
            began.notify_one();
        });
        tokio::select! {
            watched = watched => watched.map(|()| true),
            // Not before the service has said that it drains.
            () = passed(&began, limit) => Ok(false),
        }
    })?;
    if seen_to_its_end { watch.outcome() } else { Ok(watch.given_up()) }
}

async fn passed(began: &Notify, limit: Option<Duration>) {
    began.notified().await;
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}

/// What was told of the drain.
struct Watch {
    json: bool,
    last: Value,
    told: String,
}

impl Watch {
    /// Tells how far it is, where that is news.
    fn tell(&mut self, progress: &Value) {
        let line = if self.json { progress.to_string() } else { line(progress) };
        // The time that is left is no news by itself.
        let news =
            if self.json { line.clone() } else { line.split(';').next().unwrap_or_default().to_owned() };
        if news != self.told {
            // If nobody can read it, the exit code still tells.
            let _ = output::print(format!("{line}\n").as_bytes());
            self.told = news;
        }
        self.last = progress.clone();
    }

    /// What came of it.
    fn outcome(&self) -> Result<Exit, Failure> {
        match text(&self.last, "state") {
            "drained" => Ok(Exit::Ended),
            "timed_out" => Ok(Exit::DrainTimedOut),
            _ => Err(Failure::from(Unanswered::Silent(anyhow!(
                "the service ended without a word on how the drain went: its log has more"
            )))),
        }
    }

    /// It takes longer than it is watched.
    fn given_up(&self) -> Exit {
        if !self.json {
            let left = counted(self.last["connections"].as_u64().unwrap_or_default(), "connection");
            let _ = output::print(format!("still draining, {left} left: the service goes on\n").as_bytes());
        }
        Exit::DrainTimedOut
    }
}

fn line(progress: &Value) -> String {
    let connections = progress["connections"].as_u64().unwrap_or_default();
    let left = counted(connections, "connection");
    let until = match &progress["left_seconds"] {
        Value::Null => "; they have all the time they need".to_owned(),
        _ => format!("; {} until they are cut off", duration(progress, "left_seconds")),
    };
    let until = if connections == 0 { String::new() } else { until };
    match text(progress, "state") {
        "lame_duck" => format!("not ready, still accepting: {left}"),
        "draining" => format!("draining: {left} left{}{until}", reasons(progress)),
        "drained" => "drained: every connection has ended".to_owned(),
        "timed_out" => {
            let aborted = progress["aborted"].as_u64().unwrap_or_default();
            format!("time was over: {} cut off", counted(aborted, "connection"))
        }
        other => other.to_owned(),
    }
}

/// Why connections are not done: ` (3 handler, 1 client)`.
fn reasons(progress: &Value) -> String {
    let reasons = progress["waiting_for"].as_object().into_iter().flatten();
    let reasons: Vec<String> = reasons
        .filter(|(_, count)| **count != json!(0))
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) }
}
