//! Codec `length`.

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use super::{CASES, decode, encode, harness, of_length};
use crate::codec::{ByteOrder, Counts, Length, LengthOptions};
use crate::config::Size;
use crate::testing::CodecHarness;

fn codec(change: impl FnOnce(&mut LengthOptions)) -> Length {
    let mut options = LengthOptions::default();
    change(&mut options);
    Length::new(options).unwrap()
}

#[test]
fn length_table() {
    type Row =
        (&'static str, fn(&mut LengthOptions), &'static [u8], &'static [&'static [u8]], Option<&'static str>);
    let table: &[Row] = &[
        ("nothing", |_| {}, b"", &[], None),
        ("the defaults", |_| {}, b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c", &[b"ab", b"", b"c"], None),
        ("narrow", |o| o.width = 1, b"\x01a\x02bc", &[b"a", b"bc"], None),
        ("odd and little", |o| (o.width, o.order) = (3, ByteOrder::Little), b"\x02\0\0ab", &[b"ab"], None),
        ("behind a type", |o| (o.width, o.offset) = (2, 1), b"T\0\x02abU\0\0", &[b"ab", b""], None),
        (
            "with its header",
            |o| (o.width, o.offset, o.keep_header) = (2, 1, true),
            b"T\0\x02abU\0\0",
            &[b"T\0\x02ab", b"U\0\0"],
            None,
        ),
        (
            "of the frame",
            |o| (o.width, o.counts) = (2, Counts::Frame),
            b"\0\x04ab\0\x02",
            &[b"ab", b""],
            None,
        ),
        ("less than it says", |o| (o.width, o.adjust) = (1, -2), b"\x03a\x04bc", &[b"a", b"bc"], None),
        ("more than it says", |o| (o.width, o.adjust) = (1, 1), b"\0a\x01bc", &[b"a", b"bc"], None),
        (
            "inside its header",
            |o| (o.width, o.counts) = (2, Counts::Frame),
            b"\0\x02\0\x01",
            &[b""],
            Some("a frame of length 1 would end inside its header"),
        ),
        (
            "negative",
            |o| (o.width, o.adjust) = (1, -2),
            b"\x01",
            &[],
            Some("a frame of length 1 would end inside its header"),
        ),
        (
            "too long",
            |o| o.max_frame = Size::of(4),
            b"\0\0\0\x05",
            &[],
            Some("a frame is longer than 4 bytes"),
        ),
        ("just not", |o| o.max_frame = Size::of(4), b"\0\0\0\x04abcd", &[b"abcd"], None),
        (
            "too long with its header",
            |o| (o.max_frame, o.keep_header, o.width) = (Size::of(4), true, 1),
            b"\x03abc\x04",
            &[b"\x03abc"],
            Some("a frame is longer than 4 bytes"),
        ),
        (
            "longer than memory",
            |o| (o.width, o.adjust) = (8, i32::MAX),
            &[0xff; 8],
            &[],
            Some("a frame is longer than 65536 bytes"),
        ),
    ];
    for (name, change, input, frames, error) in table {
        for split in 0..=input.len() {
            let (got, failed) = decode(codec(change), &[&input[..split], &input[split..]]);
            assert_eq!(&got, frames, "{name}, split at {split}");
            assert_eq!(failed.as_deref(), *error, "{name}, split at {split}");
        }
    }
}

#[test]
fn input_that_ends_inside_a_frame_is_an_error() {
    for input in [&b"\0\0\0"[..], b"\0\0\0\x02a"] {
        let (frames, error) = decode(Length::default(), &[input]);
        assert_eq!((frames.len(), error.as_deref()), (0, Some("bytes remaining on stream")));
    }
}

#[test]
fn a_width_is_1_to_8() {
    for (width, good) in [(0, false), (1, true), (8, true), (9, false)] {
        assert_eq!(Length::new(LengthOptions { width, ..LengthOptions::default() }).is_ok(), good, "{width}");
    }
}

#[test]
fn what_a_length_cannot_tell_is_not_sent() {
    let mut out = BytesMut::new();
    let long = Bytes::from(vec![0; 256]);
    let error = codec(|o| o.width = 1).encode(long.clone(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "a length of width 1 can't tell a payload of 256 bytes");
    codec(|o| (o.width, o.adjust) = (1, 1)).encode(long, &mut out).unwrap();
    out.clear();
    assert!(codec(|o| o.adjust = 1).encode(Bytes::new(), &mut out).is_err(), "-1");

    let mut whole = codec(|o| (o.keep_header, o.width) = (true, 1));
    for wrong in [&b""[..], b"\x02a", b"\0a"] {
        assert!(whole.encode(Bytes::copy_from_slice(wrong), &mut out).is_err(), "{wrong:?}");
    }
    assert!(out.is_empty(), "{out:?}");
}

/// Options of all kinds, the same each time.
fn kinds(count: u64) -> impl Iterator<Item = LengthOptions> {
    (0..count).map(|seed| {
        let mut rng = Rng::with_seed(seed);
        LengthOptions {
            width: rng.u8(1..=8),
            order: if rng.bool() { ByteOrder::Big } else { ByteOrder::Little },
            offset: rng.u16(0..20),
            counts: if rng.bool() { Counts::Payload } else { Counts::Frame },
            adjust: rng.i32(-300..300),
            keep_header: rng.bool(),
            max_frame: Size::of(rng.usize(700..2000)),
        }
    })
}

#[test]
fn harnessed() {
    const KINDS: u64 = 100;
    for options in kinds(KINDS) {
        let most = options.max_frame.bytes();
        let (whole, bare) = (options.clone(), LengthOptions { keep_header: false, ..options.clone() });
        CodecHarness::new(move || Length::new(options.clone()).unwrap())
            .special([0, 1, 2, 0xff])
            .frames_from(move |bytes| {
                // One that keeps its header is sent with it.
                let frame = if whole.keep_header {
                    encode(Length::new(bare.clone()).unwrap(), bytes)
                } else {
                    Ok(bytes.to_vec())
                };
                Bytes::from(frame.unwrap_or_default())
            })
            .always(move |frame| frame.len() <= most)
            .cases(CASES / KINDS)
            .check();
    }
}

#[test]
fn a_header_alone_takes_no_memory() {
    harness(|| codec(|o| o.max_frame = Size::of(1 << 30)))
        .special([0, 1, 2, 0xff])
        .frames([of_length(3), of_length(0)])
        .frames([of_length(100_000)])
        .check();
}

#[test]
fn limits() {
    for keep_header in [false, true] {
        let header = if keep_header { 2 } else { 0 };
        let make = move |max_frame| {
            move || codec(|o| (o.width, o.keep_header, o.max_frame) = (2, keep_header, Size::of(max_frame)))
        };
        let frame = move |length: usize| {
            let payload = of_length(length - header);
            let bare = codec(|o| o.width = 2);
            if keep_header { Bytes::from(encode(bare, &payload).unwrap()) } else { payload }
        };
        harness(make(600))
            .at_most(0)
            .limit(frame(600), frame(601))
            .limit(frame(600), frame(10_000))
            .refuses([2, 0x59])
            .cases(1)
            .check();
    }
}

proptest! {
    #[test]
    fn it_agrees_with_tokio_util(
        width in 1..=8u8,
        offset in 0..20u16,
        adjust in -20..20i32,
        little in any::<bool>(),
        input in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0..40u8], 0..200),
    ) {
        let order = if little { ByteOrder::Little } else { ByteOrder::Big };
        let options = LengthOptions { width, order, offset, adjust, max_frame: Size::of(1000), ..LengthOptions::default() };
        let (frames, error) = decode(Length::new(options).unwrap(), &[&input]);

        let mut builder = LengthDelimitedCodec::builder();
        builder
            .length_field_length(usize::from(width))
            .length_field_offset(usize::from(offset))
            .length_adjustment(adjust as isize)
            .max_frame_length(1000);
        let mut theirs = if little { builder.little_endian() } else { builder.big_endian() }.new_codec();
        let mut buffer = BytesMut::from(&input[..]);
        let mut expected = Vec::new();
        let failed = loop {
            match theirs.decode_eof(&mut buffer) {
                Ok(Some(frame)) => expected.push(frame.freeze()),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        prop_assert_eq!(frames, expected);
        // Theirs has swallowed a header by the time it sees that nothing follows, and then says nothing.
        prop_assert!(error.is_some() || !failed);
    }
}
