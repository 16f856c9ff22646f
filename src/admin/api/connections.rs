//! The connections that are alive: all, one, and the end of one.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{Nothing, done, seconds};
use crate::admin::problem::Problem;
use crate::admin::program::Context;
use crate::admin::routes::{Answer, Api, Asked, Named, Shared, Told, client_schema};
use crate::admin::serve::Visitor;
use crate::admission::why::Whom;
use crate::{Address, ConnectionHandle, ConnectionStatus, EndReason};

pub(super) fn add(api: &mut Api) {
    const GONE: &str = "There is no such connection any more, or never was.";
    api.get("/v1/connections", "connections", "The connections that are alive", list)
        .asked_with::<Question>()
        .answers::<Page>("A page of them.")
        .fails(StatusCode::BAD_REQUEST, "What is asked makes no sense.");
    api.get("/v1/connections/{id}", "connection", "One connection", one)
        .answers::<Detail>("It, with its buffers and its deadlines.")
        .fails(StatusCode::NOT_FOUND, GONE);
    api.post(
        "/v1/connections/{id}/end",
        "endConnection",
        "End a connection now, which its client sees as a reset",
        end,
    )
    .told::<Nothing>()
    .answers::<Ending>("It was told to.")
    .fails(StatusCode::NOT_FOUND, GONE);
    api.post(
        "/v1/connections/{id}/drain",
        "drainConnection",
        "Ask a connection to end, as a drain does",
        drain,
    )
    .told::<Nothing>()
    .answers::<Ending>("It was told to.")
    .fails(StatusCode::NOT_FOUND, GONE);
}

/// What a connection may be doing.
const STATES: [&str; 8] =
    ["idle", "handling", "receiving", "sending", "raw", "draining", "establishing", "closing"];

/// Which connections, in which order, and how many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// Of one listener.
    #[serde(default)]
    listener: Option<String>,
    /// Of one client: its address of IP without a port, or `unix`.
    #[serde(default)]
    #[schemars(schema_with = "client_schema")]
    client: Option<String>,
    /// In one state: idle, handling, receiving, sending, raw, draining, establishing or closing.
    #[serde(default)]
    #[schemars(extend("enum" = STATES))]
    state: Option<String>,
    /// So many seconds old, or older.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1e9))]
    min_age: Option<f64>,
    /// By what they are sorted; with a `-` before it, the greatest first. Without it, by id, which is the order in which they
    /// were accepted.
    #[serde(default)]
    sort: Option<Sort>,
    /// As many at most: 1 to 1000, without it 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,19}\\.[0-9]{1,19}$"))]
    after: Option<String>,
}

/// What connections can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
enum Sort {
    #[serde(rename = "id")]
    Id,
    #[serde(rename = "-id")]
    IdDown,
    #[serde(rename = "age")]
    Age,
    #[serde(rename = "-age")]
    AgeDown,
    #[serde(rename = "bytes_in")]
    BytesIn,
    #[serde(rename = "-bytes_in")]
    BytesInDown,
    #[serde(rename = "bytes_out")]
    BytesOut,
    #[serde(rename = "-bytes_out")]
    BytesOutDown,
    #[serde(rename = "frames_in")]
    FramesIn,
    #[serde(rename = "-frames_in")]
    FramesInDown,
    #[serde(rename = "frames_out")]
    FramesOut,
    #[serde(rename = "-frames_out")]
    FramesOutDown,
    #[serde(rename = "output")]
    Output,
    #[serde(rename = "-output")]
    OutputDown,
}

/// A page of connections.
#[derive(Serialize, JsonSchema)]
struct Page {
    connections: Vec<Connection>,
    /// How many match, on all pages.
    matching: usize,
    /// What `after` has to be for the next page; null on the last one.
    next: Option<String>,
}

/// A connection, as of now.
#[derive(Serialize, JsonSchema)]
struct Connection {
    /// A number that no other connection of this process has had.
    id: u64,
    listener: String,
    /// The address at the other end of the socket.
    peer: String,
    /// Whom the service believes to talk to.
    client: String,
    /// The address of this end.
    local: String,
    /// What it is doing: idle, handling, receiving, sending, raw, draining, establishing or closing.
    state: &'static str,
    /// Since it was accepted.
    age_seconds: f64,
    bytes_in: u64,
    bytes_out: u64,
    frames_in: u64,
    frames_out: u64,
    /// Bytes that have come and make no frame yet.
    input: u64,
    /// Bytes that wait for the client to take them.
    output: u64,
}

