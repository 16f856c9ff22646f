//! RESP2, the protocol of Redis: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::fmt::Write;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;
use serde::Deserialize;
use terima::Size;
use terima::codec::FrameError;
use tokio_util::codec::{Decoder, Encoder};

/// A request: the command's name, then its arguments. There is always a name.
pub(crate) type Request = Vec<Bytes>;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(&'static str),
    /// A word in capitals, then a text.
    Error(String),
    Integer(i64),
    Bulk(Bytes),
    Nil,
    Array(Vec<Self>),
}

/// Cuts the stream into requests: arrays of bulk strings, or lines of words as people type them.
///
/// What has arrived of a request is not looked through again when more comes: the codec remembers how far it got.
#[derive(Debug, Clone)]
pub(crate) struct Resp {
    max_frame: usize,
    /// How much of the buffer is read.
    read: usize,
    /// How much of it holds no end of a line of words.
    searched: usize,
    /// How many arguments are still to come; `None` before the request's first line.
    missing: Option<usize>,
    /// How long the next argument is; `None` before its first line.
    length: Option<usize>,
    /// Where the others are.
    arguments: Vec<Range<usize>>,
}

/// `codec = { type = "resp", max_frame = "1MiB" }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RespOptions {
    /// The longest request; a line of words has its own limit too.
    max_frame: Size,
}

const DEFAULT_MAX_FRAME: usize = 512 * 1024;

const MAX_ARGUMENTS: usize = 1024;

/// The longest line of words, as with Redis: people type no longer ones.
const MAX_INLINE: usize = 64 * 1024;

/// The longest first line of an array or a bulk string: a mark and a number.
const MAX_HEADER: usize = 32;

impl Resp {
    fn new(max_frame: usize) -> Self {
        Self { max_frame, read: 0, searched: 0, missing: None, length: None, arguments: Vec::new() }
    }

    /// The next first line of an array or a bulk string, without its end; `None` where it has not come whole.
    fn line<'a>(&mut self, src: &'a [u8]) -> Result<Option<&'a [u8]>, FrameError> {
        let rest = &src[self.read..];
        match memchr(b'\n', rest) {
            Some(end) if end <= MAX_HEADER => {
                self.read += end + 1;
                Ok(Some(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end])))
            }
            None if rest.len() <= MAX_HEADER => Ok(None),
            _ => Err(self.too_long()),
        }
    }

    /// Takes a line of words; `None` where it has not come whole.
    fn take_words(&mut self, src: &mut BytesMut) -> Result<Option<Request>, FrameError> {
        let longest = self.max_frame.min(MAX_INLINE);
        let end = memchr(b'\n', &src[self.searched..]).map(|end| self.searched + end);
        if end.unwrap_or(src.len()) > longest {
            return Err(FrameError::TooLong { limit: longest });
        }
        let Some(end) = end else {
            self.searched = src.len();
            return Ok(None);
        };
        self.searched = 0;
        let line = src.split_to(end + 1).freeze();
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let words: Request = words.take(MAX_ARGUMENTS + 1).map(|word| line.slice_ref(word)).collect();
        if words.len() > MAX_ARGUMENTS { Err(too_many()) } else { Ok(Some(words)) }
    }

    /// The number in the first line of an array or a bulk string.
    fn header(&mut self, src: &[u8], mark: u8) -> Result<Option<usize>, FrameError> {
        let Some(line) = self.line(src)? else { return Ok(None) };
        match line.strip_prefix(&[mark]).and_then(number) {
            Some(number) => Ok(Some(number)),
            None => Err(unexpected(mark, line)),
        }
    }

    /// Reads on in an array of bulk strings. Returns whether it is whole.
    fn read_array(&mut self, src: &[u8]) -> Result<bool, FrameError> {
        if self.missing.is_none() {
            self.missing = self.header(src, b'*')?;
        }
        let Some(mut missing) = self.missing else { return Ok(false) };
        if missing > MAX_ARGUMENTS {
            return Err(too_many());
        }
        while missing > 0 {
            if self.length.is_none() {
                self.length = self.header(src, b'$')?;
            }
            let Some(length) = self.length else { return Ok(false) };
            let end = self.read.saturating_add(length);
            if end > self.max_frame {
                return Err(self.too_long());
            }
            let Some(after) = src.get(end..end + 2) else { return Ok(false) };
            if after != b"\r\n" {
                return Err(unexpected(b'$', after));
            }
            self.arguments.push(self.read..end);
            self.read = end + 2;
            self.length = None;
            missing -= 1;
            self.missing = Some(missing);
        }
        Ok(true)
    }

    /// Takes the request that was read. What is left of the buffer is the next one's.
    fn take(&mut self, src: &mut BytesMut) -> Request {
        let frame = src.split_to(self.read).freeze();
        (self.read, self.missing) = (0, None);
        self.arguments.drain(..).map(|argument| frame.slice(argument)).collect()
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.max_frame }
    }
}

impl Default for Resp {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME)
    }
}

impl From<RespOptions> for Resp {
    fn from(options: RespOptions) -> Self {
        Self::new(options.max_frame.bytes())
    }
}

impl Decoder for Resp {
    type Item = Request;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Request>, FrameError> {
        while let Some(first) = src.first() {
            let request = if *first == b'*' {
                if !self.read_array(src)? {
                    return Ok(None);
                }
                self.take(src)
            } else {
                let Some(words) = self.take_words(src)? else { return Ok(None) };
                words
            };
            // An empty line is no request, nor is an empty array.
            if !request.is_empty() {
                return Ok(Some(request));
            }
        }
        Ok(None)
    }
}

impl Encoder<Reply> for Resp {
    type Error = FrameError;

    fn encode(&mut self, reply: Reply, dst: &mut BytesMut) -> Result<(), FrameError> {
        match reply {
            Reply::Status(text) => put_line(dst, '+', text),
            Reply::Error(text) => put_line(dst, '-', text.replace(['\r', '\n'], " ")),
            Reply::Integer(number) => put_line(dst, ':', number),
            Reply::Bulk(bytes) => {
                put_line(dst, '$', bytes.len());
                dst.reserve(bytes.len() + 2);
                dst.put_slice(&bytes);
                dst.put_slice(b"\r\n");
            }
            Reply::Nil => put_line(dst, '$', -1),
            Reply::Array(replies) => {
                put_line(dst, '*', replies.len());
                for reply in replies {
                    self.encode(reply, dst)?;
                }
            }
        }
        Ok(())
    }
}

fn put_line(dst: &mut BytesMut, mark: char, text: impl std::fmt::Display) {
    // A buffer that grows does not fail.
    let _ = write!(dst, "{mark}{text}\r\n");
}

/// A number of decimal digits.
fn number(digits: &[u8]) -> Option<usize> {
    let add = |number: usize, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| usize::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

fn too_many() -> FrameError {
    FrameError::Malformed(format!("more than {MAX_ARGUMENTS} arguments").into())
}

fn unexpected(mark: u8, got: &[u8]) -> FrameError {
    FrameError::Malformed(format!("expected '{}', got '{}'", char::from(mark), got.escape_ascii()).into())
}
