//! Codec `lines`: text lines, ended by LF or CRLF.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;
use serde::Deserialize;
use tokio_util::codec::{Decoder, Encoder};

use super::{DEFAULT_MAX_FRAME, FrameError, take};
use crate::config::Size;

/// The codec `lines`: a frame is a line without its LF or CRLF; its bytes need not be UTF-8.
///
/// - A line is sent with the ending of the last line that was received, LF before any.
/// - At the end of input a last line without an ending is a frame.
/// - A line longer than `max_frame`, its ending not counted, ends the connection as `frame_too_long`.
/// - A frame that is sent is not searched: one with a LF inside is two lines to the client.
#[derive(Debug, Clone)]
pub struct Lines {
    max_frame: usize,
    /// How much of the buffer is known to hold no LF, so that a line that comes a byte at a time is searched once.
    searched: usize,
    ending: Ending,
}

/// The options of codec `lines`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LinesOptions {
    /// The longest line, without its ending. Default 64 KiB.
    pub max_frame: Size,
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Lf,
    CrLf,
}

impl Lines {
    /// A codec for lines of at most `max_frame` bytes, the ending not counted.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, searched: 0, ending: Ending::Lf }
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.max_frame }
    }
}

impl From<LinesOptions> for Lines {
    fn from(options: LinesOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl Default for LinesOptions {
    fn default() -> Self {
        Self { max_frame: Size::of(DEFAULT_MAX_FRAME) }
    }
}

impl Decoder for Lines {
    type Item = Bytes;
    type Error = FrameError;

    #[inline(always)]
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some(found) = memchr(b'\n', src.get(self.searched..).unwrap_or_default()) else {
            self.searched = src.len();
            // A CR at the end may be half of the ending.
            let line = src.len() - usize::from(src.last() == Some(&b'\r'));
            return if line > self.max_frame { Err(self.too_long()) } else { Ok(None) };
        };
        let lf = self.searched + found;
        self.searched = 0;
        let (end, ending) =
            if src[..lf].last() == Some(&b'\r') { (lf - 1, Ending::CrLf) } else { (lf, Ending::Lf) };
        if end > self.max_frame {
            return Err(self.too_long());
        }
        self.ending = ending;
        let mut line = take(src, lf + 1);
        line.truncate(end);
        Ok(Some(line.freeze()))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        if let Some(line) = self.decode(src)? {
            return Ok(Some(line));
        }
        if src.is_empty() {
            return Ok(None);
        }
        self.searched = 0;
        // Without a LF after it, a CR at the end belongs to the line.
        if src.len() > self.max_frame { Err(self.too_long()) } else { Ok(Some(mem::take(src).freeze())) }
    }
}

impl Encoder<Bytes> for Lines {
    type Error = FrameError;

    #[inline(always)]
    fn encode(&mut self, line: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        let ending: &[u8] = match self.ending {
            Ending::Lf => b"\n",
            Ending::CrLf => b"\r\n",
        };
        dst.reserve(line.len() + ending.len());
        dst.put_slice(&line);
        dst.put_slice(ending);
        Ok(())
    }
}
