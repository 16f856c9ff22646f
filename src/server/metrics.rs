//! What a scrape of the whole server gets.

use std::collections::HashMap;
use std::sync::Arc;

use super::{ListenerState, ListenerStatus, Running, RunningListener};
use crate::admission::Gate;
use crate::config::watch::Watchable;
use crate::connection::Buffered;
use crate::platform::{self, ProcessFigures};
use crate::telemetry::metrics::{Exposition, Figures, families};

/// Everything, family by family in the order of the table.
pub(super) fn expose(server: &Running) -> String {
    let mut text = Exposition::new();
    let listeners: Vec<_> =
        server.listeners.iter().map(|listener| Listener::read(listener, &server.connections)).collect();
    connections(&mut text, &listeners);
    traffic(&mut text, &listeners, &server.registry.buffered());
    accepting(&mut text, &listeners);
    service(&mut text, server);
    runtime(&mut text, server);
    process(&mut text, &platform::process_figures());
    text.into_text()
}

/// A listener, and how it was when it was read.
struct Listener<'a> {
    running: &'a RunningListener,
    figures: Figures,
    status: ListenerStatus,
}

impl<'a> Listener<'a> {
    fn read(running: &'a RunningListener, all: &Gate) -> Self {
        Self { running, figures: running.metrics.read(), status: running.status(all) }
    }

    fn name(&self) -> &str {
        &self.running.name
    }
}

