//! What a codec must hold to.

use std::fmt::Debug;

use fastrand::Rng;

use super::feed::{End, Fed, Outcome, feed};
use super::material::{Frames, Limit, Random, Wire};
use super::{CASES, CodecHarness};
use crate::codec::Codec;

/// Longer streams are not fed a byte at a time in every case.
const SHORT: usize = 64;

/// Streams up to here are split, and end, after each of their bytes; longer ones at so many random places.
const THOROUGH: usize = 512;

impl<C: Codec<Item: Debug + PartialEq>> CodecHarness<C> {
    /// All checks; the text of the first that fails.
    pub(super) fn check_all(&self) -> Result<(), String> {
        let mut rng = Rng::with_seed(self.seed);
        let examples = self.encode_all(&self.examples)?;
        for wire in &examples {
            self.round_trip(&mut rng, wire)?;
        }
        for limit in &self.limits {
            self.holds_limit(&mut rng, limit)?;
        }
        for stream in &self.refused {
            self.is_refused(&mut rng, stream, usize::MAX)?;
        }
        let mut sent = 0;
        for case in 0..self.cases {
            let seed = self.seed.wrapping_add(case);
            sent += self
                .random_case(&mut Rng::with_seed(seed), &examples)
                .map_err(|fault| format!("{fault}\n  again: .seed({seed}).cases(1)"))?;
        }
        if self.generate.is_some() && sent == 0 && self.cases >= CASES {
            return Err("the codec encodes none of the frames that are made of random bytes".to_owned());
        }
        Ok(())
    }

    fn encode_all(&self, frames: &[Box<dyn Frames<C>>]) -> Result<Vec<Wire<C::Item>>, String> {
        frames.iter().map(|frames| frames.encode(&mut (self.sender)())).collect()
    }

    /// One stream of random frames, and one of garbage; tells how many frames were sent.
    fn random_case(&self, rng: &mut Rng, examples: &[Wire<C::Item>]) -> Result<usize, String> {
        let random = Random { special: &self.special, at_most: self.at_most };
        let made = match &self.generate {
            Some(generate) => Some(generate(rng, &random).encode(&mut (self.sender)())?),
            None => None,
        };
        if let Some(wire) = &made {
            self.comes_back(&wire.fed(&some_cuts(rng, wire.bytes.len())), wire)?;
            self.comes_back(&wire.fed(&often_every_byte(rng, wire.bytes.len())), wire)?;
            let part = rng.usize(0..=wire.bytes.len());
            self.ends_after(wire, part, &some_cuts(rng, part))?;
        }
        let valid = made.as_ref().or_else(|| rng.choice(examples)).map_or(&[][..], |wire| &wire.bytes);
        let bytes = random.garbage(rng, valid);
        self.is_the_same(&bytes, &[&often_every_byte(rng, bytes.len()), &some_cuts(rng, bytes.len())])?;
        Ok(made.map_or(0, |wire| wire.ends.len()))
    }

    /// The frames come back, and at every end of input those that were complete.
    fn round_trip(&self, rng: &mut Rng, wire: &Wire<C::Item>) -> Result<(), String> {
        let length = wire.bytes.len();
        self.comes_back(&wire.fed(&[]), wire)?;
        self.comes_back(&wire.fed(&every_byte(length)), wire)?;
        for place in places(rng, length) {
            self.comes_back(&wire.fed(&[place]), wire)?;
            self.comes_back(&wire.fed(&some_cuts(rng, length)), wire)?;
            self.ends_after(wire, place, &some_cuts(rng, place))?;
        }
        Ok(())
    }

    fn holds_limit(&self, rng: &mut Rng, limit: &Limit<C>) -> Result<(), String> {
        let longest = limit.longest.encode(&mut (self.sender)())?;
        self.round_trip(rng, &longest)?;
        let too_long = limit.too_long.encode(&mut (self.sender)())?;
        self.is_refused(rng, &too_long.bytes, 2 * longest.bytes.len() + SHORT)
    }

    /// The stream ends in an error, fed byte by byte within the first `within`.
    fn is_refused(&self, rng: &mut Rng, stream: &[u8], within: usize) -> Result<(), String> {
        let single = every_byte(stream.len());
        let some = some_cuts(rng, stream.len());
        for cuts in [&[][..], &some, &single] {
            let fed = Fed { bytes: stream, cuts };
            let outcome = self.feed(&fed)?;
            let End::Failed { after, .. } = outcome.end else {
                return Err(fed.fault("must be refused, and was not", &outcome));
            };
            if after > within && cuts.len() == single.len() {
                let what = format!("must be refused within {within} bytes, and was after {after}");
                return Err(fed.fault(&what, &outcome));
            }
        }
        self.is_the_same(stream, &[&some, &single])
    }

