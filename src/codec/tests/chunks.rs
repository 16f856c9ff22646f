//! Codec `bytes`.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{decode, harness, of_length};
use crate::codec::{Chunks, Framing};

#[test]
fn table() {
    let table: &[(&[&str], &[&str])] =
        &[(&[""], &[]), (&["1234"], &["1234"]), (&["12345"], &["1234", "5"]), (&["1", "", "2"], &["1", "2"])];
    for (input, frames) in table {
        let input: Vec<_> = input.iter().map(|piece| piece.as_bytes()).collect();
        let frames: Vec<_> = frames.iter().map(|frame| Bytes::copy_from_slice(frame.as_bytes())).collect();
        assert_eq!(decode(Chunks::new(4), &input), (frames, None), "{input:?}");
    }
    assert_eq!(decode(Chunks::new(0), &[b"ab"]).0, ["a", "b"], "0 counts as 1");
}

#[test]
fn a_large_chunk_is_handed_on_and_not_copied() {
    let mut codec = Framing::default();
    for (shared, copied) in [(false, false), (true, true)] {
        let mut input = BytesMut::from(&[7; 10_000][..]);
        let chunk = codec.decode(&mut input).unwrap().unwrap();
        let other = shared.then(|| chunk.clone());
        let (at, mut out) = (chunk.as_ptr(), BytesMut::new());
        codec.encode(chunk, &mut out).unwrap();
        assert_eq!(out.as_ptr() != at, copied);
        assert_eq!(out, [7; 10_000][..]);
        drop(other);
    }
}

#[test]
fn harnessed() {
    harness(|| Chunks::new(10)).unframed().frames([of_length(30)]).always(|chunk| chunk.len() <= 10).check();
}

proptest! {
    #[test]
    fn every_byte_is_kept(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..10),
        max in 1usize..50,
    ) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let (frames, error) = decode(Chunks::new(max), &pieces);
        prop_assert_eq!(error, None);
        prop_assert!(frames.iter().all(|frame| !frame.is_empty()));
        let (mut codec, mut sent) = (Chunks::new(max), BytesMut::new());
        for frame in frames {
            codec.encode(frame, &mut sent).unwrap();
        }
        prop_assert_eq!(sent, pieces.concat());
    }
}
