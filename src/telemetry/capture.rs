//! What was logged, for a test to look at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Keeps every event of the futures and threads that were given its [`Capture::dispatch`].
#[derive(Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<Line>>>);

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    fields: BTreeMap<&'static str, String>,
}

/// While there is only one subscriber, `tracing` asks that of the current thread alone whether a call site is wanted, and
/// remembers a no of a test that captures nothing for all of them. So there are always two.
static OTHERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Capture::default())));

impl Capture {
    pub(crate) fn new() -> Self {
        LazyLock::force(&OTHERS);
        Self::default()
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        Dispatch::new(self.clone())
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lock().clone()
    }

    /// The access lines.
    pub(crate) fn ended(&self) -> Vec<Line> {
        let lines = self.lines().into_iter();
        lines.filter(|line| line.target == "terima::access").collect()
    }

    /// How many events say `message`, at `level`.
    pub(crate) fn count(&self, level: Level, message: &str) -> usize {
        let says = |line: &&Line| line.level == level && line["message"].contains(message);
        self.lock().iter().filter(says).count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::ops::Index<&str> for Line {
    type Output = str;

    /// The text of a field; empty where there is none.
    fn index(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("terima")
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line { level: *metadata.level(), target: metadata.target(), fields: BTreeMap::new() };
        event.record(&mut line);
        self.lock().push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
