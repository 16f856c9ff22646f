//! Codec `delimited`: each frame ends with a delimiter, or lies between two marks.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, Mark, take};
use crate::config::Size;
use crate::handler::HandlerError;

/// The codec `delimited`: a frame is what comes before a delimiter, or what lies between a start mark and an end mark.
///
/// - The handler is given the frame alone, or with `keep_marks` all of it.
/// - What is sent gets its marks; with `keep_marks` it has them already. A frame in which the delimiter or the end mark
///   would be found too early can't be sent. A start mark inside a frame means nothing.
/// - A byte where a start mark should be is a `bad_frame`.
/// - A frame longer than `max_frame`, as the handler is given it, ends the connection as `frame_too_long`, whether or not
///   its end has come.
/// - Input that ends before the delimiter or the end mark ends the connection as `client_truncated`: what was cut short may
///   mean something else.
#[derive(Debug, Clone)]
pub struct Delimited {
    marks: Arc<Marks>,
    max_frame: usize,
    /// How much of the buffer is known to hold no end, so that a frame that comes a byte at a time is searched once.
    searched: usize,
}

/// The options of codec `delimited`: a delimiter, or a start and an end.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DelimitedOptions {
    /// What each frame ends with, as a string or a list of bytes. No default.
    pub delimiter: Option<Mark>,
    /// What each frame begins with, in place of a delimiter; goes with `end`. No default.
    pub start: Option<Mark>,
    /// What each frame that begins with `start` ends with; it may be the same. No default.
    pub end: Option<Mark>,
    /// Whether the handler is given the marks too. Default false.
    pub keep_marks: bool,
    /// The longest frame, as the handler is given it. Default 64 KiB.
    pub max_frame: Size,
}

/// Shared by all connections: a searcher is not small.
#[derive(Debug)]
struct Marks {
    /// None where there is but a delimiter.
    start: Option<Mark>,
    end: Finder<'static>,
    keep: bool,
}

impl Delimited {
    /// A codec with these options.
    ///
    /// # Errors
    ///
    /// There is neither a delimiter nor a start and an end, or more than that.
    pub fn new(options: DelimitedOptions) -> Result<Self, HandlerError> {
        let DelimitedOptions { delimiter, start, end, keep_marks, max_frame } = options;
        let (start, end) = match (delimiter, start, end) {
            (Some(delimiter), None, None) => (None, delimiter),
            (None, Some(start), Some(end)) => (Some(start), end),
            (Some(_), ..) => return Err("`delimiter` stands alone: remove it, or `start` and `end`".into()),
            (None, Some(_), None) => return Err("`start` needs an `end`".into()),
            (None, None, Some(_)) => {
                return Err(
                    "`end` needs a `start`; where frames have but an end, it is their `delimiter`".into()
                );
            }
            (None, None, None) => {
                return Err(
                    "codec `delimited` needs a `delimiter`, as \"\\r\\n\", or a `start` and an `end`".into(),
                );
            }
        };
        let end = Finder::new(end.bytes()).into_owned();
        let marks = Arc::new(Marks { start, end, keep: keep_marks });
        Ok(Self { marks, max_frame: max_frame.bytes(), searched: 0 })
    }

    /// Whether the handler may be given a frame with so many bytes between its marks.
    fn check(&self, payload: usize) -> Result<(), FrameError> {
        let marks =
            if self.marks.keep { self.marks.start().len() + self.marks.end.needle().len() } else { 0 };
        let given = payload.saturating_add(marks);
        if given > self.max_frame { Err(FrameError::TooLong { limit: self.max_frame }) } else { Ok(()) }
    }
}

impl Marks {
    fn start(&self) -> &[u8] {
        self.start.as_ref().map_or(&[], Mark::bytes)
    }

    /// Whether the buffer begins with the start mark, or with a part of it that is all that has come.
    fn check_start(&self, src: &[u8]) -> Result<(), FrameError> {
        let Some(start) = &self.start else { return Ok(()) };
        match start.bytes().iter().zip(src).position(|(wanted, found)| wanted != found) {
            None => Ok(()),
            Some(at) => {
                let found = src[..=at].escape_ascii();
                Err(FrameError::malformed(format!("a frame begins with {start}, not with \"{found}\"")))
            }
        }
    }

    /// How many of the last bytes may be the beginning of the end mark.
    fn begun(&self, bytes: &[u8]) -> usize {
        let end = self.end.needle();
        (1..end.len().min(bytes.len() + 1)).rev().find(|&part| bytes.ends_with(&end[..part])).unwrap_or(0)
    }
}

impl Default for DelimitedOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            start: None,
            end: None,
            keep_marks: false,
            max_frame: Size::of(DEFAULT_MAX_FRAME),
        }
    }
}

impl Decoder for Delimited {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        self.marks.check_start(src)?;
        let (start, end) = (self.marks.start().len(), self.marks.end.needle().len());
        // The last bytes that were searched may be a part of what is looked for.
        let from = start.max(self.searched.saturating_sub(end - 1));
        let Some(rest) = src.get(from..) else { return Ok(None) };
        let Some(found) = self.marks.end.find(rest) else {
            self.searched = src.len();
            let payload = src.len() - start;
            if self.check(payload).is_err() {
                self.check(payload - self.marks.begun(&src[start..]))?;
            }
            return Ok(None);
        };
        self.searched = 0;
        let payload = from + found - start;
        self.check(payload)?;
        let mut frame = take(src, start + payload + end);
        if !self.marks.keep {
            frame.truncate(start + payload);
            frame.advance(start);
        }
        Ok(Some(frame.freeze()))
    }
}

impl Encoder<Bytes> for Delimited {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        let marks = &*self.marks;
        let (start, end) = (marks.start(), marks.end.needle());
        let before = dst.len();
        if marks.keep {
            dst.extend_from_slice(&frame);
        } else {
            dst.reserve(start.len() + frame.len() + end.len());
            dst.extend_from_slice(start);
            dst.extend_from_slice(&frame);
            dst.extend_from_slice(end);
        }
        // Searched with its end: together with that, the frame's last bytes may be one that comes too early.
        let whole = &dst[before..];
        let searched = whole.strip_prefix(start);
        if searched.is_some_and(|rest| marks.end.find(rest).is_some_and(|at| at + end.len() == rest.len())) {
            return Ok(());
        }
        let reason = if marks.keep {
            format!("a frame of {} bytes does not lie between its marks", frame.len())
        } else {
            format!("the end \"{}\" is found inside of a frame of {} bytes", end.escape_ascii(), frame.len())
        };
        dst.truncate(before);
        Err(FrameError::malformed(reason))
    }
}
