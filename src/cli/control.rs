//! The thread that controls the service: starts it, does what it is told from outside, and sees to its end.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::admin::{LogLevel, Program};
use crate::platform::{Signal, Signals, Stop};
use crate::server::Bound;
use crate::telemetry::log::{Filter, Log};
use crate::{Ready, Server, Shutdown};

use super::exit::Exit;
use super::failure::Failure;
use super::notify::Notifier;
use super::workers::Workers;

/// Starts the service and sees to its end, on a thread that serves nothing: a handler that blocks every worker delays
/// neither a signal nor the end of the drain.
pub(super) struct Control {
    runtime: Runtime,
    signals: Signals,
}

impl Control {
    pub(super) fn new() -> anyhow::Result<Self> {
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

    pub(super) fn bind(&self, ready: Ready) -> Result<Bound, Failure> {
        Ok(self.runtime.block_on(ready.bind())?)
    }

    pub(super) fn run(self, mut bound: Bound, workers: &Workers, log: &Log) -> Result<Exit, Failure> {
        let Self { runtime, mut signals } = self;
        runtime.block_on(async {
            // On this thread: it answers though every worker is blocked.
            let admin = bound.open_admin()?;
            let server = workers.spawn(async { bound.serve() }).await.context("the start failed")??;
            announce(&server);
            let told = Arc::new(Notify::new());
            let program = Whole { log: log.filter(), told: Arc::clone(&told) };
            let admin = admin.map(|admin| admin.serve(server.clone(), Box::new(program)));
            info!("ready");
            let mut notifier = Notifier::new();
            notifier.ready(&server);
            let control = Controlled { server: &server, signals: &mut signals, log, notifier };
            let exit = until_ended(&server, control, &told).await;
            if let Some(admin) = admin {
                // Whoever watches the drain is to hear how it ended.
                admin.finish().await;
            }
            Ok(exit)
        })
    }
}

/// The program, as its admin interface sees it.
struct Whole {
    log: Filter,
    /// To drain.
    told: Arc<Notify>,
}

impl Program for Whole {
    fn log(&self) -> Option<&dyn LogLevel> {
        Some(&self.log)
    }

    fn drain_begun(&self) {
        self.told.notify_one();
    }
}

fn announce(server: &Server) {
    for listener in server.listeners() {
        for address in listener.addresses {
            info!(listener = listener.name, %address, "listening");
        }
    }
}

/// A service that runs, and what it is told.
struct Controlled<'a> {
    server: &'a Server,
    signals: &'a mut Signals,
    log: &'a Log,
    notifier: Notifier,
}

/// Who says when to stop.
trait Orders {
    /// Waits for the next word to stop. Cancel safe.
    async fn stop(&mut self) -> Stop;

    /// The drain begins.
    fn draining(&mut self) {}
}

/// Waits for a word to stop, then for the drain or for a second one; or, with `--once`, for the end of the one connection.
///
/// The admin interface has `told` if it has begun the drain. That is never a second word: one that comes in the same moment as
/// a signal cuts nothing short.
async fn until_ended(server: &Server, mut orders: impl Orders, told: &Notify) -> Exit {
    let stop = tokio::select! {
        biased;
        stop = orders.stop() => stop,
        () = told.notified() => Stop { name: "admin", within: None },
        _ = server.ended() => {
            info!("the one connection has ended");
            return Exit::Ended;
        }
    };
    info!(signal = stop.name, connections = server.connections().len(), "draining");
    orders.draining();
    drain(server, orders.stop(), stop.within).await
}

impl Orders for Controlled<'_> {
    /// Does what signals say, until one says to stop. The service manager is told meanwhile how things are.
    async fn stop(&mut self) -> Stop {
        loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => match signal {
                    Signal::Stop(stop) => return stop,
                    Signal::Reopen => self.reopen(),
                    Signal::MoreDetail => self.log.raise_level(),
                    Signal::ConfiguredDetail => self.log.restore_level(),
                },
                () = self.notifier.due() => self.notifier.tell(self.server),
            }
        }
    }

    fn draining(&mut self) {
        self.notifier.stopping(self.server);
    }
}

impl Controlled<'_> {
    fn reopen(&mut self) {
        self.notifier.reloading();
        self.log.reopen();
        self.notifier.reloaded(self.server);
    }
}

