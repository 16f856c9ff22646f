//! Input: one frame at a time, bounded, none lost and none invented at the end.

use bytes::{Buf, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, LengthDelimitedCodec, LinesCodec};

use super::*;

#[tokio::test(start_paused = true)]
async fn ten_thousand_lines_in_one_write_are_answered_in_order() {
    let (mut client, served) = Setup::new().serve(lines(), echo);
    let all: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    assert!(all.len() < 64 * 1024);
    write(&mut client, &all).await;
    expect(&mut client, &all).await;
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "client_closed");
    assert_eq!((&over.line["frames_in"], &over.line["frames_out"]), ("10000", "10000"));
    assert_eq!((&over.line["bytes_in"], &over.line["bytes_out"]), ("48890", "48890"));
}

#[tokio::test(start_paused = true)]
async fn never_decodes_ahead() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        conn.recv().await?;
        std::future::pending().await
    });
    script.input("a\nb\nc\n");
    served.settle().await;
    assert_eq!(served.shared.outside.frames_in(), 1);
    assert_eq!(script.lock().reads, 1);
}

#[tokio::test(start_paused = true)]
async fn half_close_is_answered_then_closed() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        let mut count = 0;
        while conn.recv().await?.is_some() {
            count += 1;
        }
        tokio::time::sleep(secs(10)).await;
        Ok(conn.send(format!("{count} lines")).await?)
    });
    write(&mut client, "a\nb\nc\n").await;
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut client).await, b"3 lines\n");
    assert_eq!(served.word().await, "client_closed");
}

/// What a client sends before it ends its input, the frames that come of it and the word for the end.
async fn ends<C: Codec + Clone + Sync>(codec: C, input: &[u8]) -> (usize, String) {
    let setup = Setup::new().limits(|l| l.input = 4096);
    let (mut client, served) = setup.serve(codec, silent);
    write(&mut client, input).await;
    client.shutdown().await.unwrap();
    let over = served.over().await;
    (over.line["frames_in"].parse().unwrap(), over.word)
}

