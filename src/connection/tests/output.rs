//! The output alone: whatever is gathered, shared and written in turn, the client gets every byte once and in order.

use std::io::{self, IoSlice};
use std::mem;
use std::task::Waker;

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::Encoder;

use super::*;
use crate::connection::output::Output;

/// Takes so many bytes at a write, from one slice or from all.
struct Sink {
    takes: usize,
    vectored: bool,
    written: Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Transport for Sink {}

impl AsyncRead for Sink {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let taken = buf.len().min(self.takes);
        self.written.lock().unwrap().extend_from_slice(&buf[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.vectored {
            // As the default does it.
            assert_eq!(bufs.len(), 1, "not asked whether it can");
        }
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(self.takes).collect();
        self.written.lock().unwrap().extend_from_slice(&all);
        Poll::Ready(Ok(all.len()))
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Writes its frames as they are.
struct Plain;

impl Encoder<&[u8]> for Plain {
    type Error = io::Error;

    fn encode(&mut self, frame: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        dst.put_slice(frame);
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Encode(usize),
    Share(usize),
    Write(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..100_usize).prop_map(Step::Encode),
        (3_000..9_000_usize).prop_map(Step::Encode),
        (0..100_usize).prop_map(Step::Share),
        (1..20_000_usize).prop_map(Step::Share),
        (1..200_usize).prop_map(Step::Write),
        (1..50_000_usize).prop_map(Step::Write),
    ]
}

proptest! {
    // Two hundred steps each: that is enough.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_byte_once_and_in_order(steps in prop::collection::vec(step(), 0..200), vectored: bool) {
        let written = Arc::default();
        let sink = |takes| ByteStream::Boxed(Box::new(Sink { takes, vectored, written: Arc::clone(&written) }));
        let mut cx = Context::from_waker(Waker::noop());
        let mut output = Output::default();
        let mut expected = Vec::new();
        let mut next = (0..=u8::MAX).cycle();
        let mut frame = |length| next.by_ref().take(length).collect::<Vec<u8>>();
        for step in steps.into_iter().chain([Step::Write(usize::MAX)]) {
            match step {
                Step::Encode(length) => {
                    let frame = frame(length);
                    output.encode(&mut Plain, &frame[..]).unwrap();
                    expected.extend(frame);
                }
                Step::Share(length) => {
                    let frame = frame(length);
                    output.share(Bytes::from(frame.clone()));
                    expected.extend(frame);
                }
                Step::Write(takes) => {
                    let mut left = takes;
                    while left > 0 && !output.is_empty() {
                        let mut stream = sink(left);
                        let wrote = output.poll_write(Pin::new(&mut stream), &mut cx);
                        let Poll::Ready(Ok(wrote)) = wrote else { panic!("{wrote:?}") };
                        prop_assert!(0 < wrote && wrote <= left);
                        left -= wrote;
                    }
                }
            }
            let waits = expected.len() - written.lock().unwrap().len();
            prop_assert_eq!(output.len(), waits);
            prop_assert_eq!(output.is_empty(), waits == 0);
            prop_assert!(output.load() >= waits);
            if waits == 0 {
                prop_assert_eq!(output.capacity(), 0);
            }
        }
        prop_assert!(mem::take(&mut *written.lock().unwrap()) == expected);
    }
}