/// A connection, with all that is known of it.
#[derive(Serialize, JsonSchema)]
struct Detail {
    connection: Connection,
    buffers: Buffers,
    /// For what it ends unless something happens before, the nearest first; null if its task does not say, as it is never
    /// polled or the connection closes already.
    deadlines: Option<Vec<Deadline>>,
    /// How it is encrypted, and who the client is by that; null where it is not, or not yet.
    tls: Option<super::tls::Tls>,
}

/// What a connection holds in memory, and how much that may be.
#[derive(Serialize, JsonSchema)]
struct Buffers {
    /// Bytes that have come and make no frame yet.
    input: u64,
    /// `limits.input`.
    input_limit: u64,
    /// Bytes that wait for the client to take them.
    output: u64,
    /// `limits.output`.
    output_limit: u64,
    /// `limits.flush_at`.
    flush_at: u64,
}

/// A deadline of a connection.
#[derive(Serialize, JsonSchema)]
struct Deadline {
    /// Why it would end.
    reason: &'static str,
    left_seconds: f64,
}

/// A connection that was told to end.
#[derive(Serialize, JsonSchema)]
struct Ending {
    id: u64,
    /// Why it ended; null if it has not yet.
    ended: Option<&'static str>,
}

/// Thirty years: older than anything.
const LONGEST_AGE: u64 = 1_000_000_000;

/// So long is the end of a connection, or the answer of its task, waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a connection is known by before it is asked.
struct Wanted {
    listener: Option<String>,
    client: Option<Whom>,
    state: Option<String>,
    min_age: Option<Duration>,
}

/// Where a page begins: behind the connection with this value and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    value: u64,
    id: u64,
}

async fn list(
    State(context): State<Shared>,
    Asked(question): Asked<Question>,
) -> Result<Answer<Page>, Problem> {
    let sort = question.sort.unwrap_or(Sort::Id);
    let limit = super::limit(question.limit)?;
    let after = question.after.as_deref().map(|text| Mark::parse(text).ok_or_else(bad_mark)).transpose()?;
    let wanted = Wanted::of(question)?;

    let handles = context.server.connections().handles();
    let mut found: Vec<(Mark, ConnectionStatus)> = handles
        .iter()
        .filter(|handle| wanted.is_from(handle))
        .map(ConnectionHandle::status)
        .filter(|status| wanted.is_as(status))
        .map(|status| (sort.mark(&status), status))
        .collect();
    let matching = found.len();
    found.retain(|(mark, _)| after.is_none_or(|after| sort.compare(*mark, after) == Ordering::Greater));
    found.sort_unstable_by(|(one, _), (other, _)| sort.compare(*one, *other));
    let next = (found.len() > limit).then(|| found[limit - 1].0.to_string());
    found.truncate(limit);
    let connections = found.into_iter().map(|(_, status)| Connection::of(&status)).collect();
    Ok(Answer(Page { connections, matching, next }))
}

async fn one(State(context): State<Shared>, Named(id): Named<u64>) -> Result<Answer<Detail>, Problem> {
    let handle = find(&context, id)?;
    let limits = &handle.info().settings().limits;
    let connection = Connection::of(&handle.status());
    let tls = super::tls::Tls::of(handle.info());
    let buffers = Buffers {
        input: connection.input,
        input_limit: limits.input as u64,
        output: connection.output,
        output_limit: limits.output as u64,
        flush_at: limits.flush_at as u64,
    };
    let deadline =
        |(reason, left): (EndReason, _)| Deadline { reason: reason.as_str(), left_seconds: seconds(left) };
    let due = timeout(PATIENCE, handle.due()).await.ok().flatten();
    let deadlines = due.map(|due| due.into_iter().map(deadline).collect());
    Ok(Answer(Detail { connection, buffers, deadlines, tls }))
}

async fn end(
    State(context): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Named(id): Named<u64>,
    _: Told<Nothing>,
) -> Result<Answer<Ending>, Problem> {
    let handle = find(&context, id)?;
    handle.end();
    done(&visitor, "end connection", &id.to_string());
    Ok(ending(id, &handle).await)
}

async fn drain(
    State(context): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Named(id): Named<u64>,
    _: Told<Nothing>,
) -> Result<Answer<Ending>, Problem> {
    let handle = find(&context, id)?;
    handle.drain();
    done(&visitor, "drain connection", &id.to_string());
    Ok(ending(id, &handle).await)
}

