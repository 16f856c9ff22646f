//! The codecs, bytes in and frames out, without a connection.

mod chunks;
mod cobs;
mod delimited;
mod fixed;
mod length;
mod lines;
mod mllp;
mod netstring;
mod octet_counted;
mod slip;
mod varint;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Codec, FrameError, Framing, Lines};
use crate::testing::CodecHarness;

/// The frames of a stream that arrives in pieces, and whether it ended in an error.
type Decoded = (Vec<Bytes>, Option<String>);

/// A stream, its frames, and the error that it ends with.
type Row = (&'static [u8], &'static [&'static [u8]], Option<&'static str>);

/// Of `max_frame` 4.
const TOO_LONG: Option<&str> = Some("a frame is longer than 4 bytes");

/// Of input that ends inside a frame.
const TRUNCATED: Option<&str> = Some("bytes remaining on stream");

/// Random cases for each codec.
const CASES: u64 = 10_000;

/// Whether what a table tells comes of each of its streams, wherever it is split.
#[track_caller]
fn hold(make: impl Fn() -> Framing, table: &[Row]) {
    for (input, frames, error) in table {
        for split in 0..=input.len() {
            let (got, failed) = decode(make(), &[&input[..split], &input[split..]]);
            let shown = input.escape_ascii();
            assert_eq!(&got, frames, "{shown}, split at {split}");
            assert_eq!(failed.as_deref(), *error, "{shown}, split at {split}");
        }
    }
}

/// A harness for a codec whose frames are bytes, of random bytes.
fn harness<C>(make: impl Fn() -> C + 'static) -> CodecHarness<C>
where
    C: Codec + Decoder<Item = Bytes> + Encoder<Bytes, Error = FrameError>,
{
    CodecHarness::new(make).frames_from(Bytes::copy_from_slice).cases(CASES)
}

fn decode(mut codec: impl Decoder<Item = Bytes, Error = FrameError>, pieces: &[&[u8]]) -> Decoded {
    let mut frames = Vec::new();
    let mut buffer = BytesMut::new();
    let mut drain = |buffer: &mut BytesMut, eof: bool| {
        loop {
            let next = if eof { codec.decode_eof(buffer) } else { codec.decode(buffer) };
            match next {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return None,
                Err(error) => return Some(error.to_string()),
            }
        }
    };
    let mut error = None;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        error = error.or_else(|| drain(&mut buffer, false));
    }
    error = error.or_else(|| drain(&mut buffer, true));
    if error.is_none() {
        assert!(buffer.is_empty(), "{buffer:?} was neither a frame nor an error");
    }
    (frames, error)
}

/// What a frame is on the wire, or why it can't be there; then nothing was written.
fn encode(mut codec: impl Encoder<Bytes, Error = FrameError>, frame: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = BytesMut::from("before");
    let encoded = codec.encode(Bytes::copy_from_slice(frame), &mut out);
    let written = out.strip_prefix(b"before").expect("what was there before is still there").to_vec();
    match encoded {
        Ok(()) => Ok(written),
        Err(error) => {
            assert_eq!(written, b"", "{error}");
            Err(error.to_string())
        }
    }
}

/// So many bytes that mean nothing to any codec.
fn of_length(length: usize) -> Bytes {
    Bytes::from(vec![b'x'; length])
}

#[test]
fn a_clone_shares_nothing() {
    let mut codec = Framing::new(Lines::default());
    let other = codec.clone();
    codec.decode(&mut "a\r\n".into()).unwrap();
    assert_eq!(encode(other, b"x").unwrap(), b"x\n");
}
