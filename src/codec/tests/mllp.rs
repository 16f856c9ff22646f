//! Codec `mllp`.

use super::{Row, TOO_LONG, encode, harness, hold, of_length};
use crate::codec::{Framing, Mllp};

const NO_RETURN: Option<&str> = Some("0x1C is followed by 0x0A, and not by 0x0D");
const NO_START: Option<&str> = Some("4 bytes and more came, and none is the 0x0B that begins a frame");
const TRUNCATED: Option<&str> = Some("unexpected end of file");

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"\x0b\x1c\r", &[b""], None),
        (b"\x0bMSH\x1c\r\x0ba\rb\x1c\r", &[b"MSH", b"a\rb"], None),
        // Between two frames.
        (b"\r\n\x0ba\x1c\r\n\n\n\n\x0bb\x1c\r\n", &[b"a", b"b"], None),
        (b"GET ", &[], Some("4 bytes came, and none is the 0x0B that begins a frame")),
        (b"GET \x0b", &[], TRUNCATED),
        (b"GET /", &[], NO_START),
        (b"\x0ba\x1c\r\r\n\r\n\r", &[b"a"], NO_START),
        // The longest.
        (b"\x0b1234\x1c\r", &[b"1234"], None),
        (b"\x0b12345", &[], TOO_LONG),
        (b"\x0b12345\x1c\r", &[], TOO_LONG),
        (b"\x0ba\x1c\n", &[], NO_RETURN),
        (b"\x0b\x1c\n\x1c\r", &[], NO_RETURN),
        // A vertical tab.
        (b"\x0ba\x0bb\x1c\r", &[b"a\x0bb"], None),
        (b"\x0b", &[], TRUNCATED),
        (b"\x0ba", &[], TRUNCATED),
        (b"\x0ba\x1c", &[], TRUNCATED),
    ];
    hold(|| Framing::new(Mllp::new(4)), table);
}

#[test]
fn what_no_receiver_would_see_is_not_sent() {
    assert_eq!(encode(Mllp::default(), b"MSH|\r").unwrap(), b"\x0bMSH|\r\x1c\r");
    for (message, byte) in [(b"a\x0b", "0B"), (b"\x1cb", "1C")] {
        let refused = format!("a message with 0x{byte} inside can't be sent with MLLP");
        assert_eq!(encode(Mllp::default(), message), Err(refused));
    }
}

#[test]
fn harnessed() {
    harness(|| Mllp::new(600))
        .special(b"\x0b\x1c\r")
        .frames(["", "MSH|one\r", "two"].map(bytes::Bytes::from))
        .limit(of_length(600), of_length(601))
        .limit(of_length(600), of_length(10_000))
        .refuses([b'x'; 601])
        .always(|frame| frame.len() <= 600)
        .check();
}
