//! What the service manager is told: sd_notify(3), or the status of a service of Windows.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::debug;

use crate::platform::{self, Notice};
use crate::{ListenerState, ListenerStatus, Server};

/// How often the status is told, where nothing else asks for more.
const EVERY: Duration = Duration::from_secs(5);

/// Each time while the service drains, the manager is asked for so much more time: a drain may take longer than the unit's
/// `TimeoutStopSec`.
const EXTENSION: Duration = Duration::from_secs(30);

/// Tells the service manager how the service is. Where there is none, it does nothing.
pub(super) struct Notifier {
    /// When there is somebody to be told.
    ticks: Option<Interval>,
    watchdog: bool,
    stopping: bool,
    /// The status that was told last.
    told: String,
}

/// How a server is.
struct Health {
    connections: usize,
    listeners: Vec<ListenerStatus>,
}

impl Notifier {
    pub(super) fn new() -> Self {
        let watchdog = platform::watchdog();
        let ticks = platform::has_manager().then(|| {
            // Twice in its time, as sd_watchdog_enabled(3) wants it.
            let mut ticks = interval(watchdog.map_or(EVERY, |limit| EVERY.min(limit / 2)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self { ticks, watchdog: watchdog.is_some(), stopping: false, told: String::new() }
    }

    /// Every address is listened on.
    pub(super) fn ready(&mut self, server: &Server) {
        self.send(&[Notice::Ready], &Health::of(server));
    }

    /// The log is being opened again. While the service stops, that is nobody's concern.
    pub(super) fn reloading(&mut self) {
        if self.ticks.is_some() && !self.stopping {
            deliver(&[Notice::Reloading]);
        }
    }

    /// It is open again.
    pub(super) fn reloaded(&mut self, server: &Server) {
        if !self.stopping {
            self.send(&[Notice::Ready], &Health::of(server));
        }
    }

    /// The drain begins, with the lame-duck time before it.
    pub(super) fn stopping(&mut self, server: &Server) {
        self.stopping = true;
        self.send(&[Notice::Stopping, Notice::MoreTime(EXTENSION)], &Health::of(server));
    }

    /// Waits until there is something to be told again. Cancel safe.
    pub(super) async fn due(&mut self) {
        match &mut self.ticks {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => pending().await,
        }
    }

    /// Tells how the server is, as often as [`due`](Self::due) says.
    pub(super) fn tell(&mut self, server: &Server) {
        let health = Health::of(server);
        self.send(&self.signs_of_life(&health), &health);
    }

    /// An accept loop that hangs, or whose socket is dead, is left to the manager: nobody else restarts the service. When
    /// the service stops, the loops end, and the drain has a deadline of its own.
    fn signs_of_life(&self, health: &Health) -> Vec<Notice<'static>> {
        let alive = self.watchdog && (self.stopping || health.is_alive());
        let alive = alive.then_some(Notice::Alive);
        let more_time = self.stopping.then_some(Notice::MoreTime(EXTENSION));
        alive.into_iter().chain(more_time).collect()
    }

    /// Sends notices, and the status if it is another.
    fn send(&mut self, notices: &[Notice<'_>], health: &Health) {
        if self.ticks.is_none() {
            return;
        }
        let status = health.status(self.stopping);
        let news = (status != self.told).then_some(Notice::Status(&status));
        let notices: Vec<Notice<'_>> = notices.iter().copied().chain(news).collect();
        if !notices.is_empty() {
            deliver(&notices);
        }
        self.told = status;
    }
}

/// A manager that can't be told is not worth more than a line: the service is as good without.
fn deliver(notices: &[Notice<'_>]) {
    if let Err(error) = platform::notify(notices) {
        debug!(%error, "the service manager can't be told");
    }
}

impl Health {
    fn of(server: &Server) -> Self {
        Self { connections: server.connections().len(), listeners: server.listeners() }
    }

    fn is_alive(&self) -> bool {
        self.listeners.iter().all(|listener| listener.healthy)
    }

    /// One line for people.
    fn status(&self, stopping: bool) -> String {
        let connections = counted(self.connections, "connection");
        if stopping {
            return format!("stopping, {connections} left");
        }
        let named = |wanted: fn(&ListenerStatus) -> bool| {
            let names: Vec<_> =
                self.listeners.iter().filter(|one| wanted(one)).map(|one| one.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let listeners = counted(self.listeners.len(), "listener");
        let serving = format!("serving {connections} on {listeners}");
        if let Some(dead) = named(|listener| !listener.healthy) {
            return format!("{serving}; nothing is accepted on {dead}");
        }
        if let Some(starved) = named(|listener| listener.state == ListenerState::Starved) {
            return format!("{serving}; accepting pauses on {starved}");
        }
        match named(|listener| listener.state == ListenerState::Paused) {
            Some(paused) => format!("{serving}; {paused} paused"),
            None => serving,
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ListenerState::{Accepting, Closed, Full, Paused, Starved};

    fn listener(name: &str, healthy: bool, state: ListenerState) -> ListenerStatus {
        ListenerStatus {
            name: name.to_owned(),
            addresses: Vec::new(),
            connections: 0,
            healthy,
            heartbeat_age: Duration::ZERO,
            state,
        }
    }

    #[test]
    fn a_loop_that_hangs_is_no_sign_of_life() {
        let more_time = Notice::MoreTime(Duration::from_secs(30));
        let table: [(bool, bool, bool, &[Notice<'_>]); 5] = [
            (true, false, true, &[Notice::Alive]),
            (true, false, false, &[]),
            (false, false, true, &[]),
            (true, true, false, &[Notice::Alive, more_time]),
            (false, true, true, &[more_time]),
        ];
        for (watchdog, stopping, healthy, expected) in table {
            let notifier = Notifier { ticks: None, watchdog, stopping, told: String::new() };
            let health = Health { connections: 0, listeners: vec![listener("a", healthy, Starved)] };
            assert_eq!(notifier.signs_of_life(&health), expected);
        }
    }

    #[test]
    fn the_status_is_a_line_for_people() {
        let table = [
            (0, vec![listener("a", true, Accepting)], false, true, "serving 0 connections on 1 listener"),
            (
                1,
                vec![listener("a", true, Starved), listener("b", true, Starved)],
                false,
                true,
                "serving 1 connection on 2 listeners; accepting pauses on a, b",
            ),
            (
                2,
                vec![listener("a", false, Accepting), listener("b", true, Starved)],
                false,
                false,
                "serving 2 connections on 2 listeners; nothing is accepted on a",
            ),
            (
                3,
                vec![listener("a", true, Paused), listener("b", true, Full), listener("c", true, Paused)],
                false,
                true,
                "serving 3 connections on 3 listeners; a, c paused",
            ),
            (7, vec![listener("a", false, Closed)], true, false, "stopping, 7 connections left"),
        ];
        for (connections, listeners, stopping, alive, expected) in table {
            let health = Health { connections, listeners };
            assert_eq!(health.status(stopping), expected);
            assert_eq!(health.is_alive(), alive, "{expected}");
        }
    }
}