#[tokio::test(start_paused = true)]
async fn ends_of_input() {
    let long = |max| LengthDelimitedCodec::builder().max_frame_length(max).new_codec();
    let lengths: &[(&[u8], usize, &str)] = &[
        (b"", 0, "client_closed"),
        (b"\0\0\0\x02ab", 1, "client_closed"),
        (b"\0\0\0\x02ab\0\0\0\x02a", 1, "client_truncated"),
        (b"\0\0\0\x02ab\0\0", 1, "client_truncated"),
        (b"\0\0\0\x0aabcdefghij", 1, "client_closed"),
        (b"\0\0\0\x0babcdefghijk", 0, "frame_too_long"),
    ];
    for (input, frames, word) in lengths {
        assert_eq!(ends(long(10), input).await, (*frames, (*word).to_owned()), "{input:?}");
    }
    let texts: &[(&[u8], usize, &str)] = &[
        (b"a\nb", 2, "client_closed"),
        (b"a\nb\n", 2, "client_closed"),
        (b"abcdefghij\n", 1, "client_closed"),
        (b"abcdefghij", 1, "client_closed"),
        (b"abcdefghijk\n", 0, "frame_too_long"),
        (b"a\n\xff\n", 1, "bad_frame"),
    ];
    for (input, frames, word) in texts {
        let codec = LinesCodec::new_with_max_length(10);
        assert_eq!(ends(codec, input).await, (*frames, (*word).to_owned()), "{input:?}");
        if *word != "bad_frame" {
            let codec = Framing::new(Lines::new(10));
            assert_eq!(ends(codec, input).await, (*frames, (*word).to_owned()), "{input:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn limits_input_holds_whatever_the_codec_allows() {
    for (length, word) in [(4095, "client_closed"), (4096, "frame_too_long")] {
        let mut line = vec![b'x'; length];
        line.push(b'\n');
        assert_eq!(ends(Framing::new(Lines::new(1 << 20)), &line).await.1, word, "{length}");
    }
    let long = LengthDelimitedCodec::builder().max_frame_length(1 << 20).new_codec();
    let mut frame = vec![0, 0, 0x20, 0];
    frame.resize(0x2004, 0);
    assert_eq!(ends(long, &frame).await.1, "frame_too_long");
}

#[tokio::test(start_paused = true)]
async fn input_that_is_long_in_all_but_not_undecoded_is_no_matter() {
    let setup = Setup::new().limits(|l| l.input = 100);
    let (mut client, served) = setup.serve(lines(), echo);
    let all = "0123456789\n".repeat(1000);
    write(&mut client, &all).await;
    expect(&mut client, &all).await;
    drop(client);
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_frame_too_long_may_be_answered() {
    let codec = Framing::new(Lines::new(3));
    let (mut client, served) = Setup::new().serve(codec, |mut conn: Connection<Framing>| async move {
        let error = conn.recv().await.unwrap_err();
        conn.send(error.to_string()).await?;
        Err(error.into())
    });
    write(&mut client, "1234").await;
    expect(&mut client, "frame too long\n").await;
    drop(client);
    assert_eq!(served.word().await, "frame_too_long");
}

#[tokio::test(start_paused = true)]
async fn a_large_frame_that_comes_in_pieces() {
    let (mut client, served) = Setup::new().serve(Framing::new(Lines::new(1 << 20)), echo);
    let line = format!("{}\n", "0123456789".repeat(50_000));
    let (mut input, mut output) = tokio::io::split(&mut client);
    let send = async {
        for piece in line.as_bytes().chunks(777) {
            output.write_all(piece).await.unwrap();
        }
    };
    let mut reply = vec![0; line.len()];
    let receive = async { input.read_exact(&mut reply).await.unwrap() };
    tokio::join!(send, receive);
    assert_eq!(reply, line.as_bytes());
    drop(client);
    assert_eq!(served.word().await, "client_closed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// `recv` loses nothing when it is dropped, however often and wherever that is.
    #[test]
    fn recv_is_cancel_safe(pieces in prop::collection::vec("[a-z\n]{0,9}", 1..20), pauses in prop::collection::vec(0..4u64, 20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
                loop {
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(fastrand::u64(0..3))) => {}
                        line = conn.recv() => {
                            let Some(line) = line? else { return Ok(()) };
                            conn.send(line).await?;
                        }
                    }
                }
            });
            for (piece, pause) in pieces.iter().zip(&pauses) {
                write(&mut client, piece).await;
                tokio::time::sleep(Duration::from_millis(*pause)).await;
            }
            client.shutdown().await.unwrap();
            let sent = pieces.concat();
            let mut expected = sent.clone();
            if !expected.is_empty() && !expected.ends_with('\n') {
                expected.push('\n');
            }
            assert_eq!(String::from_utf8(read_all(&mut client).await).unwrap(), expected);
            assert_eq!(served.word().await, "client_closed");
        });
    }
}

/// A frame for each byte: at once, or only after the end of input.
#[derive(Clone)]
struct Bytewise {
    at_once: bool,
}

impl Decoder for Bytewise {
    type Item = u8;
    type Error = std::io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> std::io::Result<Option<u8>> {
        if self.at_once { self.decode_eof(src) } else { Ok(None) }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> std::io::Result<Option<u8>> {
        Ok((!src.is_empty()).then(|| src.get_u8()))
    }
}

#[tokio::test(start_paused = true)]
async fn any_number_of_frames_after_the_end_of_input() {
    for at_once in [false, true] {
        let (mut client, served) = Setup::new().serve(
            Bytewise { at_once: false },
            move |mut conn: Connection<Bytewise>| async move {
                assert!(conn.recv().await?.is_some());
                silent(conn.with_codec(Bytewise { at_once })).await
            },
        );
        write(&mut client, bytes_of(1000)).await;
        client.shutdown().await.unwrap();
        let over = served.over().await;
        assert_eq!((&*over.word, &over.line["frames_in"]), ("client_closed", "1000"), "at once: {at_once}");
    }
}
