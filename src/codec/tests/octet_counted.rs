//! Codec `octet_counted`.

use super::{CASES, Row, TOO_LONG, decode, encode, harness, hold, of_length};
use crate::codec::{Framing, OctetCounted, OctetCountedOptions};
use crate::config::Size;

const TRUNCATED: Option<&str> = Some("unexpected end of file");

/// As `OctetCounted::new`, and frames that are not counted too.
fn either(max_frame: usize) -> OctetCounted {
    OctetCounted::from(OctetCountedOptions { non_transparent: true, max_frame: Size::of(max_frame) })
}

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"1 a3 <b>4 1\n 2", &[b"a", b"<b>", b"1\n 2"], None),
        (b"1", &[], TRUNCATED),
        (b"1 ", &[], TRUNCATED),
        (b"2 a", &[], TRUNCATED),
        (b"5 ", &[], TOO_LONG),
        (b"0 ", &[], Some("a frame's length is 0")),
        (b"01 a", &[], Some("a frame's length begins with 0")),
        (b"1  a", &[b" "], Some("\"a\" where a frame's length has a digit")),
        (b"1:a", &[], Some("\":\" where a frame's length has a digit or \" \"")),
        // A LF that was not counted.
        (b"1 a\n1 b\n", &[b"a"], Some("\"\\n\" where a frame's length has a digit")),
    ];
    hold(|| Framing::new(OctetCounted::new(4)), table);
    hold(|| Framing::new(either(4)), table);
}

#[test]
fn who_does_not_count_is_told_so_or_taken() {
    let (frames, error) = decode(OctetCounted::default(), &[b"1 a<14>hello\n"]);
    assert_eq!(frames, ["a"]);
    let error = error.unwrap();
    assert!(
        error.contains("the sender does not count octets") && error.contains("non_transparent = true"),
        "{error}"
    );

    let table: &[Row] = &[
        (b"<1>\n<2>\r\n<\n", &[b"<1>", b"<2>", b"<"], None),
        (b"<1>\n2 a\n<3>\n1 <<4>", &[b"<1>", b"a\n", b"<3>", b"<", b"<4>"], None),
        (b"<123\n", &[b"<123"], None),
        (b"<123\r\n", &[b"<123"], None),
        (b"<1234", &[], TOO_LONG),
        (b"<1>\n\n", &[b"<1>"], Some("\"\\n\" where a frame's length has a digit")),
    ];
    hold(|| Framing::new(either(4)), table);
}

#[test]
fn nothing_cannot_be_counted() {
    assert_eq!(encode(OctetCounted::default(), b"<14>1 hello").unwrap(), b"11 <14>1 hello");
    let refused = "an empty frame can't be sent with its length: RFC 6587 has none";
    assert_eq!(encode(OctetCounted::default(), b""), Err(refused.to_owned()));
}

#[test]
fn harnessed() {
    for make in [OctetCounted::new, either] {
        harness(move || make(600))
            .special("0123456789 <\r\n")
            .frames(["one", "<two>\n"].map(bytes::Bytes::from))
            .limit(of_length(600), of_length(601))
            .limit(of_length(600), of_length(10_000))
            .refuses("601")
            .always(|frame| frame.len() <= 600)
            .cases(CASES / 2)
            .check();
    }
}
