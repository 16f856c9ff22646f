//! What is fed: frames and their streams, random bytes, garbage.

use std::fmt::Debug;

use bytes::BytesMut;
use fastrand::Rng;
use tokio_util::codec::{Decoder, Encoder};

use super::feed::Fed;
use crate::BoxError;

/// Frames of a type that the harness need not know.
pub(super) trait Frames<C: Decoder> {
    /// The stream that they make. An error where one can't be sent that has to be.
    fn encode(&self, codec: &mut C) -> Result<Wire<C::Item>, String>;
}

/// The stream that frames make.
pub(super) struct Wire<I> {
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends.
    pub(super) ends: Vec<usize>,
    sent: Box<dyn Sent<I>>,
}

/// Frames of which the one must come back, and the other not.
pub(super) struct Limit<C: Decoder> {
    pub(super) longest: Box<dyn Frames<C>>,
    pub(super) too_long: Box<dyn Frames<C>>,
}

/// Frames, and whether all of them have to be sent.
pub(super) struct Given<F> {
    frames: Vec<F>,
    all: bool,
}

/// Frames that were sent.
trait Sent<I> {
    fn is(&self, index: usize, frame: &I) -> bool;
    fn show(&self, index: usize) -> String;
}

impl<F> Given<F> {
    pub(super) fn all(frames: impl IntoIterator<Item = F>) -> Self {
        Self { frames: frames.into_iter().collect(), all: true }
    }

    pub(super) fn those_it_takes(frames: impl IntoIterator<Item = F>) -> Self {
        Self { frames: frames.into_iter().collect(), all: false }
    }
}

impl<C, F> Frames<C> for Given<F>
where
    C: Decoder<Item: PartialEq<F>> + Encoder<F, Error: Into<BoxError>>,
    F: Clone + Debug + 'static,
{
    fn encode(&self, codec: &mut C) -> Result<Wire<C::Item>, String> {
        let mut bytes = BytesMut::new();
        let (mut ends, mut sent) = (Vec::new(), Vec::new());
        for frame in &self.frames {
            let before = bytes.clone();
            match codec.encode(frame.clone(), &mut bytes) {
                Ok(()) if bytes.starts_with(&before) => {
                    ends.push(bytes.len());
                    sent.push(frame.clone());
                }
                Ok(()) => {
                    return Err(format!(
                        "encoding {frame:?} has changed what was to be sent before it: {before:?}"
                    ));
                }
                Err(error) if self.all => {
                    return Err(format!("{frame:?} is not encoded: {}", Into::<BoxError>::into(error)));
                }
                // As a connection does.
                Err(_) => bytes.truncate(before.len()),
            }
        }
        Ok(Wire { bytes: bytes.to_vec(), ends, sent: Box::new(sent) })
    }
}

impl<I: PartialEq<F>, F: Debug> Sent<I> for Vec<F> {
    fn is(&self, index: usize, frame: &I) -> bool {
        *frame == self[index]
    }

    fn show(&self, index: usize) -> String {
        format!("{:?}", self[index])
    }
}

impl<I> Wire<I> {
    /// It, cut.
    pub(super) fn fed<'a>(&'a self, cuts: &'a [usize]) -> Fed<'a> {
        Fed { bytes: &self.bytes, cuts }
    }

    /// Whether it is the frame that was sent.
    pub(super) fn is(&self, index: usize, frame: &I) -> bool {
        self.sent.is(index, frame)
    }

    /// The frame that was sent, for a message.
    pub(super) fn show(&self, index: usize) -> String {
        self.sent.show(index)
    }
}

/// What random bytes are like.
pub(super) struct Random<'a> {
    /// Those that mean something.
    pub(super) special: &'a [u8],
    /// So many of them make a frame.
    pub(super) at_most: usize,
}

impl Random<'_> {
    /// Bytes for a frame: mostly few, and with those that mean something; now and then many, or one over and over.
    pub(super) fn bytes(&self, rng: &mut Rng) -> Vec<u8> {
        let most = if rng.u8(..) < 8 { self.at_most } else { self.at_most.min(24) };
        let length = rng.usize(0..=most);
        match rng.u8(0..4) {
            0 => (0..length).map(|_| rng.u8(..)).collect(),
            1 => vec![self.byte(rng); length],
            _ => (0..length).map(|_| self.byte(rng)).collect(),
        }
    }

    /// Any byte, every second time one that means something.
    fn byte(&self, rng: &mut Rng) -> u8 {
        match rng.choice(self.special) {
            Some(special) if rng.bool() => *special,
            _ => rng.u8(..),
        }
    }

    /// Random bytes, or a stream that is none any more.
    pub(super) fn garbage(&self, rng: &mut Rng, valid: &[u8]) -> Vec<u8> {
        if valid.is_empty() || rng.u8(0..4) == 0 {
            return self.bytes(rng);
        }
        let mut bytes = valid.to_vec();
        for _ in 0..rng.usize(1..4) {
            let from = rng.usize(0..=bytes.len());
            let to = rng.usize(from..=bytes.len().min(from + 16));
            match rng.u8(0..5) {
                0 => drop(bytes.drain(from..to)),
                1 => drop(bytes.splice(from..from, bytes[from..to].to_vec())),
                2 => drop(bytes.splice(from..from, self.bytes(rng))),
                3 => bytes.truncate(to),
                _ => bytes[from..to].fill_with(|| self.byte(rng)),
            }
        }
        bytes
    }
}
