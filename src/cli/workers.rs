//! The runtime that the service runs on, apart from the thread that controls it.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Worker threads with a runtime. None of them is the thread that starts them.
#[derive(Debug)]
pub(super) enum Workers {
    /// One thread needs no scheduler that shares work.
    One(Alone),
    Many(Runtime),
}

/// A runtime that lives on one thread.
#[derive(Debug)]
pub(super) struct Alone {
    handle: Handle,
    /// Dropped, it ends the thread.
    run: oneshot::Sender<()>,
    /// Disconnected once the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Workers {
    /// Starts `count` threads, ready for tasks.
    ///
    /// # Errors
    ///
    /// The system has no thread or no descriptor left.
    pub(super) fn start(count: NonZero<usize>) -> io::Result<Self> {
        match count.get() {
            1 => Alone::start().map(Self::One),
            many => Builder::new_multi_thread()
                .thread_name(THREAD_NAME)
                .worker_threads(many)
                .enable_all()
                .build()
                .map(Self::Many),
        }
    }

    /// Runs a future on the workers.
    pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match self {
            Self::One(alone) => alone.handle.spawn(future),
            Self::Many(runtime) => runtime.spawn(future),
        }
    }

    /// Drops every task and ends the threads. Those that block are waited for no longer than [`GRACE`]: they end with
    /// the process.
    pub(super) fn end(self) {
        match self {
            Self::One(Alone { run, ended, .. }) => {
                drop(run);
                let _ = ended.recv_timeout(GRACE);
            }
            Self::Many(runtime) => runtime.shutdown_timeout(GRACE),
        }
    }
}

/// What a thread of the service is called, in logs and by `top -H`.
const THREAD_NAME: &str = "worker";

/// So long may tasks take to notice that they are aborted.
const GRACE: Duration = Duration::from_secs(1);

impl Alone {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (run, stopped) = oneshot::channel::<()>();
        let (running, ended) = mpsc::sync_channel(0);
        thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(GRACE);
            drop(running);
        })?;
        Ok(Self { handle, run, ended })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const COUNTS: [NonZero<usize>; 2] = [NonZero::<usize>::MIN, NonZero::new(2).unwrap()];

    #[test]
    fn tasks_run_and_are_dropped_at_the_end() {
        for count in COUNTS {
            let workers = Workers::start(count).unwrap();
            let held = Arc::new(());
            let (started, wait) = mpsc::channel();
            workers.spawn({
                let held = Arc::clone(&held);
                async move {
                    started.send(()).unwrap();
                    std::future::pending::<()>().await;
                    drop(held);
                }
            });
            wait.recv().unwrap();
            workers.end();
            assert_eq!(Arc::strong_count(&held), 1, "{count} workers");
        }
    }

    #[test]
    fn tasks_that_block_do_not_hold_up_the_end() {
        for count in COUNTS {
            let workers = Workers::start(count).unwrap();
            let (release, blocked) = mpsc::channel::<()>();
            let (started, wait) = mpsc::channel();
            workers.spawn(async move {
                started.send(()).unwrap();
                let _ = blocked.recv();
            });
            wait.recv().unwrap();
            workers.end();
            // It would hang if the end waited for it.
            drop(release);
        }
    }
}
