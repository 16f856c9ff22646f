//! Codec `netstring`.

use super::{Row, TOO_LONG, TRUNCATED, encode, harness, hold, of_length};
use crate::codec::{Framing, Netstring};

const A_DIGIT: Option<&str> = Some("\"a\" where a frame's length has a digit");
const A_ZERO: Option<&str> = Some("a frame's length begins with 0");

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"0:,", &[b""], None),
        (b"1:a,0:,4:1,:3,", &[b"a", b"", b"1,:3"], None),
        (b"1", &[], TRUNCATED),
        (b"1:", &[], TRUNCATED),
        (b"1:a", &[], TRUNCATED),
        (b"5:", &[], TOO_LONG),
        (b"10:", &[], TOO_LONG),
        (b"99999999999999999999999999", &[], TOO_LONG),
        (b"a", &[], A_DIGIT),
        (b"1:a,a", &[b"a"], A_DIGIT),
        (b"1 :a,", &[], Some("\" \" where a frame's length has a digit or \":\"")),
        (b":a,", &[], Some("\":\" where a frame's length has a digit")),
        (b"-1:a,", &[], Some("\"-\" where a frame's length has a digit")),
        (b"00:,", &[], A_ZERO),
        (b"01:a,", &[], A_ZERO),
        (b"1:a\n", &[], Some("\"\\n\" where a netstring has its comma")),
        (b"1:ab,", &[], Some("\"b\" where a netstring has its comma")),
    ];
    hold(|| Framing::new(Netstring::new(4)), table);
}

#[test]
fn the_examples_of_the_specification() {
    let hello = b"12:hello world!,";
    hold(|| Framing::new(Netstring::default()), &[(hello, &[b"hello world!"], None), (b"0:,", &[b""], None)]);
    assert_eq!(encode(Netstring::default(), b"hello world!").unwrap(), hello);
    assert_eq!(encode(Netstring::default(), b"").unwrap(), b"0:,");
}

#[test]
fn a_limit_that_no_machine_reaches_holds_too() {
    let length = usize::MAX.to_string();
    let input = format!("{length}:a,");
    let (frames, error) = super::decode(Netstring::new(usize::MAX), &[input.as_bytes()]);
    assert_eq!((frames.len(), error.as_deref()), (0, TRUNCATED));
}

#[test]
fn harnessed() {
    harness(|| Netstring::new(600))
        .special("0123456789:,")
        .frames(["", "one", "2:2,"].map(bytes::Bytes::from))
        .limit(of_length(600), of_length(601))
        .limit(of_length(600), of_length(10_000))
        .refuses("601")
        .always(|frame| frame.len() <= 600)
        .check();
}
