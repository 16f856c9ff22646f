//! Waiting for what must come, by the clock on the wall.

use std::panic::Location;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

/// How long [`within`] waits. Nothing in a test takes as long; one that gets there has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than any test's paused clock runs.
const FOREVER: Duration = Duration::from_secs(10 * 24 * 3600);

/// Waits for what must come; `what` says what that is.
///
/// Under a paused clock it is patient for ten days of that, which go by in a moment: a handler that is to do something after an
/// hour does it.
///
/// Dropped, it drops the future: it is as cancel safe as that one.
///
/// # Panics
///
/// If it has not come within [`PATIENCE`].
#[track_caller]
pub fn within<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = T> {
    let (what, at) = (what.to_owned(), Location::caller());
    async move { wait(&what, at, future).await }
}

/// As [`within`], for a line of the test that is known already.
pub(super) async fn wait<T>(what: &str, at: &Location<'_>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let (begun, began) = (wall_clock(), tokio::time::Instant::now());
    loop {
        if let Ok(output) = timeout(PATIENCE, future.as_mut()).await {
            return output;
        }
        let paused = begun.elapsed() < PATIENCE;
        assert!(paused && began.elapsed() < FOREVER, "{at}: waited in vain: {what}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a paused clock tells nothing of how long a test has been waiting"
)]
fn wall_clock() -> std::time::Instant {
    std::time::Instant::now()
}