/// Drains the server, until it is told to stop `again` or the system waits no longer than that.
async fn drain(server: &Server, again: impl Future<Output = Stop>, within: Option<Duration>) -> Exit {
    let mut shutdown = pin!(server.shutdown());
    let cut_by = tokio::select! {
        biased;
        ended = &mut shutdown => return outcome(ended),
        again = again => again.name,
        () = passed(within) => "the system waits no longer",
    };
    warn!(signal = cut_by, connections = server.connections().len(), "the drain was cut short");
    server.abort();
    shutdown.await;
    Exit::DrainTimedOut
}

/// How a drain that nobody cut short ended.
fn outcome(ended: Shutdown) -> Exit {
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

async fn passed(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;
    use crate::codec::Chunks;
    use crate::{Connection, HandlerError, NoOptions, handler_fn};

    /// A server with a connection whose handler never ends, and its client.
    async fn busy() -> (Server, TcpStream) {
        let inside = Arc::new(Notify::new());
        let told = Arc::clone(&inside);
        let never = move |_: NoOptions| {
            let told = Arc::clone(&told);
            Ok(handler_fn(move |_conn: Connection<Chunks>| {
                told.notify_one();
                pending::<Result<(), HandlerError>>()
            }))
        };
        let text = "[server]\ndrain_timeout = \"off\"\n[[listener]]\nname = \"never\"\naddress = \"127.0.0.1:0\"\n\
                    handler = \"never\"\n";
        let server = Server::builder().handler("never", never).parse(text).unwrap().start().await.unwrap();
        let client = TcpStream::connect(server.addresses("never")[0]).await.unwrap();
        inside.notified().await;
        (server, client)
    }

    #[tokio::test]
    async fn a_drain_lasts_no_longer_than_the_system_waits() {
        let (server, _client) = busy().await;
        assert_eq!(drain(&server, pending(), Some(Duration::from_millis(10))).await, Exit::DrainTimedOut);
        assert!(server.connections().is_empty());
    }

    #[tokio::test]
    async fn a_second_stop_cuts_a_drain_short() {
        let (server, _client) = busy().await;
        let again = async { Stop { name: "again", within: None } };
        assert_eq!(drain(&server, again, None).await, Exit::DrainTimedOut);
        assert!(server.connections().is_empty());
    }

    /// So many signals, which have come already.
    struct Signalled(usize);

    impl Orders for Signalled {
        async fn stop(&mut self) -> Stop {
            match self.0.checked_sub(1) {
                Some(left) => self.0 = left,
                None => pending().await,
            }
            Stop { name: "signal", within: None }
        }
    }

    #[tokio::test]
    async fn a_signal_and_the_admin_interface_in_one_moment_are_one_word() {
        let (server, client) = busy().await;
        let told = Notify::new();
        told.notify_one();
        let watched = server.clone();
        let ended = until_ended(&server, Signalled(1), &told);
        let (exit, ()) = tokio::join!(biased; ended, async move {
            // It has been polled, and waits.
            assert!(!watched.is_ready());
            assert_eq!(watched.connections().len(), 1, "the drain was cut short");
            watched.connections().handles()[0].end();
            drop(client);
        });
        assert_eq!(exit, Exit::Ended);
    }

    #[tokio::test]
    async fn a_second_signal_is_a_second_word_whoever_began() {
        for told_first in [true, false] {
            let (server, _client) = busy().await;
            let told = Notify::new();
            let signals = if told_first {
                told.notify_one();
                1
            } else {
                2
            };
            let orders = Late { waits: told_first, signals: Signalled(signals) };
            assert_eq!(until_ended(&server, orders, &told).await, Exit::DrainTimedOut);
            assert!(server.connections().is_empty());
        }
    }

    /// Signals of which the first comes only after the drain has begun, if it `waits`.
    struct Late {
        waits: bool,
        signals: Signalled,
    }

    impl Orders for Late {
        async fn stop(&mut self) -> Stop {
            if self.waits {
                pending::<()>().await;
            }
            self.signals.stop().await
        }

        fn draining(&mut self) {
            self.waits = false;
        }
    }

    #[tokio::test]
    async fn where_nobody_is_left_it_ends_well() {
        let text = "[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\n";
        let server = Server::builder().parse(text).unwrap().start().await.unwrap();
        assert_eq!(drain(&server, pending(), None).await, Exit::Ended);
    }
}
