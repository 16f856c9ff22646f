//! Codec `fixed`.

use super::{Row, TRUNCATED, encode, harness, hold, of_length};
use crate::codec::{Fixed, FixedOptions, Framing};
use crate::config::Size;

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"abc", &[b"abc"], None),
        (b"abcdef", &[b"abc", b"def"], None),
        (b"abcd", &[b"abc"], TRUNCATED),
    ];
    hold(|| Framing::new(Fixed::new(3)), table);
    hold(|| Framing::new(Fixed::new(0)), &[(b"ab", &[b"a", b"b"], None)]);
}

#[test]
fn what_has_another_size_is_not_sent() {
    assert_eq!(encode(Fixed::new(3), b"abc").unwrap(), b"abc");
    for wrong in [&b""[..], b"ab", b"abcd"] {
        let reason = format!("a frame of {} bytes can't be sent where each has 3", wrong.len());
        assert_eq!(encode(Fixed::new(3), wrong), Err(reason));
    }
}

#[test]
fn no_frame_is_longer_than_may_be() {
    let options = |size| FixedOptions { size: Size::of(size), max_frame: Size::of(1024) };
    assert!(Fixed::try_from(options(1024)).is_ok());
    let error = Fixed::try_from(options(2048)).unwrap_err().to_string();
    assert_eq!(error, "`size` is 2KiB, but `max_frame` is 1KiB: raise that");
}

#[test]
fn harnessed() {
    harness(|| Fixed::new(3))
        .frames([of_length(3), of_length(3)])
        .at_most(3)
        .always(|frame| frame.len() == 3)
        .check();
}
