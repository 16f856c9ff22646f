//! What a connection is served by, as of its accept.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "testing")]
use super::end::Ended;
#[cfg(feature = "admin")]
use super::questions::Questions;
#[cfg(feature = "testing")]
use super::shared::Shared;
use crate::config::{Limits, Timeouts};
use crate::establish::Layer;
#[cfg(feature = "tls")]
use crate::establish::tls::TlsServer;
use crate::handler::Serve;
use crate::telemetry::Sampler;
use crate::telemetry::metrics::ListenerMetrics;
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