fn connections(text: &mut Exposition, listeners: &[Listener<'_>]) {
    let mut accepted = text.family(&families::ACCEPTED);
    for listener in listeners {
        accepted.sample(&[listener.name()], listener.figures.accepted);
    }
    let mut refused = text.family(&families::REFUSED);
    for listener in listeners {
        for (reason, count) in &listener.figures.refused {
            refused.sample(&[listener.name(), reason], count);
        }
    }
    let mut ended = text.family(&families::ENDED);
    for listener in listeners {
        for (reason, count) in &listener.figures.ended {
            ended.sample(&[listener.name(), reason], count);
        }
    }
    let mut active = text.family(&families::ACTIVE);
    for listener in listeners {
        active.sample(&[listener.name()], listener.figures.active);
    }
    let mut establishing = text.family(&families::ESTABLISHING);
    for listener in listeners {
        establishing.sample(&[listener.name()], listener.figures.establishing);
    }
    let mut limits = text.family(&families::LIMIT);
    for listener in listeners {
        if let Some(limit) = listener.running.connections.limit() {
            limits.sample(&[listener.name()], limit);
        }
    }
    let mut durations = text.family(&families::DURATION);
    for listener in listeners {
        durations.distribution(&[listener.name()], &listener.figures.durations);
    }
    let mut durations = text.family(&families::ESTABLISH_DURATION);
    for listener in listeners {
        durations.distribution(&[listener.name()], &listener.figures.establish_durations);
    }
    let mut dry_runs = text.family(&families::ACCESS_DRY_RUN);
    for listener in listeners {
        dry_runs.sample(&[listener.name()], listener.figures.access_dry_runs);
    }
}

fn files(text: &mut Exposition, files: &[Arc<dyn Watchable>]) {
    // Of several that belong together, one stands for all.
    let names = files.iter().map(|file| file.files().first().map(|path| path.display().to_string()));
    let files: Vec<_> =
        files.iter().zip(names).filter_map(|(file, name)| Some((name?, file.reloads()))).collect();
    let mut reloads = text.family(&families::FILE_RELOADS);
    for (name, figures) in &files {
        reloads.sample(&[name, "reloaded"], figures.reloaded);
        reloads.sample(&[name, "failed"], figures.failed);
    }
    let mut stale = text.family(&families::FILE_STALE);
    for (name, figures) in &files {
        stale.sample(&[name], u8::from(figures.stale));
    }
}

fn traffic(text: &mut Exposition, listeners: &[Listener<'_>], buffered: &HashMap<Arc<str>, Buffered>) {
    let mut of_each = |family, figure: fn(&Figures) -> u64| {
        let mut samples = text.family(family);
        for listener in listeners {
            samples.sample(&[listener.name()], figure(&listener.figures));
        }
    };
    of_each(&families::RECEIVED_BYTES, |figures| figures.received_bytes);
    of_each(&families::SENT_BYTES, |figures| figures.sent_bytes);
    of_each(&families::RECEIVED_FRAMES, |figures| figures.received_frames);
    of_each(&families::SENT_FRAMES, |figures| figures.sent_frames);
    let mut samples = text.family(&families::BUFFERED_BYTES);
    for listener in listeners {
        let Buffered { input, output } = buffered.get(listener.name()).copied().unwrap_or_default();
        samples.sample(&[listener.name(), "input"], input);
        samples.sample(&[listener.name(), "output"], output);
    }
}

fn accepting(text: &mut Exposition, listeners: &[Listener<'_>]) {
    let mut errors = text.family(&families::ACCEPT_ERRORS);
    for listener in listeners {
        for (class, count) in &listener.figures.accept_errors {
            errors.sample(&[listener.name(), class], count);
        }
    }
    let mut pauses = text.family(&families::ACCEPT_PAUSES);
    for listener in listeners {
        pauses.sample(&[listener.name()], listener.figures.accept_pauses);
    }
    queues(text, listeners);
    let mut states = text.family(&families::STATE);
    for listener in listeners {
        for state in ListenerState::ALL {
            let holds = listener.status.state == state;
            states.sample(&[listener.name(), state.as_str()], u8::from(holds));
        }
    }
    let mut ages = text.family(&families::HEARTBEAT_AGE);
    // Of one that has ended as it should, no beat is due.
    for listener in listeners.iter().filter(|listener| listener.status.state != ListenerState::Closed) {
        ages.sample(&[listener.name()], listener.status.heartbeat_age.as_secs_f64());
    }
}

fn queues(text: &mut Exposition, listeners: &[Listener<'_>]) {
    let queues: Vec<_> = listeners
        .iter()
        .flat_map(|listener| listener.running.queues.iter().map(move |queue| (listener.name(), queue)))
        .filter_map(|(name, (address, queue))| Some(([name, address.as_str()], queue.look()?)))
        .collect();
    let mut waiting = text.family(&families::QUEUE);
    for (labels, queue) in &queues {
        waiting.sample(labels, queue.waiting);
    }
    let mut limits = text.family(&families::QUEUE_LIMIT);
    for (labels, queue) in &queues {
        limits.sample(labels, queue.limit);
    }
    if let Some(overflows) = platform::accept_queue_overflows() {
        text.family(&families::QUEUE_OVERFLOWS).sample(&[], overflows);
    }
}

fn service(text: &mut Exposition, server: &Running) {
    text.family(&families::READY).sample(&[], u8::from(server.stopping.get().is_none()));
    if let Some(limit) = server.connections.limit() {
        text.family(&families::SERVER_LIMIT).sample(&[], limit);
    }
    #[cfg(feature = "cli")]
    if let Some(lost) = crate::telemetry::log::lines_lost() {
        text.family(&families::LOG_LINES_LOST).sample(&[], lost);
    }
    files(text, &server.files);
    let build = [env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH];
    text.family(&families::BUILD_INFO).sample(&build, 1);
}

fn runtime(text: &mut Exposition, server: &Running) {
    let runtime = server.runtime.metrics();
    let workers = runtime.num_workers();
    text.family(&families::RUNTIME_WORKERS).sample(&[], workers);
    #[cfg(target_has_atomic = "64")]
    {
        let busy: std::time::Duration =
            (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
        text.family(&families::RUNTIME_BUSY).sample(&[], busy.as_secs_f64());
    }
    text.family(&families::RUNTIME_TASKS).sample(&[], runtime.num_alive_tasks());
    text.family(&families::RUNTIME_QUEUE).sample(&[], runtime.global_queue_depth());
}

fn process(text: &mut Exposition, figures: &ProcessFigures) {
    if let Some(open) = figures.open_descriptors {
        text.family(&families::OPEN_FDS).sample(&[], open);
    }
    if let Some(most) = figures.most_descriptors {
        text.family(&families::MAX_FDS).sample(&[], most);
    }
    if let Some(bytes) = figures.resident {
        text.family(&families::RESIDENT_MEMORY).sample(&[], bytes);
    }
    if let Some(time) = figures.processor_time {
        text.family(&families::CPU).sample(&[], time.as_secs_f64());
    }
    if let Some(started) = figures.started {
        text.family(&families::START_TIME).sample(&[], started.as_secs_f64());
    }
}
