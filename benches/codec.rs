//! What the codecs cost by themselves, and what a round trip through a whole connection costs.
//!
//! `cargo bench --bench codec`. Times drift with the machine; compare them within one run. What terima costs as a
//! service is measured by `benches/load/compare`.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails is to stop")]

use std::fmt::Debug;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use terima::codec::{
    Chunks, Cobs, Delimited, DelimitedOptions, Fixed, Length, Lines, Mark, Mllp, Netstring, OctetCounted,
    Slip, Varint,
};
use terima::{Framing, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::{Decoder, Encoder, LinesCodec};

/// What a connection reads at once.
const READ_SIZE: usize = 64 * 1024;

/// A line with its ending.
const LINE_SIZE: usize = 64;

fn main() {
    divan::main();
}

/// A full read of short lines: what pipelining clients bring.
#[divan::bench(types = [Lines, LinesCodec])]
fn decode_lines<C>(bencher: Bencher<'_, '_>)
where
    C: Decoder<Error: Debug> + Default,
{
    let read = line(LINE_SIZE).repeat(READ_SIZE / LINE_SIZE);
    bencher
        .counter(BytesCount::new(READ_SIZE))
        .counter(ItemsCount::new(READ_SIZE / LINE_SIZE))
        .with_inputs(|| BytesMut::from(&read[..]))
        .bench_local_values(|mut input| {
            let mut codec = C::default();
            while let Some(line) = codec.decode(&mut input).unwrap() {
                black_box(line);
            }
        });
}

/// A line of which every byte comes alone. Its cost for a byte must not grow with the line.
#[divan::bench(types = [Lines, LinesCodec], args = [64, 1024, 16 * 1024])]
fn decode_line_byte_by_byte<C>(bencher: Bencher<'_, '_>, size: usize)
where
    C: Decoder<Error: Debug> + Default,
{
    let line = line(size);
    bencher.counter(BytesCount::new(size)).with_inputs(|| BytesMut::with_capacity(size)).bench_local_values(
        |mut input| {
            let mut codec = C::default();
            let mut frame = None;
            for &byte in &line {
                input.put_u8(byte);
                frame = codec.decode(&mut input).unwrap();
            }
            frame.unwrap()
        },
    );
}

#[divan::bench]
fn encode_lines_tokio_util(bencher: Bencher<'_, '_>) {
    let line = "x".repeat(LINE_SIZE - 1);
    encode_read_size(bencher, LinesCodec::new(), || line.as_str());
}

/// Gathers lines until they are as many bytes as one read brings.
fn encode_read_size<C, F>(bencher: Bencher<'_, '_>, mut codec: C, line: impl Fn() -> F)
where
    C: Encoder<F, Error: Debug>,
{
    bencher
        .counter(BytesCount::new(READ_SIZE))
        .counter(ItemsCount::new(READ_SIZE / LINE_SIZE))
        .with_inputs(|| BytesMut::with_capacity(READ_SIZE))
        .bench_local_values(|mut output| {
            while output.len() < READ_SIZE {
                codec.encode(line(), &mut output).unwrap();
            }
            output
        });
}

/// A frame of as many bytes as a line.
const FRAME_SIZE: usize = LINE_SIZE - 1;

/// A full read of short frames, for each codec that has any.
#[divan::bench(types = [Lines, Length, Netstring, Varint, OctetCounted, Mllp, Slip, Cobs])]
fn decode_frames<C>(bencher: Bencher<'_, '_>)
where
    C: Decoder<Item = Bytes, Error: Debug> + Encoder<Bytes, Error: Debug> + Default,
{
    decode_read_size(bencher, C::default);
}

#[divan::bench]
fn decode_frames_delimited(bencher: Bencher<'_, '_>) {
    decode_read_size(bencher, delimited);
}

#[divan::bench]
fn decode_frames_fixed(bencher: Bencher<'_, '_>) {
    decode_read_size(bencher, || Fixed::new(FRAME_SIZE));
}

/// As `decode_line_byte_by_byte`, for the codecs that look for an end as well.
#[divan::bench(types = [Mllp, Slip, Cobs], args = [64, 1024, 16 * 1024])]
fn decode_frame_byte_by_byte<C>(bencher: Bencher<'_, '_>, size: usize)
where
    C: Decoder<Item = Bytes, Error: Debug> + Encoder<Bytes, Error: Debug> + Default,
{
    let mut wire = BytesMut::new();
    C::default().encode(vec![b'x'; size].into(), &mut wire).unwrap();
    bencher
        .counter(BytesCount::new(size))
        .with_inputs(|| BytesMut::with_capacity(2 * size))
        .bench_local_values(|mut input| {
            let mut codec = C::default();
            let mut frame = None;
            for &byte in &wire {
                input.put_u8(byte);
                frame = codec.decode(&mut input).unwrap();
            }
            frame.unwrap()
        });
}

#[divan::bench(types = [Lines, Length, Netstring, Varint, OctetCounted, Mllp, Slip, Cobs])]
fn encode_frames<C>(bencher: Bencher<'_, '_>)
where
    C: Encoder<Bytes, Error: Debug> + Default,
{
    encode_read_size(bencher, C::default(), text_frame);
}

#[divan::bench]
fn encode_frames_delimited(bencher: Bencher<'_, '_>) {
    encode_read_size(bencher, delimited(), text_frame);
}

fn decode_read_size<C>(bencher: Bencher<'_, '_>, make: impl Fn() -> C)
where
    C: Decoder<Item = Bytes, Error: Debug> + Encoder<Bytes, Error: Debug>,
{
    let mut read = BytesMut::new();
    let mut codec = make();
    let frames = READ_SIZE / LINE_SIZE;
    for _ in 0..frames {
        codec.encode(text_frame(), &mut read).unwrap();
    }
    bencher
        .counter(BytesCount::new(read.len()))
        .counter(ItemsCount::new(frames))
        .with_inputs(|| (make(), BytesMut::from(&read[..])))
        .bench_local_values(|(mut codec, mut input)| {
            while let Some(frame) = codec.decode(&mut input).unwrap() {
                black_box(frame);
            }
        });
}

fn delimited() -> Delimited {
    let delimiter = Some(Mark::new(*b"\r\n").unwrap());
    Delimited::new(DelimitedOptions { delimiter, ..DelimitedOptions::default() }).unwrap()
}

/// Static, because counting references would cost more than the encoding.
fn text_frame() -> Bytes {
    Bytes::from_static(&[b'x'; FRAME_SIZE])
}

/// A chunk in and the same chunk out, by the codec itself and by the one that the file chose: the default of `Framing`
/// is `Chunks`, so the difference is what the dynamic call costs. A large chunk is handed on, not copied.
#[divan::bench(types = [Chunks, Framing], args = [64, 64 * 1024])]
fn echo_chunk<C>(bencher: Bencher<'_, '_>, size: usize)
where
    C: Decoder<Item = Bytes, Error: Debug> + Encoder<Bytes, Error: Debug> + Default,
{
    let chunk = vec![b'x'; size];
    let mut codec = C::default();
    bencher
        .counter(BytesCount::new(size))
        .with_inputs(|| (BytesMut::from(&chunk[..]), BytesMut::with_capacity(8 * 1024)))
        .bench_local_values(|(mut input, mut output)| {
            let chunk = codec.decode(&mut input).unwrap().unwrap();
            Encoder::<Bytes>::encode(&mut codec, chunk, &mut output).unwrap();
            // Returned, so that freeing them is not measured.
            (input, output)
        });
}

/// A round trip through a whole connection, over loopback. Client and server share one thread, so it is mostly system
/// calls: what is told apart is one line in flight from many.
#[divan::bench(args = [1, 16])]
fn echo_over_loopback(bencher: Bencher<'_, '_>, in_flight: usize) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let address = start_echo(&runtime);
    let mut client = runtime.block_on(TcpStream::connect(address)).unwrap();
    client.set_nodelay(true).unwrap();

    let request = line(LINE_SIZE).repeat(in_flight);
    let mut answer = vec![0; request.len()];
    bencher.counter(ItemsCount::new(in_flight)).bench_local(|| {
        runtime.block_on(async {
            client.write_all(&request).await.unwrap();
            client.read_exact(&mut answer).await.unwrap();
        });
    });
    assert_eq!(answer, request);
}

/// An echo of lines that lives as long as the runtime.
fn start_echo(runtime: &Runtime) -> SocketAddr {
    let ready = Server::builder().parse(
        r#"
        [log]
        access = false

        [[listener]]
        name = "echo"
        address = "127.0.0.1:0"
        codec = "lines"
        handler = "echo"
        "#,
    );
    let server = runtime.block_on(ready.unwrap().start()).unwrap();
    server.addresses("echo")[0]
}

/// A line of `size` bytes, its ending among them.
fn line(size: usize) -> Vec<u8> {
    let mut line = vec![b'x'; size - 1];
    line.push(b'\n');
    line
}
