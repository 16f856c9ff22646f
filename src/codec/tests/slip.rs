//! Codec `slip`.

use bytes::Bytes;

use super::{Row, TOO_LONG, TRUNCATED, encode, harness, hold, of_length};
use crate::codec::{Framing, Slip};

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"\xc0\xc0\xc0", &[], None),
        (b"a\xc0", &[b"a"], None),
        (b"\xc0a\xc0\xc0\xc0bc\xc0d\xc0", &[b"a", b"bc", b"d"], None),
        (b"\xdb\xdc\xc0", &[b"\xc0"], None),
        (b"\xdb\xdd\xc0", &[b"\xdb"], None),
        (b"a\xdb\xdd\xdb\xdcb\xc0", &[b"a\xdb\xc0b"], None),
        // These two mean something after 0xDB alone.
        (b"\xdc\xdd\xc0", &[b"\xdc\xdd"], None),
        (b"\xdb\xdd\xdc\xc0", &[b"\xdb\xdc"], None),
        (b"\xdb\xdb\xc0", &[], Some("0xDB is followed by 0xDB, and not by 0xDC or 0xDD")),
        (b"\xdb\xc0", &[], Some("0xDB is followed by 0xC0, and not by 0xDC or 0xDD")),
        (b"ab\xdba\xc0", &[], Some("0xDB is followed by 0x61, and not by 0xDC or 0xDD")),
        // As long as may be, however long it is on the wire.
        (b"1234\xc0", &[b"1234"], None),
        (b"\xdb\xdc\xdb\xdc\xdb\xdc\xdb\xdc\xc0", &[b"\xc0\xc0\xc0\xc0"], None),
        (b"12345", &[], TOO_LONG),
        (b"1234\xdb\xdc", &[], TOO_LONG),
        (b"a", &[], TRUNCATED),
        (b"\xc0a\xc0b\xdb", &[b"a"], TRUNCATED),
    ];
    hold(|| Framing::new(Slip::new(4)), table);
}

#[test]
fn a_frame_has_an_end_on_both_sides() {
    assert_eq!(encode(Slip::default(), b"ab").unwrap(), b"\xc0ab\xc0");
    assert_eq!(encode(Slip::default(), b"\xc0a\xdb\xdc").unwrap(), b"\xc0\xdb\xdca\xdb\xdd\xdc\xc0");
    let refused = "an empty frame can't be sent with SLIP, where it is none";
    assert_eq!(encode(Slip::default(), b""), Err(refused.to_owned()));
}

#[test]
fn harnessed() {
    let special = |length| Bytes::from(vec![0xc0; length]);
    harness(|| Slip::new(600))
        .special([0xc0, 0xdb, 0xdc, 0xdd])
        .frames(["one", "two"].map(Bytes::from))
        .limit(of_length(600), of_length(601))
        .limit(of_length(600), of_length(10_000))
        .limit(special(600), special(601))
        .limit(special(600), special(10_000))
        .refuses([0xdb, 0])
        .always(|frame| (1..=600).contains(&frame.len()))
        .check();
}
