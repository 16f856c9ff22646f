//! The events of the servers that run inside a test program. Tests run at once: they tell their own by the listener.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Index;
use std::path::Path;
use std::sync::{LazyLock, Once};

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use super::within;

static EVENTS: LazyLock<watch::Sender<Vec<Event>>> = LazyLock::new(watch::Sender::default);

/// One event, its fields as text.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

/// From here on events are recorded.
pub(crate) fn record() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
}

/// Waits for the access line of a connection.
pub(crate) async fn ended(listener: &str, peer: SocketAddr) -> Event {
    let peer = peer.to_string();
    find(&format!("access line of {peer}"), |event| {
        event.target == "terima::access" && &event["listener"] == listener && event["peer"] == peer
    })
    .await
}

/// As [`ended`], by the number of the connection: two servers, or a client that follows another, may have the same port.
pub(crate) async fn ended_with_id(listener: &str, id: u64) -> Event {
    find(&format!("access line of {listener} {id}"), |event| {
        event.target == "terima::access" && &event["listener"] == listener && event["id"] == id.to_string()
    })
    .await
}

/// Waits for an event of a listener with this message.
pub(crate) async fn logged(listener: &str, message: &str) -> Event {
    find(message, |event| &event["listener"] == listener && event["message"].contains(message)).await
}

/// Waits for an event about a file with this message, and its text in a field of that name.
pub(crate) async fn logged_of_file(file: &Path, message: &str, (field, text): (&str, &str)) -> Event {
    let file = file.display().to_string();
    find(message, |event| {
        event["file"] == file && event["message"].contains(message) && event[field].contains(text)
    })
    .await
}

/// As [`ended`], by how the peer is spelt: a Unix socket's has no address of its own.
pub(crate) async fn ended_as(listener: &str, peer: &str) -> Event {
    find(&format!("access line of {peer}"), |event| {
        event.target == "terima::access" && &event["listener"] == listener && event["peer"].starts_with(peer)
    })
    .await
}

async fn find(what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
    let mut events = EVENTS.subscribe();
    let events = within(what, events.wait_for(|events| events.iter().any(&wanted))).await.unwrap();
    events.iter().find(|event| wanted(event)).cloned().unwrap()
}

impl Index<&str> for Event {
    type Output = str;

    /// The text of a field; empty where there is none.
    fn index(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

struct Recorder;

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("terima")
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        let mut recorded = Event { target, level, fields: BTreeMap::new() };
        event.record(&mut recorded);
        EVENTS.send_modify(|events| events.push(recorded));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Event {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}
