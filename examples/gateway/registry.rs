//! Who is online.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use terima::{Peer, Sender, TrySendError};
use tokio::sync::oneshot;

use crate::frame::{Frame, FrameCodec, Kind};

/// Every device that is online, by name.
#[derive(Default)]
pub(crate) struct Registry(Mutex<BTreeMap<String, Entry>>);

struct Entry {
    sender: Sender<FrameCodec>,
    /// Ends its connection, for this reason.
    dismiss: oneshot::Sender<&'static str>,
    report: Bytes,
}

/// A device's place in the registry. Dropped, the device is not online any more, whichever way its handler ends.
pub(crate) struct Online {
    registry: Arc<Registry>,
    name: String,
    connection: u64,
    dismissed: oneshot::Receiver<&'static str>,
}

/// What an operator sees of a device.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) peer: Peer,
    pub(crate) report: Bytes,
}

/// Why a device was not told something.
pub(crate) enum Untold {
    NotOnline,
    /// Too much waits for it already.
    Lags,
}

impl Registry {
    /// Enters a device. One that is online under this name already makes room: it has most likely lost its network, and come
    /// back by another.
    pub(crate) fn enter(self: &Arc<Self>, name: String, sender: Sender<FrameCodec>) -> Online {
        let (dismiss, dismissed) = oneshot::channel();
        let connection = sender.info().id();
        let entry = Entry { sender, dismiss, report: Bytes::new() };
        if let Some(before) = self.lock().insert(name.clone(), entry) {
            let _ = before.dismiss.send("replaced");
        }
        Online { registry: Arc::clone(self), name, connection, dismissed }
    }

    pub(crate) fn list(&self) -> Vec<Listed> {
        let entries = self.lock();
        let listed = entries.iter().map(|(name, entry)| Listed {
            name: name.clone(),
            peer: entry.sender.info().peer(),
            report: entry.report.clone(),
        });
        listed.collect()
    }

    /// Sends a command to a device. Nobody waits for one that lags.
    pub(crate) fn command(&self, name: &str, text: String) -> Result<(), Untold> {
        let sender = self.lock().get(name).map(|entry| entry.sender.clone()).ok_or(Untold::NotOnline)?;
        sender.try_send(Frame::new(Kind::Command, text)).map_err(|error| match error {
            TrySendError::Full(_) => Untold::Lags,
            TrySendError::Connection(_) => Untold::NotOnline,
        })
    }

    /// Ends a device's connection. Returns whether it was online.
    pub(crate) fn kick(&self, name: &str) -> bool {
        self.lock().remove(name).is_some_and(|entry| entry.dismiss.send("kicked").is_ok())
    }

    /// Nothing panics under this lock.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Online {
    /// Keeps what the device has reported last: a copy, as the frame's own memory holds others too.
    pub(crate) fn report(&self, report: &[u8]) {
        let mut entries = self.registry.lock();
        if let Some(entry) = entries.get_mut(&self.name).filter(|entry| self.is(entry)) {
            entry.report = Bytes::copy_from_slice(report);
        }
    }

    /// Waits until somebody wants the device gone; tells why. Cancel safe.
    pub(crate) async fn dismissed(&mut self) -> &'static str {
        match (&mut self.dismissed).await {
            Ok(why) => why,
            Err(_) => pending().await,
        }
    }

    /// Whether the entry of its name is its own, and not a successor's.
    fn is(&self, entry: &Entry) -> bool {
        entry.sender.info().id() == self.connection
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        let mut entries = self.registry.lock();
        if entries.get(&self.name).is_some_and(|entry| self.is(entry)) {
            entries.remove(&self.name);
        }
    }
}
