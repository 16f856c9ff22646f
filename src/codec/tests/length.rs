//! Codec `length`.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use super::{decode, pieces};
use crate::codec::length::{ByteOrder, Counts, Length, LengthOptions};
use crate::config::Size;

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

#[test]
fn a_header_alone_takes_no_memory() {
    let mut codec = codec(|o| o.max_frame = Size::of(1 << 30));
    let mut buffer = BytesMut::from(&[0x3f, 0xff, 0xff, 0xff][..]);
    let capacity = buffer.capacity();
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    assert_eq!(buffer.capacity(), capacity);
    assert_eq!(buffer.len(), 4, "the header is still to be seen");
}

fn options() -> impl Strategy<Value = LengthOptions> {
    let order = prop_oneof![Just(ByteOrder::Big), Just(ByteOrder::Little)];
    let counts = prop_oneof![Just(Counts::Payload), Just(Counts::Frame)];
    (1..=8u8, order, 0..20u16, counts, -300..300i32, any::<bool>(), 1..2000usize).prop_map(
        |(width, order, offset, counts, adjust, keep_header, max_frame)| LengthOptions {
            width,
            order,
            offset,
            counts,
            adjust,
            keep_header,
            max_frame: Size::of(max_frame),
        },
    )
}

proptest! {
    #[test]
    fn what_is_sent_is_received(
        options in options(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let sends = LengthOptions { keep_header: false, ..options.clone() };
        let receives = LengthOptions { max_frame: Size::of(4096), ..options.clone() };
        let mut encoder = Length::new(sends).unwrap();
        let header = usize::from(options.offset) + usize::from(options.width);
        let (mut wire, mut sent) = (BytesMut::new(), Vec::new());
        for payload in payloads {
            let before = wire.len();
            if encoder.encode(Bytes::from(payload.clone()), &mut wire).is_ok() {
                let begin = if options.keep_header { before } else { before + header };
                sent.push(Bytes::copy_from_slice(&wire[begin..]));
                prop_assert!(wire.ends_with(&payload));
            }
        }
        let decoder = Length::new(receives).unwrap();
        let (received, error) = decode(decoder.clone(), &pieces(&wire, &cuts));
        prop_assert_eq!(error, None);
        prop_assert_eq!(&received, &sent);

        // What keeps its header goes out as it came.
        if options.keep_header {
            let mut again = BytesMut::new();
            for frame in received {
                decoder.clone().encode(frame, &mut again).unwrap();
            }
            prop_assert_eq!(again, wire);
        }
    }

    #[test]
    fn whatever_comes_is_bounded(
        options in options(),
        input in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..2000),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let most = options.max_frame.bytes();
        let pieces = pieces(&input, &cuts);
        let (frames, error) = decode(Length::new(options.clone()).unwrap(), &pieces);
        prop_assert!(frames.iter().all(|frame| frame.len() <= most));
        // The cuts change nothing.
        prop_assert_eq!((frames, error), decode(Length::new(options).unwrap(), &[&input]));
    }

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
