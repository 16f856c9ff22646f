//! The codecs, bytes in and frames out, without a connection.

mod length;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{Chunks, FrameError, Framing, Lines};

/// The frames of a stream that arrives in pieces, and whether it ended in an error.
type Decoded = (Vec<Bytes>, Option<String>);

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

fn encode(codec: &mut impl Encoder<Bytes, Error = FrameError>, frame: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    codec.encode(Bytes::copy_from_slice(frame), &mut out).unwrap();
    out.to_vec()
}

/// Cuts `bytes` at each of `cuts`.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
}

const TOO_LONG: &str = "a frame is longer than 4 bytes";

#[test]
fn lines_table() {
    let table: &[(&[&str], &[&str], bool)] = &[
        (&[""], &[], false),
        (&["\n"], &[""], false),
        (&["\r\n"], &[""], false),
        (&["a\nb\r\n\nc"], &["a", "b", "", "c"], false),
        (&["a\r", "\nb"], &["a", "b"], false),
        (&["a", "\r", "\n", "b", "\n"], &["a", "b"], false),
        (&["a\rb\n"], &["a\rb"], false),
        (&["a\r\r\n"], &["a\r"], false),
        // Without a LF after it, a CR at the end belongs to the line.
        (&["a\r"], &["a\r"], false),
        (&["\r"], &["\r"], false),
        // Exactly as long as allowed, the ending not counted, however it comes.
        (&["1234\n"], &["1234"], false),
        (&["1234\r\n"], &["1234"], false),
        (&["1234", "\r", "\n"], &["1234"], false),
        (&["1234"], &["1234"], false),
        // One more.
        (&["12345\n"], &[], true),
        (&["12345\r\n"], &[], true),
        (&["12345"], &[], true),
        (&["1234\r"], &[], true),
        (&["1234\r", "5\n"], &[], true),
        (&["ok\n12345\nok\n"], &["ok"], true),
    ];
    for (input, frames, too_long) in table {
        let input: Vec<_> = input.iter().map(|piece| piece.as_bytes()).collect();
        let expected: Decoded = (
            frames.iter().map(|frame| Bytes::copy_from_slice(frame.as_bytes())).collect(),
            too_long.then(|| TOO_LONG.to_owned()),
        );
        assert_eq!(decode(Lines::new(4), &input), expected, "{input:?}");
        assert_eq!(decode(Framing::new(Lines::new(4)), &input), expected, "{input:?}, as Framing");
    }
}

#[test]
fn lines_gives_up_on_a_long_line_before_its_end() {
    let mut codec = Lines::new(4);
    assert!(matches!(codec.decode(&mut "1234".into()), Ok(None)));
    let mut codec = Lines::new(4);
    assert!(matches!(codec.decode(&mut "12345".into()), Err(FrameError::TooLong { limit: 4 })));
}

#[test]
fn lines_answers_with_the_ending_that_it_was_sent() {
    let mut codec = Framing::new(Lines::default());
    let mut encode = |received: &str| {
        let mut out = BytesMut::new();
        codec.decode(&mut received.into()).unwrap();
        Encoder::<&'static str>::encode(&mut codec, "x", &mut out).unwrap();
        out
    };
    for (received, sent) in [("", "x\n"), ("a\r\n", "x\r\n"), ("", "x\r\n"), ("a\n", "x\n")] {
        assert_eq!(encode(received), sent, "after {received:?}");
    }
}

#[test]
fn a_clone_shares_nothing() {
    let mut codec = Framing::new(Lines::default());
    let mut other = codec.clone();
    codec.decode(&mut "a\r\n".into()).unwrap();
    assert_eq!(encode(&mut other, b"x"), b"x\n");
}

#[test]
fn chunks_table() {
    let table: &[(&[&str], &[&str])] =
        &[(&[""], &[]), (&["1234"], &["1234"]), (&["12345"], &["1234", "5"]), (&["1", "", "2"], &["1", "2"])];
    for (input, frames) in table {
        let input: Vec<_> = input.iter().map(|piece| piece.as_bytes()).collect();
        let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame.as_bytes())).collect();
        assert_eq!(decode(Chunks::new(4), &input), (frames, None), "{input:?}");
    }
    assert_eq!(decode(Chunks::new(0), &[b"ab"]).0, ["a", "b"], "0 counts as 1");
}

#[test]
fn a_large_chunk_is_handed_on_and_not_copied() {
    let mut codec = Framing::default();
    for (shared, copied) in [(false, false), (true, true)] {
        let mut input = BytesMut::from(&[7; 10_000][..]);
        let chunk = codec.decode(&mut input).unwrap().unwrap();
        let other = shared.then(|| chunk.clone());
        let (at, mut out) = (chunk.as_ptr(), BytesMut::new());
        codec.encode(chunk, &mut out).unwrap();
        assert_eq!(out.as_ptr() != at, copied);
        assert_eq!(out, [7; 10_000][..]);
        drop(other);
    }
}

proptest! {
    #[test]
    fn any_split_of_lines_gives_the_same_frames(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        max in 0usize..50,
    ) {
        let whole = decode(Lines::new(max), &[&bytes]);
        prop_assert_eq!(&decode(Lines::new(max), &pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&decode(Framing::new(Lines::new(max)), &pieces(&bytes, &cuts)), &whole);
        let single: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(&decode(Lines::new(max), &single), &whole);
        prop_assert!(whole.0.iter().all(|frame| frame.len() <= max && !frame.contains(&b'\n')));
    }

    #[test]
    fn lines_come_back_as_they_were_sent(
        lines in prop::collection::vec("[^\n\r]{0,20}", 0..20),
        crlf in any::<bool>(),
    ) {
        let mut codec = Lines::default();
        let ending = if crlf { "\r\n" } else { "\n" };
        codec.decode(&mut ending.into()).unwrap();
        let wire: Vec<u8> = lines.iter().flat_map(|line| encode(&mut codec, line.as_bytes())).collect();
        let expected: String = lines.iter().flat_map(|line| [line, ending]).collect();
        prop_assert_eq!(&wire, expected.as_bytes());
        let (frames, error) = decode(Lines::default(), &[&wire]);
        prop_assert_eq!(error, None);
        prop_assert_eq!(frames, lines);
    }

    #[test]
    fn chunks_keep_every_byte(
        bytes in prop::collection::vec(any::<u8>(), 0..500),
        cuts in prop::collection::vec(any::<usize>(), 0..10),
        max in 1usize..50,
    ) {
        for framing in [false, true] {
            let pieces = pieces(&bytes, &cuts);
            let (frames, error) = if framing {
                decode(Framing::new(Chunks::new(max)), &pieces)
            } else {
                decode(Chunks::new(max), &pieces)
            };
            prop_assert_eq!(error, None);
            prop_assert!(frames.iter().all(|frame| (1..=max).contains(&frame.len())));
            let mut codec = Chunks::new(max);
            let sent: Vec<u8> = frames.iter().flat_map(|frame| encode(&mut codec, frame)).collect();
            prop_assert_eq!(&sent, &bytes);
        }
    }
}
