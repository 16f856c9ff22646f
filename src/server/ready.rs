//! A configuration that was checked through and can be started.

use std::fmt;
#[cfg(feature = "admin")]
use std::path::PathBuf;
use std::sync::Arc;

use super::Server;
use super::bind::{self, Bound};
use super::start::{self, StartError};
#[cfg(feature = "admin")]
use crate::admin::{self, Elsewhere};
#[cfg(feature = "admin")]
use crate::config::Overrides;
use crate::config::{AccessConfig, Config, Endpoint, Limits, Problem, SocketOptions, Timeouts};
use crate::establish::Layer;
use crate::handler::Serve;
#[cfg(feature = "admin")]
use crate::platform::Account;

/// A configuration without faults, its handlers and codecs made. Nothing is bound yet.
pub struct Ready {
    pub(super) config: Arc<Config>,
    /// What it was read from.
    #[cfg(feature = "admin")]
    pub(super) file: Option<PathBuf>,
    #[cfg(feature = "admin")]
    pub(super) overrides: Overrides,
    /// Whom the process will be, and what is made for the admin interface belongs to.
    #[cfg(feature = "admin")]
    pub(super) account: Account,
    pub(super) listeners: Vec<ReadyListener>,
    pub(super) warnings: Vec<Problem>,
    /// Whether all listeners together serve one connection and no more.
    pub(super) once: bool,
}

pub(super) struct ReadyListener {
    pub(super) name: Arc<str>,
    pub(super) addresses: Vec<Endpoint>,
    pub(super) socket: SocketOptions,
    pub(super) access: AccessConfig,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) service: Arc<dyn Serve>,
    pub(super) layers: Vec<Box<dyn Layer>>,
    #[cfg(feature = "testing")]
    pub(super) probe: Option<super::Probe>,
}

impl Ready {
    /// Binds every listener, then serves them all, on the runtime that it is called in: `multi_thread` or
    /// `current_thread`, with I/O and time enabled.
    ///
    /// Cancel safe: dropped before it resolved, it has accepted nobody, and what was bound is given back.
    ///
    /// # Errors
    ///
    /// [`StartError`], where one of the addresses cannot be listened on, or is a name that is not known. The others are given back then; no connection
    /// was accepted.
    pub async fn start(self) -> Result<Server, StartError> {
        #[cfg_attr(
            not(feature = "admin"),
            expect(unused_mut, reason = "only the admin interface is taken out")
        )]
        let mut bound = self.bind().await?;
        #[cfg(feature = "admin")]
        let admin = bound.open_admin()?;
        let server = bound.serve()?;
        #[cfg(feature = "admin")]
        if let Some(admin) = admin {
            admin.serve(server.clone(), Box::new(Elsewhere));
        }
        Ok(server)
    }

    /// What in the file does nothing on this system, or for these addresses. It is served all the same.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Makes it serve one connection, over all listeners, and accept no other. [`Server::ended`] tells when that has ended.
    #[cfg(feature = "cli")]
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Makes the files of the admin interface those of an account, which the process becomes once all is bound.
    #[cfg(feature = "cli")]
    pub(crate) fn belonging_to(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// The first half of [`start`](Self::start): nothing of it is on the runtime that it is called in.
    pub(crate) async fn bind(self) -> Result<Bound, StartError> {
        bind::bind(self).await
    }

    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line asks"))]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl Bound {
    /// Hands the admin interface to the runtime that this is called on, if there is one. It need not be that of the service,
    /// and answers nobody before it is served.
    #[cfg(feature = "admin")]
    pub(crate) fn open_admin(&mut self) -> Result<Option<admin::Open>, StartError> {
        let open = self.admin.take().map(admin::Bound::open).transpose()?;
        self.admin_address = open.as_ref().map(|open| open.address().clone());
        Ok(open)
    }

    /// The second half of [`Ready::start`]. Dropping it instead gives every address back.
    pub(crate) fn serve(self) -> Result<Server, StartError> {
        start::serve(self)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("config", &self.config).finish_non_exhaustive()
    }
}
