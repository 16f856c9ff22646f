//! What goes over the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `{"id": 1, "method": "put", "params": {"item": "screw", "count": 10}}`
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    /// Comes back with the response.
    pub(crate) id: Option<u64>,
    #[serde(flatten)]
    pub(crate) call: Call,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "lowercase")]
pub(crate) enum Call {
    /// Puts so many more of an item into the stock.
    Put { item: String, count: u64 },
    /// Takes so many of an item, or none.
    Take { item: String, count: u64 },
    /// How many there are of each item: of so many as an answer holds.
    List(Option<After>),
}

/// Where a list goes on; without it, it begins.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    pub(crate) after: String,
}

/// `{"id": 1, "result": 10}` or `{"id": 1, "error": {"code": "not_enough", "message": "…"}}`
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    id: Option<u64>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Result(Answer),
    Error(Failure),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Count(u64),
    List {
        items: BTreeMap<String, u64>,
        /// For the next request's `after`, where there are more.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// For programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
}

impl Response {
    pub(crate) fn new(id: Option<u64>, answer: Result<Answer, Failure>) -> Self {
        Self { id, outcome: answer.map_or_else(Outcome::Error, Outcome::Result) }
    }
}

impl Failure {
    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        Self { code: "malformed", message: error.to_string() }
    }
}
