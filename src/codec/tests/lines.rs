//! Codec `lines`.

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{CASES, Row, TOO_LONG, hold, of_length};
use crate::codec::{FrameError, Framing, Lines};
use crate::testing::CodecHarness;

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"\n", &[b""], None),
        (b"\r\n", &[b""], None),
        (b"a\nb\r\n\nc", &[b"a", b"b", b"", b"c"], None),
        (b"a\rb\n", &[b"a\rb"], None),
        (b"a\r\r\n", &[b"a\r"], None),
        // Without a LF after it, a CR at the end belongs to the line.
        (b"a\r", &[b"a\r"], None),
        (b"\r", &[b"\r"], None),
        // Exactly as long as allowed, the ending not counted.
        (b"1234\n", &[b"1234"], None),
        (b"1234\r\n", &[b"1234"], None),
        (b"1234", &[b"1234"], None),
        // One more.
        (b"12345\n", &[], TOO_LONG),
        (b"12345\r\n", &[], TOO_LONG),
        (b"12345", &[], TOO_LONG),
        (b"1234\r", &[], TOO_LONG),
        (b"1234\r5\n", &[], TOO_LONG),
        (b"ok\n12345\nok\n", &[b"ok"], TOO_LONG),
    ];
    hold(|| Framing::new(Lines::new(4)), table);
}

#[test]
fn it_gives_up_on_a_long_line_before_its_end() {
    let mut codec = Lines::new(4);
    assert!(matches!(codec.decode(&mut "1234".into()), Ok(None)));
    let mut codec = Lines::new(4);
    assert!(matches!(codec.decode(&mut "12345".into()), Err(FrameError::TooLong { limit: 4 })));
}

#[test]
fn it_answers_with_the_ending_that_it_was_sent() {
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
fn harnessed() {
    let sent_by = |ending: &'static str| {
        move || {
            let mut codec = Lines::new(100);
            codec.decode(&mut ending.into()).unwrap();
            codec
        }
    };
    for ending in ["\n", "\r\n"] {
        CodecHarness::new(|| Lines::new(100))
            .sent_by(sent_by(ending))
            .special("\r\n")
            .frames(["", "one", "two"].map(Bytes::from))
            // A LF inside is two lines, and a CR at the end part of the ending.
            .frames_from(|bytes| bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect::<Bytes>())
            .at_most(100)
            .limit(of_length(100), of_length(101))
            .limit(of_length(100), of_length(10_000))
            .always(|line| line.len() <= 100 && !line.contains(&b'\n'))
            .cases(CASES / 2)
            .check();
    }
}
