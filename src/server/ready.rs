//! A configuration that was checked through and can be started.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Server;
use super::start::{self, StartError};
use crate::config::{Config, Limits, Timeouts};
use crate::handler::Serve;

/// A configuration without faults, its handlers and codecs made. Nothing is bound yet.
pub struct Ready {
    pub(super) config: Config,
    pub(super) listeners: Vec<ReadyListener>,
}

pub(super) struct ReadyListener {
    pub(super) name: Arc<str>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) service: Arc<dyn Serve>,
}

impl Ready {
    /// Binds every listener, then serves them all, on the runtime that it is called in: `multi_thread` or
    /// `current_thread`, with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// [`StartError`], where one of the addresses cannot be listened on. The others are given back then; no connection
    /// was accepted.
    //
    // Async, though it awaits nothing: it must be called on a runtime, and names will be resolved here.
    #[expect(clippy::unused_async, reason = "the signature is a promise that later versions need")]
    pub async fn start(self) -> Result<Server, StartError> {
        start::start(self)
    }

    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line asks"))]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("config", &self.config).finish_non_exhaustive()
    }
}
