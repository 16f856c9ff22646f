//! The classic handlers, after their RFCs: what comes, who closes, what the client may do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use socket2::SockRef;
use terima::{Server, Shutdown};
use tokio::io::AsyncReadExt;

use common::{Client, assert_same, ended, listener, on_both_runtimes, start, within};

async fn serve(handler: &str, name: &str, keys: &str) -> Server {
    start(Server::builder(), &listener(name, handler, keys)).await
}

async fn connect(server: &Server, name: &str) -> Client {
    Client::connect(server.addresses(name)[0]).await
}

/// What chargen sends, from its first line on.
fn generated(length: usize) -> Vec<u8> {
    let line = |start: u8| (0..72).map(move |place| b' ' + (start + place) % 95).chain(*b"\r\n");
    (0..95).cycle().flat_map(line).take(length).collect()
}

// === daytime, time, quote: one answer, and the server closes ===

fn is_daytime(answer: &[u8]) {
    let text = std::str::from_utf8(answer).unwrap();
    let words: Vec<&str> = text.strip_suffix("\r\n").unwrap().split(' ').collect();
    let [day, month, year, time, zone] = words[..] else { panic!("{text:?}") };
    assert!(
        day.len() == 2 && month.len() == 3 && year.len() == 4 && time.len() == 8 && !zone.is_empty(),
        "{text:?}"
    );
    assert!(month.bytes().all(|byte| byte.is_ascii_uppercase()), "{text:?}");
}

fn is_time(answer: &[u8]) {
    let sent = u32::from_be_bytes(answer.try_into().unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2_208_988_800;
    let late = (now & u64::from(u32::MAX)).wrapping_sub(u64::from(sent));
    assert!(late < 60, "{late} s");
}

fn is_quote(answer: &[u8]) {
    assert!(answer.len() < 512 && answer.ends_with(b"\r\n"), "{}", answer.escape_ascii());
}

type Check = fn(&[u8]);

const ONE_ANSWER: [(&str, Check); 3] = [("daytime", is_daytime), ("time", is_time), ("quote", is_quote)];

on_both_runtimes! {
    async fn the_answer_comes_unasked_and_the_server_closes() {
        for (handler, check) in ONE_ANSWER {
            let server = serve(handler, handler, "").await;
            let mut client = connect(&server, handler).await;
            check(&client.rest().await.unwrap());
            let peer = client.address();
            drop(client);
            assert_eq!(&ended(handler, peer).await["reason"], "handler_done");
        }
    }

    async fn what_the_client_says_first_costs_it_nothing() {
        for (handler, check) in ONE_ANSWER {
            let name = format!("{handler}-first");
            let server = serve(handler, &name, "").await;
            // More than anybody reads at once: were it left unread, closing would reset the connection.
            let said = vec![b'x'; 200_000];
            check(&connect(&server, &name).await.exchange([&said[..]]).await);
        }
    }

    async fn a_client_that_has_ended_its_side_is_answered() {
        for (handler, check) in ONE_ANSWER {
            let name = format!("{handler}-half");
            let server = serve(handler, &name, "").await;
            let mut client = connect(&server, &name).await;
            client.finish().await;
            check(&client.rest().await.unwrap());
        }
    }
}

// === quote ===

#[tokio::test]
async fn quotes_come_from_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("quotes"), "one\n%\ntwo\nlines\n").unwrap();
    let file = folder.path().join("server.toml");
    let text =
        listener("quotes", "quote", "").replace("\"quote\"", "{ type = \"quote\", file = \"quotes\" }");
    fs::write(&file, text).unwrap();
    let server = Server::builder().load(&file).unwrap().start().await.unwrap();
    let mut seen = [false; 2];
    while seen != [true; 2] {
        match connect(&server, "quotes").await.rest().await.unwrap().as_slice() {
            b"one\r\n" => seen[0] = true,
            b"two\r\nlines\r\n" => seen[1] = true,
            other => panic!("{}", other.escape_ascii()),
        }
    }
}

#[test]
fn a_quote_that_is_too_long_is_a_fault_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let quotes = folder.path().join("quotes");
    fs::write(&quotes, format!("short\n%\n{}\n", "x".repeat(511))).unwrap();
    let options = format!("{{ type = \"quote\", file = '{}' }}", quotes.display());
    let text = listener("quotes", "quote", "").replace("\"quote\"", &options);
    let problems = Server::builder().parse(&text).unwrap_err();
    let reason = problems.iter().next().unwrap().reason();
    assert!(reason.starts_with(&format!("{}:3: the quote that begins here", quotes.display())), "{reason}");
}

// === chargen ===

