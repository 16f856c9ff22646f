//! The harness for codecs.

mod check;
mod feed;
mod material;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::rc::Rc;

use fastrand::Rng;
use tokio_util::codec::Encoder;

use self::material::{Frames, Given, Limit, Random};
use crate::BoxError;
use crate::codec::Codec;

/// Feeds a codec whole streams, single bytes, random pieces and garbage, as a connection would, and panics where it does
/// not hold to what a connection needs.
///
/// What it is given decides what [`check`](Self::check) checks:
///
/// - **Round trip**, of [`frames`](Self::frames) and [`frames_from`](Self::frames_from): what is encoded is decoded again,
///   however the bytes are split, and every frame as soon as its last byte is there.
/// - **Limits**, with [`limit`](Self::limit) and [`refuses`](Self::refuses): what is too long or malformed is an error
///   wherever it is split, and one that is too long is given up before twice the longest is buffered.
/// - **The end of input** after any part of a stream: the frames that were complete, then an error, one frame more and
///   no second, or nothing.
/// - **Garbage**: random bytes, and streams with bytes changed, lost and doubled. The codec may make of it what it likes,
///   but the same however it is split; and what [`always`](Self::always) says holds of every frame.
/// - **Always**: no panic; no frames without end; no reserving on the word of a header: the buffer's capacity stays below
///   twice the bytes it holds and [`reserves`](Self::reserves); and a `decode` that has returned `None` is asked again, and
///   must not have kept a frame back. After an error it is asked no more, as in a connection.
///
/// Two things escape it: memory that the codec keeps outside of the buffer, and a `decode` that does not return.
///
/// All is random but the same each time. What fails names the seed that leads to it at once.
///
/// ```
/// use terima::testing::CodecHarness;
/// use tokio_util::bytes::Bytes;
/// use tokio_util::codec::{LengthDelimitedCodec, LinesCodec};
///
/// let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['\r', '\n'], "");
/// CodecHarness::new(|| LinesCodec::new_with_max_length(100))
///     .special("\r\n")
///     .frames(["", "one", "two"].map(str::to_owned))
///     .frames_from(line)
///     .at_most(33) // of which each may come to a replacement character of three bytes
///     .always(|line: &String| line.len() <= 100)
///     .limit("x".repeat(100), "x".repeat(101))
///     .check();
///
/// // This one reserves a whole frame on its header, and refuses to send one that is too long for itself.
/// let codec = |limit| move || LengthDelimitedCodec::builder().max_frame_length(limit).new_codec();
/// CodecHarness::new(codec(1000))
///     .sent_by(codec(2000))
///     .special([0])
///     .frames_from(Bytes::copy_from_slice)
///     .limit(Bytes::from(vec![1; 1000]), Bytes::from(vec![1; 1001]))
///     .reserves(8 * 1024)
///     .check();
/// ```
#[must_use = "nothing is checked before `check`"]
pub struct CodecHarness<C: Codec> {
    make: Rc<dyn Fn() -> C>,
    sender: Rc<dyn Fn() -> C>,
    examples: Vec<Box<dyn Frames<C>>>,
    generate: Option<Generate<C>>,
    limits: Vec<Limit<C>>,
    refused: Vec<Vec<u8>>,
    always: Vec<Holds<C::Item>>,
    special: Vec<u8>,
    at_most: usize,
    reserves: usize,
    unframed: bool,
    cases: u64,
    seed: u64,
}

/// What holds of every frame.
type Holds<I> = Box<dyn Fn(&I) -> bool>;

