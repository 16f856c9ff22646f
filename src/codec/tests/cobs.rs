//! Codec `cobs`.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Row, TOO_LONG, TRUNCATED, decode, encode, harness, hold, of_length};
use crate::codec::{Cobs, Framing};

#[test]
fn table() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"\0\0", &[], None),
        (b"\x01\0", &[b""], None),
        (b"\x02a\0", &[b"a"], None),
        (b"\0\x02a\0\0\x01\0\x03bc\0", &[b"a", b"", b"bc"], None),
        (b"\x01\x01\0", &[b"\0"], None),
        (b"\x02a\x02b\0", &[b"a\0b"], None),
        (b"\x01\x01\x02a\x01\0", &[b"\0\0a\0"], None),
        (b"\x051234\0", &[b"1234"], None),
        (b"\x02a\x03bc\0", &[b"a\0bc"], None),
        (b"\x0612345\0", &[], TOO_LONG),
        (b"\x01\x01\x01\x01\x01\x01\0", &[], TOO_LONG),
        // No frame of 4 bytes has so many.
        (b"\x06abcde", &[], TOO_LONG),
        (b"\x03a\0", &[], Some("a block of 3 bytes is 1 too long for its frame")),
        (b"\x02a\xffb\0", &[], Some("a block of 255 bytes is 253 too long for its frame")),
        (b"\x02", &[], TRUNCATED),
        (b"\x02a\0\x02a", &[b"a"], TRUNCATED),
    ];
    hold(|| Framing::new(Cobs::new(4)), table);
}

/// The frames of Cheshire and Baker that are hard to get right, and their neighbours.
#[test]
fn full_blocks() {
    let run = |length| vec![b'x'; length];
    let block = |length: usize| [&[u8::try_from(length + 1).unwrap()], run(length).as_slice()].concat();
    let table = [
        (run(253), block(253)),
        (run(254), block(254)),
        (run(255), [block(254), block(1)].concat()),
        (run(508), [block(254), block(254)].concat()),
        ([run(253), vec![0]].concat(), [block(253), block(0)].concat()),
        ([run(254), vec![0]].concat(), [block(254), block(0), block(0)].concat()),
        ([run(254), vec![0], run(1)].concat(), [block(254), block(0), block(1)].concat()),
        ([vec![0], run(254)].concat(), [block(0), block(254)].concat()),
    ];
    for (frame, mut wire) in table {
        wire.push(0);
        assert_eq!(encode(Cobs::default(), &frame).unwrap(), wire, "{}", frame.len());
        assert_eq!(decode(Cobs::new(frame.len()), &[&wire]), (vec![Bytes::from(frame)], None));
    }
    // Some end a frame that fills its last block with an empty one: it means the same.
    let wire = [block(254), block(0), vec![0]].concat();
    assert_eq!(decode(Cobs::new(254), &[&wire]), (vec![of_length(254)], None));
}

#[test]
fn harnessed() {
    let zeros = |length| Bytes::from(vec![0; length]);
    harness(|| Cobs::new(600))
        .special([0, 1, 2, 3, 0xfe, 0xff])
        .frames(["", "one", "two"].map(Bytes::from))
        .limit(of_length(600), of_length(601))
        .limit(of_length(600), of_length(10_000))
        .limit(zeros(600), zeros(601))
        .limit(zeros(600), zeros(10_000))
        .refuses([2, 0])
        .always(|frame| frame.len() <= 600)
        .check();
}

proptest! {
    #[test]
    fn it_agrees_with_the_crate_cobs(
        frame in prop::collection::vec(prop_oneof![1 => Just(0u8), 200 => any::<u8>()], 0..1000),
        stuffed in prop::collection::vec(prop_oneof![Just(1u8), 1..8u8, Just(255u8), 1..=255u8], 1..300),
    ) {
        let mut wire = encode(Cobs::default(), &frame).unwrap();
        prop_assert_eq!(wire.pop(), Some(0));
        let mut theirs = vec![0; ::cobs::max_encoding_length(frame.len())];
        let length = ::cobs::encode(&frame, &mut theirs);
        theirs.truncate(length);
        prop_assert_eq!(wire, theirs);

        let (frames, error) = decode(Cobs::default(), &[&stuffed, &[0]]);
        let mut theirs = stuffed;
        match ::cobs::decode_in_place(&mut theirs) {
            Ok(length) => {
                prop_assert_eq!(error, None);
                prop_assert_eq!(frames, [&theirs[..length]]);
            }
            Err(_) => prop_assert!(frames.is_empty() && error.is_some()),
        }
    }
}
