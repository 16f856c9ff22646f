//! The harness, with a codec that holds to everything, and with one for each thing that a codec can get wrong.

use std::fmt::Debug;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{BytesCodec, Decoder, Encoder, LengthDelimitedCodec};

use super::CodecHarness;
use crate::codec::Codec;

/// A frame of at most 100 bytes behind two bytes with its length.
struct Short {
    fault: Fault,
    /// What it gets wrong may be so each second time.
    second: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Takes a header's word for how much memory it needs.
    Reserves,
    /// Trusts that no length is ever longer than this.
    Panics,
    /// Does not take the shortest frame off the buffer.
    Loops,
    /// Takes what has come of a frame for all of it.
    Hasty,
    /// Takes all that has come for one frame.
    Greedy,
    /// Yields a frame when the next one begins, or nothing more comes.
    Late,
    /// Yields a frame when it is asked twice.
    AskedTwice,
    LosesEmptyOnes,
    /// Forgets the last frame.
    Loses,
    /// Looks at a frame's length when all of it is there.
    LateLimit,
    NoLimit,
    /// Writes into what is the buffer's owner's.
    Adds,
    /// Its errors tell how the stream was split.
    Talks,
    /// Makes a frame of each byte that is left at the end.
    Crumbles,
    /// What it sends takes the place of what was sent before.
    Clobbers,
}

const LIMIT: usize = 100;

impl Decoder for Short {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, io::Error> {
        let Some(header) = src.get(..2) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([header[0], header[1]]));
        let whole = 2 + length;
        match self.fault {
            Fault::Reserves => src.reserve(length),
            Fault::Panics => assert!(length < 0xff00, "a length of {length}"),
            Fault::Loops if length == 0 => return Ok(Some(Bytes::new())),
            Fault::Adds if src.len() < whole => src.put_u8(0),
            Fault::Late | Fault::Loses if src.len() == whole => return Ok(None),
            _ => {}
        }
        match self.fault {
            Fault::NoLimit => {}
            Fault::LateLimit if src.len() < whole => {}
            Fault::Talks if length > LIMIT => return Err(io::Error::other(format!("of {}", src.len()))),
            _ if length > LIMIT => return Err(io::Error::other("too long")),
            _ => {}
        }
        let taken = match self.fault {
            Fault::Hasty => whole.min(src.len()),
            Fault::Greedy if src.len() >= whole => src.len(),
            _ if src.len() < whole => return Ok(None),
            _ => whole,
        };
        self.second = !self.second;
        if self.fault == Fault::AskedTwice && self.second {
            return Ok(None);
        }
        let mut frame = src.split_to(taken);
        frame.advance(2);
        if self.fault == Fault::LosesEmptyOnes && frame.is_empty() {
            return self.decode(src);
        }
        Ok(Some(frame.freeze()))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, io::Error> {
        if self.fault == Fault::Late {
            self.fault = Fault::None;
        }
        let frame = self.decode(src)?;
        if self.fault == Fault::Crumbles && frame.is_none() && !src.is_empty() {
            return Ok(Some(src.split_to(1).freeze()));
        }
        Ok(frame)
    }
}

impl Encoder<Bytes> for Short {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), io::Error> {
        if self.fault == Fault::Clobbers {
            dst.clear();
        }
        dst.put_u16(u16::try_from(frame.len()).map_err(io::Error::other)?);
        dst.put(frame);
        Ok(())
    }
}

fn harness(fault: Fault) -> CodecHarness<Short> {
    CodecHarness::new(move || Short { fault, second: false })
        .special([0, 1, 0xff])
        .frames(["one", "", "three"].map(Bytes::from))
        .frames_from(Bytes::copy_from_slice)
        .at_most(LIMIT)
        .limit(of_length(LIMIT), of_length(10 * LIMIT))
}

fn of_length(length: usize) -> Bytes {
    Bytes::from(vec![b'x'; length])
}

fn complaint<C: Codec<Item: Debug + PartialEq>>(harness: &CodecHarness<C>) -> String {
    harness.check_all().expect_err("it has nothing to complain of")
}

#[test]
fn what_is_right_passes() {
    harness(Fault::None).refuses([0, 101]).always(|frame| frame.len() <= LIMIT).check();
}

#[test]
fn every_fault_is_found() {
    let table = [
        (Fault::Reserves, "the codec has reserved "),
        (Fault::Panics, "the codec panicked: a length of "),
        (Fault::Loops, "the codec makes frames without end, and without input: b\"\""),
        (Fault::Hasty, "frame 0 is b\"\", sent was b\"one\""),
        (Fault::Greedy, "frame 0 is b\"one\\0\\0\\0\\x05three\", sent was b\"one\""),
        (Fault::Late, "frame 2 is complete after 14 bytes, and was kept back"),
        (Fault::Loses, "frame 2, b\"three\", is missing"),
        (Fault::AskedTwice, "after 14 bytes, a frame came only when asked twice"),
        (Fault::LosesEmptyOnes, "frame 1 is b\"three\", sent was b\"\""),
        (Fault::LateLimit, "must be refused within 268 bytes, and was after 1002"),
        (Fault::NoLimit, "must be refused, and was not"),
        (Fault::Adds, "the codec has added to its input"),
        (Fault::Talks, "unsplit it comes to something else: after 1002 bytes the error: of 1002"),
        (Fault::Crumbles, "only 0 frames were complete, and what is left is no more than one"),
        (Fault::Clobbers, "encoding b\"\" has changed what was to be sent before it: b\"\\0\\x03one\""),
    ];
    for (fault, expected) in table {
        let found = complaint(&harness(fault));
        assert!(found.contains(expected), "expected {expected:?}, found {found}");
    }
}

#[test]
#[should_panic(expected = "frame 0 is b\"\", sent was b\"one\"\n  fed: b\"\\x00\\x03one\\x00")]
fn check_panics_with_it() {
    harness(Fault::Hasty).check();
}

#[test]
fn a_seed_leads_to_its_case_at_once() {
    let random = |seed, cases| {
        CodecHarness::new(|| Short { fault: Fault::Panics, second: false })
            .special([0xff])
            .seed(seed)
            .cases(cases)
    };
    let found = complaint(&random(0, 1000));
    let seed = found.split(['(', ')']).nth_back(3).unwrap().parse().unwrap();
    assert!(found.ends_with(&format!("\n  again: .seed({seed}).cases(1)")), "{found}");
    assert_eq!(complaint(&random(seed, 1)), found);
}

#[test]
fn what_is_unframed_may_be_split() {
    let chunks = || CodecHarness::new(BytesCodec::new).frames([Bytes::from("one"), Bytes::from("two")]);
    assert!(chunks().check_all().is_err());
    chunks().unframed().check();
}

#[test]
fn a_header_that_is_believed_is_found() {
    let codec = CodecHarness::new(LengthDelimitedCodec::new).special([0]).frames_from(Bytes::copy_from_slice);
    let found = complaint(&codec);
    assert!(found.contains("the codec has reserved "), "{found}");
    // Its limit is 8 MiB.
    codec.reserves(9 << 20).check();
}
