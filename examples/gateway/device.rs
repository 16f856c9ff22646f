//! A device's connection: login, reports, beats.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use terima::{Connection, ConnectionError, Handler, HandlerError, Receiver, Sender, Timeout, TrySendError};
use tokio::time::{Instant, interval_at};

use crate::frame::{Frame, FrameCodec, Kind};
use crate::registry::{Online, Registry};

/// `handler = { type = "device", login = "5s", beat = "30s", beats = 3 }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceOptions {
    /// How long a device may take to say who it is.
    login: Timeout,
    /// How often a device that is silent is asked whether it is alive.
    beat: Timeout,
    /// How many times in a row it may leave that unanswered.
    beats: u32,
}

pub(crate) struct Device {
    registry: Arc<Registry>,
    login: Duration,
    beat: Duration,
    beats: u32,
}

impl Device {
    /// An error is a problem of the file, and shown at its handler.
    pub(crate) fn new(registry: Arc<Registry>, options: &DeviceOptions) -> Result<Self, HandlerError> {
        let login = options.login.limit().ok_or("`login` can't be off: who is silent would stay")?;
        let beat = options.beat.limit().ok_or("`beat` can't be off: who is gone would stay")?;
        Ok(Self { registry, login, beat, beats: options.beats })
    }
}

impl Handler for Device {
    type Codec = FrameCodec;

    async fn handle(&self, mut conn: Connection<FrameCodec>) -> Result<(), HandlerError> {
        let Some(login) = conn.recv_within(self.login).await? else { return Ok(()) };
        let Some(name) = name_of(&login) else {
            conn.send(Frame::new(Kind::Bye, "bad_login")).await?;
            return Err(HandlerError::end("bad_login"));
        };
        conn.send(Frame::new(Kind::Welcome, "")).await?;

        let (mut receiver, sender) = conn.split();
        let drain = receiver.drain();
        let mut online = self.registry.enter(name, sender.clone());
        let why = self.attend(&mut online, &mut receiver, &sender).await?;
        drop(online);
        let Some(why) = why.or(drain.is_begun().then_some("going_down")) else { return Ok(()) };
        tell(&sender, Frame::new(Kind::Bye, why))?;
        // The end of a drain has a word already.
        if drain.is_begun() { Ok(()) } else { Err(HandlerError::end(why)) }
    }
}

impl Device {
    /// Until the device goes, or the server. Returns why, if it is the gateway that ends it.
    async fn attend(
        &self,
        online: &mut Online,
        receiver: &mut Receiver<FrameCodec>,
        sender: &Sender<FrameCodec>,
    ) -> Result<Option<&'static str>, ConnectionError> {
        let mut beats = interval_at(Instant::now() + self.beat, self.beat);
        let mut unanswered = 0;
        loop {
            tokio::select! {
                frame = receiver.recv() => {
                    let Some(frame) = frame? else { return Ok(None) };
                    // Whatever it says, it is alive.
                    unanswered = 0;
                    beats.reset();
                    match frame.kind {
                        Kind::Beat => {}
                        Kind::Report => online.report(&frame.payload),
                        _ => return Ok(Some("unexpected_frame")),
                    }
                }
                _ = beats.tick() => {
                    if unanswered == self.beats {
                        return Ok(Some("beats_missed"));
                    }
                    unanswered += 1;
                    tell(sender, Frame::new(Kind::Beat, ""))?;
                }
                why = online.dismissed() => return Ok(Some(why)),
            }
        }
    }
}

/// Sends a frame, unless too much waits for the device already. Nobody waits for one that does not read: it could not be
/// dismissed meanwhile. A beat that it is not sent is one that it does not answer.
fn tell(sender: &Sender<FrameCodec>, frame: Frame) -> Result<(), ConnectionError> {
    match sender.try_send(frame) {
        Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
        Err(TrySendError::Connection(error)) => Err(error),
    }
}

/// The name in a login: 1 to 64 letters, digits, `-` or `_`, so that operators can type it.
fn name_of(login: &Frame) -> Option<String> {
    let name = std::str::from_utf8(&login.payload).ok().filter(|_| login.kind == Kind::Login)?;
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    ((1..=64).contains(&name.len()) && name.chars().all(fits)).then(|| name.to_owned())
}