on_both_runtimes! {
    async fn lines_come_as_long_as_somebody_reads() {
        let server = serve("chargen", "chargen", "").await;
        let mut client = connect(&server, "chargen").await;
        client.expect(generated(10_000_000)).await;
        client.reset();
        server.shutdown().await;
    }

    async fn neither_words_nor_silence_of_the_client_stop_it() {
        let server = serve("chargen", "unmoved", "").await;
        let mut client = connect(&server, "unmoved").await;
        let expected = generated(3_000_000);
        client.send(b"stop\r\n").await;
        client.expect(&expected[..1_000_000]).await;
        client.finish().await;
        client.expect(&expected[1_000_000..]).await;
    }

    async fn one_that_reads_does_not_keep_others_waiting() {
        let text = [listener("endless", "chargen", ""), listener("other", "echo", "")].concat();
        let server = start(Server::builder(), &text).await;
        let mut endless = connect(&server, "endless").await;
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 256 * 1024];
            while endless.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
        for _ in 0..100 {
            connect(&server, "other").await.is_echoed("still here").await;
        }
        assert!(!reading.is_finished());
        assert_eq!(server.shutdown().await, Shutdown::Drained);
        within("the end of the lines", reading).await.unwrap();
    }

    async fn who_does_not_read_takes_no_more_than_its_room() {
        let server = serve("chargen", "deaf", "timeouts.write = \"200ms\"").await;
        let client = connect(&server, "deaf").await;
        SockRef::from(client.tcp().unwrap()).set_recv_buffer_size(4096).unwrap();
        let line = ended("deaf", client.address()).await;
        assert_eq!(&line["reason"], "slow_consumer");
        // What the two systems hold for it; the server itself held `flush_at` and a frame.
        let sent: u64 = line["bytes_out"].parse().unwrap();
        assert!(sent < 16 << 20, "{sent}");
    }

    async fn a_drain_ends_it() {
        let server = serve("chargen", "drained", "").await;
        let mut client = connect(&server, "drained").await;
        client.expect(generated(100_000)).await;
        // The client closes when it has read the end.
        let reading = async move { client.rest().await };
        let (ended, rest) = tokio::join!(server.shutdown(), reading);
        assert_eq!(ended, Shutdown::Drained);
        let rest = rest.unwrap();
        assert_same(&rest, &generated(100_000 + rest.len())[100_000..]);
    }
}

// === discard ===

#[tokio::test]
async fn nothing_comes_of_what_is_discarded() {
    let server = serve("discard", "discard", "").await;
    let said = vec![b'x'; 1_000_000];
    let client = connect(&server, "discard").await;
    let peer = client.address();
    assert_same(&client.exchange([&said[..]]).await, b"");
    let line = ended("discard", peer).await;
    assert_eq!((&line["bytes_in"], &line["reason"]), ("1000000", "client_closed"));
}

// === with a codec ===

#[tokio::test]
async fn a_codec_frames_what_is_sent() {
    let keys = "codec = { type = \"length\", width = 2 }";
    let server = serve("time", "framed", keys).await;
    let answer = connect(&server, "framed").await.rest().await.unwrap();
    assert_eq!(&answer[..2], [0, 4]);
    is_time(&answer[2..]);
}

#[tokio::test]
async fn lengths_are_echoed_and_half_of_one_is_waited_for_no_longer_than_a_frame_may_take() {
    let keys = "codec = { type = \"length\", width = 2, order = \"little\" }\ntimeouts.frame = \"100ms\"";
    let server = serve("echo", "lengths", keys).await;
    let mut client = connect(&server, "lengths").await;
    client.send(b"\x03\0abc\0\0\x01\0").await;
    client.expect(b"\x03\0abc\0\0").await;
    let peer = client.address();
    client.expect_end().await;
    assert_eq!(&ended("lengths", peer).await["reason"], "frame_timeout");

    let mut client = connect(&server, "lengths").await;
    client.send(b"\xff\xff").await;
    client.finish().await;
    client.expect_end().await;
    assert_eq!(&ended("lengths", client.address()).await["reason"], "client_truncated");
}

#[test]
fn a_length_that_cannot_be_is_a_fault_of_the_file() {
    for (options, reason) in [
        ("width = 9", "`width` is 9, but a length has 1 to 8 bytes"),
        ("order = \"middle\"", "unknown value `middle`"),
        ("widht = 2", "unknown option `widht`"),
    ] {
        let text = listener("odd", "echo", &format!("codec = {{ type = \"length\", {options} }}"));
        let problems = Server::builder().parse(&text).unwrap_err();
        assert_eq!(problems.iter().next().unwrap().reason(), reason);
    }
}
