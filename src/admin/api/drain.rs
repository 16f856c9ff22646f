//! The drain: begun here, and watched to its end.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State as Of};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Nothing, done, seconds};
use crate::admin::guests::Guest;
use crate::admin::problem::Problem;
use crate::admin::routes::{Answer, Api, Shared, Told};
use crate::admin::serve::Visitor;
use crate::connection::Awaits;
use crate::server::{Draining, Phase, Server, Shutdown};

pub(super) fn add(api: &mut Api) {
    api.post("/v1/drain", "drain", "Stop the service, as a signal to terminate does", begin)
        .told::<Nothing>()
        .answers_with::<Progress>(
            StatusCode::ACCEPTED,
            "It stops, or did so already. Who accepts application/x-ndjson is told how far it is, as by GET, until its end.",
        );
    api.get("/v1/drain", "drainProgress", "How far the drain is, until its end", watch)
        .answers_text(LINES, "An object `Progress` a line, about twice a second, until it is over.")
        .fails(StatusCode::CONFLICT, "The service was not told to stop.");
}

/// How far the service is on the way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// New clients are welcome.
    Serving,
    /// It will stop, and says that it is not ready; clients are still accepted.
    LameDuck,
    /// Nothing is accepted any more; connections end.
    Draining,
    /// Every connection has ended by itself.
    Drained,
    /// Time was over, or it was told not to wait: connections were cut off.
    TimedOut,
}

/// How far the drain is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Progress {
    state: State,
    /// Since it was told to stop.
    age_seconds: f64,
    /// Until what is left is cut off; null is as long as it takes.
    left_seconds: Option<f64>,
    /// Connections that are left.
    connections: usize,
    /// How many of them wait for what.
    waiting_for: Waiting,
    /// Connections that were cut off, once it is over.
    aborted: usize,
}

/// What connections that are to end wait for, and how many for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
struct Waiting {
    /// Their handler works, or waits for something else than a frame.
    handler: usize,
    /// Their handler waits for the rest of a frame.
    frame: usize,
    /// The client is to take what was sent.
    output: usize,
    /// The client has everything, and is to close.
    close: usize,
    /// A layer before the first frame is not done.
    layer: usize,
}

impl Waiting {
    fn of(server: &Server) -> Self {
        let mut waiting = Self::default();
        for connection in server.connections().handles() {
            *match connection.awaits() {
                Awaits::Handler => &mut waiting.handler,
                Awaits::Frame => &mut waiting.frame,
                Awaits::Output => &mut waiting.output,
                Awaits::Close => &mut waiting.close,
                Awaits::Layer => &mut waiting.layer,
            } += 1;
        }
        waiting
    }
}

impl State {
    pub(super) fn of(phase: Phase) -> Self {
        match phase {
            Phase::Serving => Self::Serving,
            Phase::LameDuck(_) => Self::LameDuck,
            Phase::Draining(_) => Self::Draining,
            Phase::Ended(Shutdown::Drained) => Self::Drained,
            Phase::Ended(Shutdown::TimedOut { .. }) => Self::TimedOut,
        }
    }
}

impl Progress {
    /// `None` where it was not told to stop.
    pub(super) fn of(server: &Server) -> Option<Self> {
        let phase = server.phase();
        let (age, left, aborted) = match phase {
            Phase::Serving => return None,
            Phase::LameDuck(Draining { age, left }) | Phase::Draining(Draining { age, left }) => {
                (age, left, 0)
            }
            Phase::Ended(Shutdown::Drained) => (Duration::ZERO, Some(Duration::ZERO), 0),
            Phase::Ended(Shutdown::TimedOut { aborted }) => (Duration::ZERO, Some(Duration::ZERO), aborted),
        };
        Some(Self {
            state: State::of(phase),
            age_seconds: seconds(age),
            left_seconds: left.map(seconds),
            connections: server.connections().len(),
            waiting_for: Waiting::of(server),
            aborted,
        })
    }
}

async fn begin(
    Of(context): Of<Shared>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    _: Told<Nothing>,
) -> Response {
    // Only who has begun it tells the program: a second word would cut the drain short, as a second signal does.
    if context.server.begin_shutdown() {
        done(&visitor, "drain", "the service");
        context.program.drain_begun();
    }
    // In the same answer: who asked a second time could find that the service has ended.
    if headers.get(header::ACCEPT).is_some_and(|accepted| accepted == LINES) {
        return (StatusCode::ACCEPTED, lines(&context.server, &visitor)).into_response();
    }
    (StatusCode::ACCEPTED, Answer(Progress::of(&context.server))).into_response()
}

async fn watch(Of(context): Of<Shared>, Extension(visitor): Extension<Visitor>) -> Result<Response, Problem> {
    if context.server.phase() == Phase::Serving {
        let problem = Problem::new(StatusCode::CONFLICT, "the service was not told to stop");
        return Err(problem.help("tell it with POST"));
    }
    Ok(lines(&context.server, &visitor))
}

fn lines(server: &Server, visitor: &Visitor) -> Response {
    let body = Body::from_stream(Lines::new(server.clone(), visitor.guest.clone()));
    ([(header::CONTENT_TYPE, LINES)], body).into_response()
}

/// An object of JSON a line.
const LINES: &str = "application/x-ndjson";

/// A line about the drain now and then, and a last one when it is over.
struct Lines {
    server: Server,
    /// Who is told.
    guest: Guest,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    ticks: Interval,
    last: bool,
}

impl Lines {
    const EVERY: Duration = Duration::from_millis(500);

    fn new(server: Server, guest: Guest) -> Self {
        let over = Box::pin({
            let server = server.clone();
            async move { server.is_over().await }
        });
        let mut ticks = interval(Self::EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { server, guest, over, ticks, last: false }
    }
}

impl Stream for Lines {
    type Item = Result<Vec<u8>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.last {
            return Poll::Ready(None);
        }
        self.last = self.over.as_mut().poll(cx).is_ready();
        if !self.last && self.ticks.poll_tick(cx).is_pending() {
            return Poll::Pending;
        }
        // It is asked for where there is room: the client has taken those before, or may still.
        self.guest.takes();
        let mut line = serde_json::to_vec(&Progress::of(&self.server)).unwrap_or_default();
        line.push(b'\n');
        Poll::Ready(Some(Ok(line)))
    }
}
