//! Codec `varint`.

use bytes::Bytes;

use super::{Row, TOO_LONG, TRUNCATED, decode, encode, harness, hold, of_length};
use crate::codec::{Framing, Varint};

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"\0", &[b""], None),
        (b"\x01a\0\x03bcd", &[b"a", b"", b"bcd"], None),
        (b"\x04abcd", &[b"abcd"], None),
        (b"\x05", &[], TOO_LONG),
        // It is too long, whatever follows.
        (b"\x85", &[], TOO_LONG),
        (b"\x80\x01", &[], TOO_LONG),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &[], TOO_LONG),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", &[], TOO_LONG),
        // More bytes than it needs.
        (b"\x81\0a", &[b"a"], None),
        (b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\0a", &[b"a"], None),
        (b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80", &[], Some("a frame's length has more than 10 bytes")),
        (b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\0", &[], Some("a frame's length has more than 10 bytes")),
        (b"\x80", &[], TRUNCATED),
        (b"\x02a", &[], TRUNCATED),
    ];
    hold(|| Framing::new(Varint::new(4)), table);
}

#[test]
fn lengths_have_as_few_bytes_as_can_be() {
    let table: [(usize, &[u8]); 6] = [
        (0, b"\0"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        // The example of protobuf's documentation.
        (150, b"\x96\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
    ];
    for (length, header) in table {
        let wire = encode(Varint::default(), &of_length(length)).unwrap();
        assert_eq!(&wire[..header.len()], header, "{length}");
        assert_eq!(wire.len(), header.len() + length);
    }
}

#[test]
fn a_limit_that_no_machine_reaches_holds_too() {
    let (frames, error) = decode(Varint::new(usize::MAX), &[b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"]);
    assert_eq!((frames.len(), error.as_deref()), (0, TRUNCATED));
}

#[test]
fn harnessed() {
    harness(|| Varint::new(600))
        .special([0, 1, 2, 0x7f, 0x80, 0x81, 0xff])
        .frames(["", "one"].map(Bytes::from))
        .frames([of_length(127), of_length(128)])
        .limit(of_length(600), of_length(601))
        .limit(of_length(600), of_length(20_000))
        .refuses(b"\xd9\x04")
        .refuses([0x80; 10])
        .always(|frame| frame.len() <= 600)
        .check();
}
