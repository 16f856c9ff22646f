//! `terima run`: the service, from start to exit code.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use anyhow::Context;
use tracing::{debug, error, info, warn};

use crate::config::Config;
use crate::config::meant::LogConfig;
use crate::platform::{self, Identity};
use crate::telemetry::log::{self, Log};
use crate::telemetry::panics;
use crate::{Builder, Ready};

use super::control::Control;
use super::exit::Exit;
use super::failure::Failure;
use super::load::{Configuration, Source, load};
use super::workers::Workers;

/// Runs the service until a signal ends it.
pub(super) fn run(builder: Builder, source: &Source) -> Result<Exit, Failure> {
    // Before the configuration is loaded, which may reckon with the limit.
    let descriptors = platform::raise_descriptor_limit();
    // Before anything can be seen from outside: who sees it may send a signal at once.
    let control = Control::new()?;
    let ready = load(builder, source)?;
    let config = ready.config();
    let identity = identity(config)?.filter(|identity| !identity.is_assumed());

    let file = log_file(config, source, platform::has_standard_error());
    let log = log::init(&LogConfig { file, ..config.log.clone() }, identity.is_none())?;
    if let Some(identity) = &identity {
        // Whoever opens it again later is no longer root. Before the first line: it may be a file that gets none.
        log.with_file(|file| identity.own(file))
            .unwrap_or(Ok(()))
            .context("log.file: can't give it to server.user")?;
    }
    panics::report();
    info!(version = env!("CARGO_PKG_VERSION"), configuration = %source.configuration, "starting");
    if let Some(limit) = descriptors {
        debug!(before = limit.before, now = limit.now, "descriptor limit");
    }

    for warning in ready.warnings() {
        warn!("{warning}");
    }

    let ended = serve(control, ready, identity, &log);
    // Who reads a file finds the reason there; standard error is told it anyway.
    if let (Err(failure), Some(())) = (&ended, log.with_file(|_| ())) {
        error!("{}", failure.line());
    }
    ended
}

/// Binds, becomes who is asked for, and serves until the end.
fn serve(control: Control, ready: Ready, identity: Option<Identity>, log: &Log) -> Result<Exit, Failure> {
    let threads = threads(ready.config().server.workers);
    let ready = match &identity {
        Some(identity) => ready.belonging_to(identity.account()),
        None => ready,
    };
    let bound = control.bind(ready)?;
    // After everything that root is needed for, and before the first task that a client can have a say in.
    if let Some(identity) = identity {
        identity.assume()?;
    }
    let workers = Workers::start(threads).context("can't start the workers")?;
    let ended = control.run(bound, &workers, log);
    workers.end();
    ended
}

/// Where the log goes: where it should, else to standard error, else, as nobody could read that, to a file beside the
/// configuration.
pub(super) fn log_file(config: &Config, source: &Source, standard_error: bool) -> Option<PathBuf> {
    match (&config.log.file, &source.configuration) {
        (None, Configuration::File(file)) if !standard_error => Some(file.with_extension("log")),
        (file, _) => file.clone(),
    }
}

/// Whom `server.user` and `server.group` want the process to be; looked up while it can still be told before anything is
/// bound.
pub(super) fn identity(config: &Config) -> Result<Option<Identity>, Failure> {
    let (user, group) = (config.server.user.as_deref(), config.server.group.as_deref());
    Ok(Identity::look_up(user, group)?)
}

/// What was asked for, else one a core.
fn threads(workers: Option<usize>) -> NonZero<usize> {
    workers
        .and_then(NonZero::new)
        .or_else(|| thread::available_parallelism().ok())
        .unwrap_or(NonZero::<usize>::MIN)
}
