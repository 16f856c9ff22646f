//! Codec `length`: each frame begins with its length.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;
use crate::handler::HandlerError;

/// The codec `length`: a frame's length stands before it, as a binary number.
///
/// ```text
///  ┌──────────────┬──────────────┬───────────────────────┐
///  │ offset bytes │ width bytes: │ payload               │
///  │              │ the length   │                       │
///  └──────────────┴──────────────┴───────────────────────┘
///  └────────── header ───────────┘
/// ```
///
/// - The handler is given the payload, or with `keep_header` the whole frame.
/// - What is sent gets a header, whose first `offset` bytes are 0; with `keep_header` it has one already, which must tell
///   its length.
/// - A frame longer than `max_frame` ends the connection as `frame_too_long`, as soon as its header is there; a length that
///   is not enough for the header is a `bad_frame`. Memory is taken for what has arrived, not for what a header promises.
/// - Input that ends inside a frame ends the connection as `client_truncated`.
#[derive(Debug, Clone)]
pub struct Length {
    options: LengthOptions,
    max_frame: usize,
}

/// The options of codec `length`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LengthOptions {
    /// How many bytes the length has, 1 to 8. Default 4.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 8)))]
    pub width: u8,
    /// Which of its bytes comes first. Default `"big"`, as on the wire of most protocols.
    pub order: ByteOrder,
    /// How many bytes of each frame come before the length. Default 0.
    pub offset: u16,
    /// What the length counts. Default `"payload"`.
    pub counts: Counts,
    /// What is to be added to the length that is received, to make it what `counts` says. Default 0.
    pub adjust: i32,
    /// Whether the handler is given the header too. Default false.
    pub keep_header: bool,
    /// The longest frame, as the handler is given it. Default 64 KiB.
    pub max_frame: Size,
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    /// The highest: network byte order.
    #[default]
    Big,
    /// The lowest.
    Little,
}

/// What a length counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(serde::Serialize, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// What comes after it.
    #[default]
    Payload,
    /// The whole frame, from its first byte on.
    Frame,
}

const WIDEST: u8 = 8;

impl Length {
    /// A codec with these options.
    ///
    /// # Errors
    ///
    /// The width is not 1 to 8.
    pub fn new(options: LengthOptions) -> Result<Self, HandlerError> {
        if !(1..=WIDEST).contains(&options.width) {
            return Err(format!("`width` is {}, but a length has 1 to {WIDEST} bytes", options.width).into());
        }
        let max_frame = options.max_frame.bytes();
        Ok(Self { options, max_frame })
    }

    fn header(&self) -> usize {
        usize::from(self.options.offset) + usize::from(self.options.width)
    }

    /// How long the frame is that begins with `header`, header included.
    fn frame_length(&self, header: &[u8]) -> Result<usize, FrameError> {
        let options = &self.options;
        let field = read(&header[usize::from(options.offset)..self.header()], options.order);
        // A sum of numbers of 64 bits and less, so nothing is lost.
        let counted = i128::from(field) + i128::from(options.adjust);
        let before = match options.counts {
            Counts::Payload => self.header() as i128,
            Counts::Frame => 0,
        };
        let length = before + counted;
        let payload = length - self.header() as i128;
        if payload < 0 {
            let reason = format!("a frame of length {field} would end inside its header");
            return Err(FrameError::malformed(reason));
        }
        let given = if options.keep_header { length } else { payload };
        match usize::try_from(length) {
            Ok(length) if given <= self.max_frame as i128 => Ok(length),
            _ => Err(FrameError::TooLong { limit: self.max_frame }),
        }
    }

    /// The number that tells a payload's length.
    fn field(&self, payload: usize) -> Result<u64, FrameError> {
        let options = &self.options;
        let counted = match options.counts {
            Counts::Payload => payload as i128,
            Counts::Frame => (payload + self.header()) as i128,
        };
        let most = u64::MAX >> (8 * (WIDEST - options.width));
        u64::try_from(counted - i128::from(options.adjust)).ok().filter(|field| *field <= most).ok_or_else(
            || {
                let reason =
                    format!("a length of width {} can't tell a payload of {payload} bytes", options.width);
                FrameError::malformed(reason)
            },
        )
    }
}

impl Default for Length {
    fn default() -> Self {
        Self { options: LengthOptions::default(), max_frame: DEFAULT_MAX_FRAME }
    }
}

impl Default for LengthOptions {
    fn default() -> Self {
        Self {
            width: 4,
            order: ByteOrder::Big,
            offset: 0,
            counts: Counts::Payload,
            adjust: 0,
            keep_header: false,
            max_frame: Size::of(DEFAULT_MAX_FRAME),
        }
    }
}

impl Decoder for Length {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let header = self.header();
        if src.len() < header {
            return Ok(None);
        }
        // Nothing is taken before the frame is there: what is half received is seen by `timeouts.frame`.
        let length = self.frame_length(&src[..header])?;
        if src.len() < length {
            return Ok(None);
        }
        let mut frame = take(src, length);
        if !self.options.keep_header {
            frame.advance(header);
        }
        Ok(Some(frame.freeze()))
    }
}

impl Encoder<Bytes> for Length {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        if self.options.keep_header {
            let whole = frame.len() >= self.header()
                && Self { max_frame: usize::MAX, ..self.clone() }.frame_length(&frame)? == frame.len();
            if !whole {
                let reason =
                    format!("a frame of {} bytes has a header that tells another length", frame.len());
                return Err(FrameError::malformed(reason));
            }
        } else {
            let field = self.field(frame.len())?;
            dst.reserve(self.header() + frame.len());
            dst.put_bytes(0, usize::from(self.options.offset));
            write(field, self.options.width, self.options.order, dst);
        }
        dst.extend_from_slice(&frame);
        Ok(())
    }
}

/// A number of 1 to 8 bytes.
fn read(bytes: &[u8], order: ByteOrder) -> u64 {
    let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    match order {
        ByteOrder::Big => bytes.iter().fold(0, shift),
        ByteOrder::Little => bytes.iter().rev().fold(0, shift),
    }
}

/// The lowest `width` bytes of a number.
fn write(number: u64, width: u8, order: ByteOrder, dst: &mut BytesMut) {
    let width = usize::from(width);
    match order {
        ByteOrder::Big => dst.put_slice(&number.to_be_bytes()[usize::from(WIDEST) - width..]),
        ByteOrder::Little => dst.put_slice(&number.to_le_bytes()[..width]),
    }
}
