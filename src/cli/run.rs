//! `terima run`: the service, from start to exit code.

use std::num::NonZero;
use std::pin::pin;
use std::thread;

use anyhow::Context;
use tokio::runtime::Runtime;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::platform::{self, Identity, Signal, Signals};
use crate::server::Bound;
use crate::telemetry::log::{self, Log};
use crate::telemetry::panics;
use crate::{Builder, Ready, Server, Shutdown};

use super::exit::Exit;
use super::failure::Failure;
use super::load::{Source, load};
use super::workers::Workers;

/// Runs the service until a signal ends it.
pub(super) fn run(builder: Builder, source: &Source) -> Result<Exit, Failure> {
    // Before the configuration is loaded, which may reckon with the limit.
    let descriptors = platform::raise_descriptor_limit();
    // Before anything can be seen from outside: who sees it may send a signal at once.
    let control = Control::new()?;
    let ready = load(builder, source)?;
    let config = ready.config();
    let identity = identity(config)?;

    let log = log::init(&config.log)?;
    panics::report();
    info!(version = env!("CARGO_PKG_VERSION"), configuration = %source.configuration, "starting");
    if let Some(limit) = descriptors {
        debug!(before = limit.before, now = limit.now, "descriptor limit");
    }

    for warning in ready.warnings() {
        warn!("{warning}");
    }

    let threads = threads(config.server.workers);
    let bound = control.bind(ready)?;
    // After everything that root is needed for, and before the first task that a client can have a say in.
    if let Some(identity) = identity {
        // Whoever opens it again later is no longer root.
        log.with_file(|file| identity.own(file))
            .unwrap_or(Ok(()))
            .context("log.file: can't give it to server.user")?;
        identity.assume()?;
    }
    let workers = Workers::start(threads).context("can't start the workers")?;
    let ended = control.run(bound, &workers, &log);
    workers.end();
    ended
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

/// Starts the service and sees to its end, on a thread that serves nothing: a handler that blocks every worker delays
/// neither a signal nor the end of the drain.
struct Control {
    runtime: Runtime,
    signals: Signals,
}

impl Control {
    fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("can't start the runtime that waits for signals")?;
        let signals = {
            let _entered = runtime.enter();
            Signals::install().context("can't wait for signals")?
        };
        Ok(Self { runtime, signals })
    }

    fn bind(&self, ready: Ready) -> Result<Bound, Failure> {
        Ok(self.runtime.block_on(ready.bind())?)
    }

    fn run(self, bound: Bound, workers: &Workers, log: &Log) -> Result<Exit, Failure> {
        let Self { runtime, mut signals } = self;
        runtime.block_on(async {
            let server = workers.spawn(async { bound.serve() }).await.context("the start failed")??;
            announce(&server);
            let mut control = Controlled { server: &server, signals: &mut signals, log };
            Ok(control.until_ended().await)
        })
    }
}

fn announce(server: &Server) {
    for listener in server.listeners() {
        for address in listener.addresses {
            info!(listener = listener.name, %address, "listening");
        }
    }
    info!("ready");
}

/// A service that runs, and what it is told.
struct Controlled<'a> {
    server: &'a Server,
    signals: &'a mut Signals,
    log: &'a Log,
}

impl Controlled<'_> {
    /// Waits for a signal to stop, then for the drain or for a second one; or, with `--once`, for the end of the one
    /// connection.
    async fn until_ended(&mut self) -> Exit {
        let server = self.server;
        let signal = tokio::select! {
            biased;
            signal = self.stop() => signal,
            () = server.ended() => {
                info!("the one connection has ended");
                return Exit::Ended;
            }
        };
        info!(signal, connections = server.connections(), "draining");
        let mut shutdown = pin!(server.shutdown());
        let ended = tokio::select! {
            biased;
            ended = &mut shutdown => ended,
            signal = self.stop() => {
                warn!(signal, connections = server.connections(), "the drain was cut short");
                server.abort();
                shutdown.await;
                return Exit::DrainTimedOut;
            }
        };
        match ended {
            Shutdown::Drained => {
                info!("drained");
                Exit::Ended
            }
            Shutdown::TimedOut { aborted } => {
                warn!(aborted, "the drain timed out");
                Exit::DrainTimedOut
            }
        }
    }

    /// Does what signals say, until one says to stop; tells its name. Cancel safe.
    async fn stop(&mut self) -> &'static str {
        loop {
            match self.signals.next().await {
                Signal::Stop(name) => return name,
                Signal::Reopen => self.log.reopen(),
                Signal::MoreDetail => self.log.raise_level(),
                Signal::ConfiguredDetail => self.log.restore_level(),
            }
        }
    }
}
