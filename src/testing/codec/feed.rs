//! One stream through one codec, as a connection would put it.

use std::any::Any;
use std::fmt::{self, Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::BytesMut;

use crate::BoxError;
use crate::codec::Codec;

/// A stream and where it is cut.
pub(super) struct Fed<'a> {
    pub(super) bytes: &'a [u8],
    /// Ascending.
    pub(super) cuts: &'a [usize],
}

/// What a codec made of a stream.
pub(super) struct Outcome<I> {
    /// Each with how many bytes had been fed when it came; the end of input counts as one more.
    pub(super) frames: Vec<(I, usize)>,
    pub(super) end: End,
}

/// How a stream ended.
#[derive(PartialEq, Eq)]
pub(super) enum End {
    /// Nothing was left.
    Clean,
    /// So many bytes were left, and nothing was said of them.
    Left(usize),
    Failed {
        error: String,
        /// So many bytes had been fed; the end of input counts as one more.
        after: usize,
    },
}

/// So many frames that take nothing from the buffer are frames without end.
const ENDLESS: usize = 10_000;

/// No longer texts in a message.
const LONG: usize = 2000;

impl Fed<'_> {
    /// How many bytes have been fed when all of the first `length` have.
    pub(super) fn arrived_with(&self, length: usize) -> usize {
        self.cuts.iter().copied().find(|cut| *cut >= length).unwrap_or(self.bytes.len())
    }

    /// A message: what is wrong, with what was fed and what came of it.
    pub(super) fn fault(&self, what: &str, came: &impl Display) -> String {
        format!(
            "{what}\n  fed: b\"{}\"\n  cut at: {}\n  came: {}",
            short(&self.bytes.escape_ascii().to_string()),
            short(&format!("{:?}", self.cuts)),
            short(&came.to_string())
        )
    }
}

impl<I: Debug + PartialEq> Outcome<I> {
    /// Whether the same came of the same stream, whenever it came.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let same_end = match (&self.end, &other.end) {
            (End::Failed { error, .. }, End::Failed { error: other, .. }) => error == other,
            (end, other) => end == other,
        };
        let frames = self.frames.iter().map(|(frame, _)| frame);
        same_end && frames.eq(other.frames.iter().map(|(frame, _)| frame))
    }
}

impl<I: Debug> Display for Outcome<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (frame, _) in &self.frames {
            write!(f, "{frame:?}, ")?;
        }
        match &self.end {
            End::Clean => f.write_str("the end"),
            End::Left(left) => write!(f, "the end, with {left} bytes left over"),
            End::Failed { error, after } => write!(f, "after {after} bytes the error: {error}"),
        }
    }
}

/// Feeds a stream. An error says what no codec may do.
pub(super) fn feed<C: Codec<Item: Debug>>(
    make: &dyn Fn() -> C,
    fed: &Fed<'_>,
    reserves: usize,
) -> Result<Outcome<C::Item>, String> {
    let mut feeding = Feeding {
        fed: 0,
        eof: false,
        buffer: BytesMut::new(),
        frames: Vec::new(),
        without_input: 0,
        reserves,
    };
    let run = catch_unwind(AssertUnwindSafe(|| feeding.run(&mut make(), fed)));
    let fault = match run {
        Ok(Ok(end)) => return Ok(Outcome { frames: feeding.frames, end }),
        Ok(Err(fault)) => fault,
        Err(panic) => format!("the codec panicked: {}", text_of(&*panic)),
    };
    let came = Outcome { frames: feeding.frames, end: End::Left(feeding.buffer.len()) };
    let at =
        if feeding.eof { "at the end of input".to_owned() } else { format!("after {} bytes", feeding.fed) };
    Err(fed.fault(&format!("{at}, {fault}"), &came))
}

struct Feeding<I> {
    fed: usize,
    eof: bool,
    buffer: BytesMut,
    frames: Vec<(I, usize)>,
    /// Frames in a row that took nothing from the buffer.
    without_input: usize,
    reserves: usize,
}

/// What one call of the codec came to.
enum Step {
    Frame,
    Nothing,
    Failed(String),
}

impl<I: Debug> Feeding<I> {
    fn run<C: Codec<Item = I>>(&mut self, codec: &mut C, stream: &Fed<'_>) -> Result<End, String> {
        for cut in stream.cuts.iter().copied().chain([stream.bytes.len()]) {
            self.buffer.extend_from_slice(&stream.bytes[self.fed..cut]);
            self.fed = cut;
            if let Some(error) = self.decode_all(codec)? {
                return Ok(End::Failed { error, after: self.fed });
            }
        }
        self.eof = true;
        if let Some(error) = self.decode_all(codec)? {
            return Ok(End::Failed { error, after: self.fed + 1 });
        }
        Ok(if self.buffer.is_empty() { End::Clean } else { End::Left(self.buffer.len()) })
    }

    /// Until there is nothing more, or an error, which is returned.
    fn decode_all<C: Codec<Item = I>>(&mut self, codec: &mut C) -> Result<Option<String>, String> {
        loop {
            match self.step(codec)? {
                Step::Frame => {}
                Step::Failed(error) => return Ok(Some(error)),
                Step::Nothing if self.eof => return Ok(None),
                // At the end of input, a connection asks again without new bytes.
                Step::Nothing => match self.step(codec)? {
                    Step::Nothing => return Ok(None),
                    Step::Frame => return Err("a frame came only when asked twice".to_owned()),
                    Step::Failed(error) => {
                        return Err(format!("an error came only when asked twice: {error}"));
                    }
                },
            }
        }
    }

    fn step<C: Codec<Item = I>>(&mut self, codec: &mut C) -> Result<Step, String> {
        let (length, capacity) = (self.buffer.len(), self.buffer.capacity());
        let decoded =
            if self.eof { codec.decode_eof(&mut self.buffer) } else { codec.decode(&mut self.buffer) };
        let allowed = capacity.max(2 * self.buffer.len() + self.reserves);
        if self.buffer.capacity() > allowed {
            return Err(format!(
                "the codec has reserved {} bytes, and holds {}",
                self.buffer.capacity(),
                self.buffer.len()
            ));
        }
        if self.buffer.len() > length {
            return Err("the codec has added to its input".to_owned());
        }
        match decoded {
            Ok(Some(frame)) => {
                self.without_input = if self.buffer.len() < length { 0 } else { self.without_input + 1 };
                if self.without_input > ENDLESS {
                    return Err(format!("the codec makes frames without end, and without input: {frame:?}"));
                }
                self.frames.push((frame, self.fed + usize::from(self.eof)));
                Ok(Step::Frame)
            }
            Ok(None) => Ok(Step::Nothing),
            Err(error) => Ok(Step::Failed(Into::<BoxError>::into(error).to_string())),
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text")
}

/// The text, or its beginning and how long it is.
fn short(text: &str) -> String {
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}… ({} bytes of text)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
