//! The thread that looks at files: one for the process, while there is something to look at.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tracing::error;

use super::Watchable;

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(1);

static WATCHED: Mutex<Watching> = Mutex::new(Watching { list: Vec::new(), runs: false });

struct Watching {
    list: Vec<Weak<dyn Watchable>>,
    /// There is a thread.
    runs: bool,
}

/// Has files looked at for as long as somebody has `watched`.
pub(super) fn add(watched: &Arc<dyn Watchable>) {
    let mut watching = lock();
    watching.list.push(Arc::downgrade(watched));
    if !watching.runs {
        match thread::Builder::new().name("terima-files".to_owned()).spawn(run) {
            Ok(_) => watching.runs = true,
            Err(error) => {
                error!(%error, "files can't be watched: what is changed in them has no effect before a restart");
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "no worker of a runtime: it is a thread of its own")]
fn run() {
    loop {
        thread::sleep(INTERVAL);
        let Some(all) = watched() else { return };
        // Without the lock: a file may take its time, and a server that starts adds its own meanwhile.
        for one in all {
            one.look();
        }
    }
}

/// All that is watched; `None`, and the end of the thread, where nothing is.
fn watched() -> Option<Vec<Arc<dyn Watchable>>> {
    let mut watching = lock();
    watching.list.retain(|one| one.strong_count() > 0);
    watching.runs = !watching.list.is_empty();
    watching.runs.then(|| watching.list.iter().filter_map(Weak::upgrade).collect())
}

fn lock() -> MutexGuard<'static, Watching> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}