/// Makes frames of what is random.
type Generate<C> = Box<dyn Fn(&mut Rng, &Random<'_>) -> Box<dyn Frames<C>>>;

/// How many random cases there are without [`CodecHarness::cases`].
const CASES: u64 = 1000;

/// How many bytes are made a frame of without [`CodecHarness::at_most`].
const AT_MOST: usize = 600;

/// What a codec may reserve without [`CodecHarness::reserves`].
const RESERVES: usize = 4 * 1024;

impl<C: Codec<Item: Debug + PartialEq>> CodecHarness<C> {
    /// A harness for the codecs that `make` makes, one for each stream.
    pub fn new(make: impl Fn() -> C + 'static) -> Self {
        let make: Rc<dyn Fn() -> C> = Rc::new(make);
        Self {
            sender: Rc::clone(&make),
            make,
            examples: Vec::new(),
            generate: None,
            limits: Vec::new(),
            refused: Vec::new(),
            always: Vec::new(),
            special: Vec::new(),
            at_most: AT_MOST,
            reserves: RESERVES,
            unframed: false,
            cases: CASES,
            seed: 0,
        }
    }

    /// Frames that must come back, sent in one stream; each call is a stream.
    pub fn frames<F>(mut self, frames: impl IntoIterator<Item = F>) -> Self
    where
        C: Encoder<F, Error: Into<BoxError>>,
        C::Item: PartialEq<F>,
        F: Clone + Debug + 'static,
    {
        self.examples.push(Box::new(Given::all(frames)));
        self
    }

    /// Makes frames of random bytes: of just these, or what else it likes. Those that the codec refuses to encode are left
    /// out.
    pub fn frames_from<F>(mut self, make: impl Fn(&[u8]) -> F + 'static) -> Self
    where
        C: Encoder<F, Error: Into<BoxError>>,
        C::Item: PartialEq<F>,
        F: Clone + Debug + 'static,
    {
        self.generate = Some(Box::new(move |rng, random| {
            let frames = (0..rng.usize(0..6)).map(|_| make(&random.bytes(rng)));
            Box::new(Given::those_it_takes(frames))
        }));
        self
    }

    /// The longest frame that must come back, and a longer one that must be refused when it is received. Where the codec
    /// refuses to send that one too, [`sent_by`](Self::sent_by) names one that does not.
    pub fn limit<F>(mut self, longest: F, too_long: F) -> Self
    where
        C: Encoder<F, Error: Into<BoxError>>,
        C::Item: PartialEq<F>,
        F: Clone + Debug + 'static,
    {
        self.limits.push(Limit {
            longest: Box::new(Given::all([longest])),
            too_long: Box::new(Given::all([too_long])),
        });
        self
    }

    /// A stream that must end in an error, at the end of input at the latest.
    pub fn refuses(mut self, stream: impl AsRef<[u8]>) -> Self {
        self.refused.push(stream.as_ref().to_vec());
        self
    }

    /// Encodes with another codec of the type, for one whose limits hold for what it sends as well.
    pub fn sent_by(mut self, make: impl Fn() -> C + 'static) -> Self {
        self.sender = Rc::new(make);
        self
    }

    /// What must hold of every frame, those in garbage included: that it is no longer than the limit, say.
    pub fn always(mut self, holds: impl Fn(&C::Item) -> bool + 'static) -> Self {
        self.always.push(Box::new(holds));
        self
    }

    /// Bytes that mean something to the codec, as delimiters do: what is random has more of them.
    pub fn special(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.special = bytes.as_ref().to_vec();
        self
    }

    /// How many random bytes a frame is made of at most. Default 600, which is more than one block of COBS; it must not
    /// come to more than the limit.
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.at_most = bytes;
        self
    }

    /// How much the codec may reserve beyond twice what the buffer holds, in bytes. Default 4096.
    pub fn reserves(mut self, bytes: usize) -> Self {
        self.reserves = bytes;
        self
    }

    /// The codec has no frames of its own and hands on what comes, as it comes: how a stream is split may change them.
    pub fn unframed(mut self) -> Self {
        self.unframed = true;
        self
    }

    /// How many random cases there are. Default 1000.
    pub fn cases(mut self, cases: u64) -> Self {
        self.cases = cases;
        self
    }

    /// Where the random cases begin; each is the first of the seed that it is reported with. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks all of it.
    ///
    /// # Panics
    ///
    /// The codec does not hold to something. The text says to what, what was fed and how it was split, what came of it, and
    /// the seed.
    #[track_caller]
    pub fn check(&self) {
        if let Err(fault) = self.check_all() {
            panic!("{fault}");
        }
    }
}