/// How a connection that was told to end has ended; one that is cut off does at once, unless its worker is blocked.
async fn ending(id: u64, handle: &ConnectionHandle) -> Answer<Ending> {
    let ended = timeout(PATIENCE, handle.ended()).await.ok();
    Answer(Ending { id, ended: ended.map(|reason| reason.as_str()) })
}

fn find(context: &Context, id: u64) -> Result<ConnectionHandle, Problem> {
    context.server.connections().get(id).ok_or_else(|| {
        Problem::missing(format!("there is no connection {id}")).help("/v1/ended has those that ended last")
    })
}

impl Wanted {
    fn of(question: Question) -> Result<Self, Problem> {
        let Question { listener, client, state, min_age, .. } = question;
        let client = client.map(|text| {
            Whom::parse(&text).ok_or_else(|| {
                let quoted = crate::config::quoted(&text);
                Problem::bad(format!("{quoted} is no address")).help("write one as 192.0.2.1, or `unix`")
            })
        });
        if let Some(state) = state.as_ref().filter(|state| !STATES.contains(&state.as_str())) {
            let quoted = crate::config::quoted(state);
            return Err(
                Problem::bad(format!("{quoted} is no state")).help(format!("states: {}", STATES.join(", ")))
            );
        }
        let min_age = min_age.map(|age| {
            Duration::try_from_secs_f64(age)
                .ok()
                .filter(|age| age.as_secs() <= LONGEST_AGE)
                .ok_or_else(|| Problem::bad("`min_age` is no time").help("write seconds, as 60"))
        });
        Ok(Self { listener, client: client.transpose()?, state, min_age: min_age.transpose()? })
    }

    /// What can be told without asking the connection.
    fn is_from(&self, handle: &ConnectionHandle) -> bool {
        let info = handle.info();
        let ip = |address: Address| match address {
            Address::Tcp(address) => Some(Whom::Ip(IpAddr::to_canonical(&address.ip()))),
            Address::Unix(_) => Some(Whom::Unix),
            Address::Unnamed => None,
        };
        self.listener.as_ref().is_none_or(|name| info.listener() == name)
            && self.client.is_none_or(|whom| ip(info.client().0) == Some(whom))
    }

    fn is_as(&self, status: &ConnectionStatus) -> bool {
        self.state.as_ref().is_none_or(|state| status.state.as_str() == state)
            && self.min_age.is_none_or(|age| status.age >= age)
    }
}

impl Sort {
    /// Whether the greatest come first. Who is older has the lesser id, which does not move while pages are turned.
    fn is_down(self) -> bool {
        matches!(
            self,
            Self::IdDown
                | Self::Age
                | Self::BytesInDown
                | Self::BytesOutDown
                | Self::FramesInDown
                | Self::FramesOutDown
                | Self::OutputDown
        )
    }

    fn mark(self, status: &ConnectionStatus) -> Mark {
        let value = match self {
            Self::Id | Self::IdDown | Self::Age | Self::AgeDown => 0,
            Self::BytesIn | Self::BytesInDown => status.bytes_in,
            Self::BytesOut | Self::BytesOutDown => status.bytes_out,
            Self::FramesIn | Self::FramesInDown => status.frames_in,
            Self::FramesOut | Self::FramesOutDown => status.frames_out,
            Self::Output | Self::OutputDown => status.output as u64,
        };
        Mark { value, id: status.info.id() }
    }

    fn compare(self, one: Mark, other: Mark) -> Ordering {
        let order = (one.value, one.id).cmp(&(other.value, other.id));
        if self.is_down() { order.reverse() } else { order }
    }
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let (value, id) = text.split_once('.')?;
        Some(Self { value: value.parse().ok()?, id: id.parse().ok()? })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.value, self.id)
    }
}

fn bad_mark() -> Problem {
    Problem::bad("`after` is no mark of a page")
        .help("take the `next` of the page before, with the same `sort`")
}

impl Connection {
    fn of(status: &ConnectionStatus) -> Self {
        let info = &status.info;
        Self {
            id: info.id(),
            listener: info.listener().to_owned(),
            peer: info.peer().to_string(),
            client: info.client().to_string(),
            local: info.local().to_string(),
            state: status.state.as_str(),
            age_seconds: seconds(status.age),
            bytes_in: status.bytes_in,
            bytes_out: status.bytes_out,
            frames_in: status.frames_in,
            frames_out: status.frames_out,
            input: status.input as u64,
            output: status.output as u64,
        }
    }
}
