//! What a connection is served by, as of its accept.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::budget::Budget;
#[cfg(feature = "testing")]
use super::end::Ended;
#[cfg(feature = "admin")]
use super::questions::Questions;
#[cfg(feature = "testing")]
use super::shared::Shared;
use crate::admission::{Access, AccessRule, Admission, Refusal};
use crate::config::{Limits, Timeouts};
use crate::establish::Layer;
#[cfg(feature = "tls")]
use crate::establish::tls::TlsServer;
use crate::handler::Serve;
use crate::listener::{Client, Peer};
use crate::telemetry::Sampler;
use crate::telemetry::metrics::{ListenerMetrics, Refused};
#[cfg(feature = "admin")]
use crate::telemetry::remembered::Remembered;

/// What a listener's connections are served by. Each connection keeps the value as of its accept, so a reload can put
/// another in its place without touching those in progress.
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    /// The handler, and what makes the codec of a connection.
    pub(crate) service: Arc<dyn Serve>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// What all connections of the server may hold.
    pub(crate) budget: Arc<Budget>,
    /// How long a connection may take to end once its lifetime is over: `server.drain_timeout`.
    pub(crate) drain_timeout: Option<Duration>,
    /// The listener's counters: one and the same for as long as there is a listener of that name.
    pub(crate) metrics: Arc<ListenerMetrics>,
    /// What its connections are asked.
    #[cfg(feature = "admin")]
    pub(crate) questions: Questions,
    /// Where it is noted how connections ended, if anybody may ask for it.
    #[cfg(feature = "admin")]
    pub(crate) remembered: Option<Arc<Remembered>>,
    /// Whether an ended connection writes a line.
    pub(crate) access: bool,
    /// Handlers fail as often as their clients want them to, and each failure would be a line.
    pub(crate) failures: Sampler,
    /// Who may come in at all: asked at accept, and of a client that a header names once that was read.
    pub(crate) lists: Arc<Access>,
    /// Those that it does not let in are as many as they want to be, and so are those that it would not.
    pub(crate) barred: Sampler,
    pub(crate) dry_runs: Sampler,
    /// For how many there is room, asked likewise.
    pub(crate) admission: Admission,
    /// Refusals are as many as the peers want them to be.
    pub(crate) refusals: Sampler,
    /// What is taken off a connection's stream before the first frame, outermost first.
    pub(crate) layers: Vec<Box<dyn Layer>>,
    /// What TLS is made with, where the listener has it: by a layer, or when the handler says so.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<TlsServer>>,
    /// Told of every connection that has ended.
    #[cfg(feature = "testing")]
    pub(crate) on_end: Option<OnEnd>,
}

/// What a test wants to be told of a connection's end.
#[cfg(feature = "testing")]
pub(crate) type OnEnd = Box<dyn Fn(&Shared, &Ended) + Send + Sync>;

impl Settings {
    /// Why access does not let a client in. In a dry run it does, and what it would do is counted and said.
    pub(crate) fn bars(&self, client: Client) -> Option<AccessRule> {
        let verdict = self.lists.decide(&client.0);
        if verdict.admits {
            return None;
        }
        if !self.lists.dry_run {
            return Some(verdict.rule);
        }
        self.metrics.access_dry_run();
        if let Some(admitted) = self.dry_runs.admit() {
            info!(
                listener = %self.name,
                %client,
                rule = %self.lists.told(verdict.rule),
                suppressed = admitted.suppressed,
                "let in, but would not be without access.dry_run"
            );
        }
        None
    }

    /// A connection is refused: a line of the log, unless there were many.
    pub(crate) fn tell_refused(&self, refusal: Refusal, client: Client) {
        if let Refusal::Access(rule) = refusal {
            return self.tell_barred(rule, client);
        }
        let Some(admitted) = self.refusals.admit() else { return };
        let (told, how) = match refusal.is_the_clients() {
            true => ("a client has no room for another connection", self.limits.client_full.as_str()),
            false => ("no room for another connection", self.limits.when_full.as_str()),
        };
        warn!(
            listener = %self.name,
            %client,
            reason = refusal.counted().as_str(),
            limit = refusal.key(),
            when_full = how,
            suppressed = admitted.suppressed,
            "{told}"
        );
    }

    fn tell_barred(&self, rule: AccessRule, client: Client) {
        if let Some(admitted) = self.barred.admit() {
            info!(
                listener = %self.name,
                reason = Refused::Access.as_str(),
                %client,
                rule = %self.lists.told(rule),
                suppressed = admitted.suppressed,
                "not let in"
            );
        }
    }

    /// Whether only a header will tell who the peer's client is.
    pub(crate) fn names_client(&self, peer: Peer) -> bool {
        self.layers.iter().any(|layer| layer.names_client(peer))
    }
}
