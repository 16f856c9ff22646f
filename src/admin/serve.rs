//! Lets clients in, reads their requests, and sees to it that none of them is in the way of the others.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{self, Body};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use super::api;
use super::auth::Policy;
use super::bind::{Door, Open};
use super::guests::{Guest, Guests};
use super::patience::Patient;
use super::problem::Problem;
use super::program::{Context, Program};
use super::reserve::Reserve;
use crate::listener::{Accepted, Peer};
use crate::platform::{self, Blame};
use crate::server::Server;
use crate::telemetry::Sampler;

/// The longest head of a request.
const LONGEST_HEAD: usize = 16 * 1024;

/// The longest body of a request.
const LONGEST_BODY: usize = 16 * 1024;

/// After an error of the system, so long until it is asked again. Whoever comes meanwhile waits as long.
const PAUSE: Duration = Duration::from_millis(5);

/// So long may answers take that are being sent when the service has ended.
const GRACE: Duration = Duration::from_secs(1);

/// An admin interface that is served. Dropping it changes nothing.
pub(crate) struct Admin {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Who is asking.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) guest: Guest,
    pub(super) peer: Peer,
}

#[cfg(test)]
impl Visitor {
    pub(super) fn nobody() -> Self {
        let guest = Guests::new(2).enter().unwrap();
        Self { guest, peer: Peer(crate::Address::Unnamed) }
    }
}

/// What every client is served by.
struct Desk {
    policy: Policy,
    limit: Duration,
    refusals: Sampler,
}

/// Where clients come in, as far as there is room.
struct Entrance {
    door: Door,
    guests: Arc<Guests>,
    reserve: Arc<Reserve>,
    crowds: Sampler,
}

impl Open {
    /// Lets clients in, on the runtime that this is called on, until the server has ended.
    pub(crate) fn serve(self, server: Server, program: Box<dyn Program>) -> Admin {
        let Self { config, loaded, policy, reserve, address, door } = self;
        info!(%address, "the admin interface is open");
        let desk = Arc::new(Desk { policy, limit: config.timeout, refusals: Sampler::new() });
        let app = api::router(Context::new(server.clone(), loaded, program), &desk.policy);
        let app = app.layer(from_fn_with_state(Arc::clone(&desk), attend));
        let entrance = Entrance {
            door,
            guests: Guests::new(config.connections),
            reserve: Arc::new(reserve),
            crowds: Sampler::new(),
        };
        let admin = Admin { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let (stop, tasks) = (admin.stop.clone(), admin.tasks.clone());
        admin.tasks.spawn(async move {
            tokio::select! {
                () = entrance.let_in(&app, config.timeout, &stop, &tasks) => {}
                () = stop.cancelled() => {}
                () = server.is_over() => stop.cancel(),
            }
            tasks.close();
        });
        admin
    }
}

impl Admin {
    /// Lets nobody in any more, and waits for the answers that are being sent, for a second at most.
    #[cfg(feature = "cli")]
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        let _ = timeout(GRACE, self.tasks.wait()).await;
    }
}

impl Entrance {
    async fn let_in(&self, app: &Router, limit: Duration, stop: &CancellationToken, tasks: &TaskTracker) {
        loop {
            let accepted = self.accept().await;
            let Some(guest) = self.guests.enter() else {
                if let Some(admitted) = self.crowds.admit() {
                    warn!(
                        suppressed = admitted.suppressed,
                        "the admin interface turned a client away: all are being answered"
                    );
                }
                continue;
            };
            let visitor = Visitor { guest, peer: accepted.peer };
            let (app, stop, reserve) = (app.clone(), stop.clone(), Arc::clone(&self.reserve));
            tasks.spawn(async move {
                converse(accepted, visitor, &app, limit, &stop).await;
                reserve.refill();
            });
            // What it has sent is heard before the next one comes, who may want its place.
            yield_now().await;
        }
    }

    /// The next client. Where there is no descriptor for it, one of those that are set aside is given up.
    async fn accept(&self) -> Accepted {
        loop {
            let error = tokio::select! {
                biased;
                accepted = self.door.accept() => match accepted {
                    Ok(accepted) => return accepted,
                    Err(error) => error,
                },
                // The service may have been faster to take one than we to take it back. What it gives up is taken first.
                () = sleep(PAUSE), if self.reserve.is_short() => {
                    self.reserve.refill();
                    continue;
                }
            };
            match platform::accept_error(&error) {
                Blame::Connection => {}
                Blame::Ours if platform::out_of_descriptors(&error) && self.door.is_waited_at() => {
                    // If none is set aside any more, whoever has been silent for long has one.
                    if !self.reserve.give() {
                        self.guests.make_room();
                        sleep(PAUSE).await;
                    }
                }
                // The system looks for a descriptor first, and only then whether anybody waits.
                Blame::Ours => sleep(PAUSE).await,
                Blame::Listener => {
                    error!(%error, "the socket of the admin interface is dead: it answers nobody any more");
                    pending::<()>().await;
                }
            }
        }
    }
}

/// Answers one client until it leaves, or has to.
async fn converse(
    accepted: Accepted,
    visitor: Visitor,
    app: &Router,
    limit: Duration,
    stop: &CancellationToken,
) {
    let guest = visitor.guest.clone();
    let app = app.clone().layer(Extension(visitor));
    let mut conversation = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limit)
            .max_header_size(LONGEST_HEAD)
            .max_buf_size(4 * LONGEST_HEAD)
            .serve_connection(
                TokioIo::new(Patient::new(accepted.stream, limit)),
                TowerToHyperService::new(app)
            )
    );
    let ended = tokio::select! {
        // Before all else: a request that is there is still answered.
        biased;
        ended = conversation.as_mut() => ended,
        () = guest.sent_away() => return debug!("a silent client of the admin interface made room"),
        () = stop.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                ended = conversation => ended,
                () = guest.sent_away() => return,
                () = sleep(GRACE) => return,
            }
        }
    };
    if let Err(error) = ended {
        // Whatever it was, the client knows best.
        debug!(%error, "a client of the admin interface");
    }
}

/// What every request goes through, before and after it is answered.
async fn attend(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let challenge = match desk.policy.check(&head) {
        Ok(caller) => match read(body, desk.limit).await {
            Ok(body) => {
                let _busy = visitor.guest.busy(caller);
                return dressed(next.run(Request::from_parts(head, body)).await);
            }
            Err(problem) => return dressed(problem.into_response()),
        },
        Err(refusal) => {
            if let Some(admitted) = desk.refusals.admit() {
                warn!(
                    by = %visitor.peer,
                    reason = refusal.reason,
                    suppressed = admitted.suppressed,
                    "the admin interface refused a request"
                );
            }
            (refusal.challenge, refusal.problem)
        }
    };
    let (challenge, problem) = challenge;
    let mut answer = problem.into_response();
    if challenge {
        let scheme = HeaderValue::from_static("Bearer realm=\"terima\"");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    dressed(answer)
}

/// Reads a body whole, so that no answer waits for one.
async fn read(body: Body, limit: Duration) -> Result<Body, Problem> {
    match timeout(limit, body::to_bytes(body, LONGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok(Body::from(bytes)),
        // It is too long, or the client is gone, who will not read why.
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body has {LONGEST_BODY} bytes at most"),
        )),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

/// Adds what every answer has: it is of this moment, for who asked, and of the type that it says it is.
fn dressed(mut answer: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