    /// All frames come back, each with its last byte.
    fn comes_back(&self, fed: &Fed<'_>, wire: &Wire<C::Item>) -> Result<(), String> {
        let outcome = self.feed(fed)?;
        self.has_frames(fed, &outcome, wire, wire.ends.len())?;
        if !self.unframed && outcome.frames.len() > wire.ends.len() {
            return Err(fed.fault(&format!("only {} frames were sent", wire.ends.len()), &outcome));
        }
        if !matches!(outcome.end, End::Clean) {
            return Err(fed.fault("whole frames were sent, and the stream did not end well", &outcome));
        }
        Ok(())
    }

    /// The first frames of the stream, when it ends after `part` bytes, and at most one of what is left.
    fn ends_after(&self, wire: &Wire<C::Item>, part: usize, cuts: &[usize]) -> Result<(), String> {
        let fed = Fed { bytes: &wire.bytes[..part], cuts };
        let complete = wire.ends.iter().filter(|end| **end <= part).count();
        let outcome = self.feed(&fed)?;
        self.has_frames(&fed, &outcome, wire, complete)?;
        if !self.unframed && outcome.frames.len() > complete + 1 {
            let what = format!("only {complete} frames were complete, and what is left is no more than one");
            return Err(fed.fault(&what, &outcome));
        }
        Ok(())
    }

    /// The outcome begins with the first `count` frames of the wire, each with its last byte.
    fn has_frames(
        &self,
        fed: &Fed<'_>,
        outcome: &Outcome<C::Item>,
        wire: &Wire<C::Item>,
        count: usize,
    ) -> Result<(), String> {
        if self.unframed {
            return Ok(());
        }
        for (index, end) in wire.ends.iter().enumerate().take(count) {
            let Some((frame, came)) = outcome.frames.get(index) else {
                return Err(fed.fault(&format!("frame {index}, {}, is missing", wire.show(index)), outcome));
            };
            if !wire.is(index, frame) {
                let what = format!("frame {index} is {frame:?}, sent was {}", wire.show(index));
                return Err(fed.fault(&what, outcome));
            }
            if *came != fed.arrived_with(*end) {
                let what = format!(
                    "frame {index} is complete after {end} bytes, and was kept back: \
                     whoever waits for the answer waits for ever"
                );
                return Err(fed.fault(&what, outcome));
            }
        }
        Ok(())
    }

    /// However it is split, the same comes of it.
    fn is_the_same(&self, bytes: &[u8], splits: &[&[usize]]) -> Result<(), String> {
        let whole = Fed { bytes, cuts: &[] };
        let expected = self.feed(&whole)?;
        for cuts in splits {
            let fed = Fed { bytes, cuts };
            let outcome = self.feed(&fed)?;
            if !self.unframed && !outcome.is_as(&expected) {
                let what = format!("unsplit it comes to something else: {expected}");
                return Err(fed.fault(&what, &outcome));
            }
        }
        Ok(())
    }

    fn feed(&self, fed: &Fed<'_>) -> Result<Outcome<C::Item>, String> {
        let outcome = feed(&*self.make, fed, self.reserves)?;
        for (frame, _) in &outcome.frames {
            if !self.always.iter().all(|holds| holds(frame)) {
                return Err(fed.fault(&format!("what must always hold does not hold of {frame:?}"), &outcome));
            }
        }
        Ok(outcome)
    }
}

/// Cuts after each byte.
fn every_byte(length: usize) -> Vec<usize> {
    (1..length).collect()
}

/// Cuts after each byte, or at a few places where that would take long.
fn often_every_byte(rng: &mut Rng, length: usize) -> Vec<usize> {
    if length <= SHORT || rng.u8(..) < 8 { every_byte(length) } else { some_cuts(rng, length) }
}

/// A few cuts at random places.
fn some_cuts(rng: &mut Rng, length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..rng.usize(0..8)).map(|_| rng.usize(0..=length)).collect();
    cuts.sort_unstable();
    cuts
}

/// Every place of a short stream, some of a long one.
fn places(rng: &mut Rng, length: usize) -> Vec<usize> {
    if length <= THOROUGH {
        (0..=length).collect()
    } else {
        (0..SHORT).map(|_| rng.usize(0..=length)).collect()
    }
}
