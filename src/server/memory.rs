//! Keeps what connections hold within `server.max_buffered`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use crate::config::MaxBuffered;
use crate::connection::{Budget, EndReason, Registry};
use crate::platform;

/// How often it is looked at, where much is held.
const OFTEN: Duration = Duration::from_millis(100);

/// And where little is. It takes a millisecond with ten thousand connections.
const SELDOM: Duration = Duration::from_secs(1);

/// `server.max_buffered = "auto"` where the system does not tell how much memory there is.
const UNTOLD: usize = 1 << 30;

/// `server.max_buffered`; `None` = no limit.
pub(super) fn limit(limit: MaxBuffered) -> Option<usize> {
    match limit {
        MaxBuffered::Unlimited => None,
        MaxBuffered::At(bytes) => Some(bytes),
        MaxBuffered::Auto => Some(platform::memory_limit().map_or(UNTOLD, |bytes| bytes / 4)),
    }
}

/// Looks what connections hold, for as long as there may be some.
///
/// Too much, they are first not read from any more, those that hold some; and if it is too much still at the next look, the
/// ones that hold most are ended until it is not.
pub(super) async fn keep(registry: Weak<Registry>, budget: Arc<Budget>) {
    let mut episode = None;
    while let Some(registry) = registry.upgrade() {
        let held = registry.held();
        match (budget.note(held), &mut episode) {
            (false, None) => {}
            (true, None) => {
                warn!(
                    held,
                    limit = budget.limit(),
                    "connections hold too much: no more is read from those that do"
                );
                episode = Some(0);
            }
            (true, Some(ended)) => *ended += end_fattest(&registry, held.saturating_sub(budget.enough())),
            (false, Some(ended)) => {
                info!(held, ended, "connections hold less than their limit again");
                episode = None;
                registry.go_on();
            }
        }
        drop(registry);
        sleep(if held > budget.enough() / 4 { OFTEN } else { SELDOM }).await;
    }
}

/// Ends the connections that hold most, until they are done that held `surplus` together. Tells how many.
fn end_fattest(registry: &Registry, surplus: u64) -> usize {
    let mut holders: Vec<_> = registry.all().into_iter().map(|shared| (shared.held(), shared)).collect();
    holders.sort_unstable_by_key(|(held, _)| std::cmp::Reverse(*held));
    let (mut freed, mut ended) = (0, 0);
    for (held, shared) in holders {
        if freed >= surplus || held == 0 {
            break;
        }
        shared.abort(EndReason::Memory, None);
        freed += held;
        ended += 1;
    }
    ended
}
