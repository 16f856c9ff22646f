#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use terima::codec::FrameError;
use terima::testing::{Client, CodecHarness, TestServer, serve, serve_in_memory};
use tokio_util::codec::{Decoder, Encoder};

use super::*;
use crate::resp::Request;

const FILE: &str = include_str!("server.toml");

/// A request as clients of Redis send it.
fn array(arguments: &[&[u8]]) -> Vec<u8> {
    let mut array = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        array.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        array.extend_from_slice(argument);
        array.extend_from_slice(b"\r\n");
    }
    array
}

/// Sends what is typed, as an array, and expects the reply.
async fn ask(client: &mut Client, typed: &str, reply: &str) {
    let words: Vec<&[u8]> = typed.split(' ').map(str::as_bytes).collect();
    client.send(array(&words)).await;
    client.expect(reply.replace('\n', "\r\n")).await;
}

async fn client(server: &TestServer) -> Client {
    server.connect("kv").await
}

// === commands ===

#[tokio::test]
async fn commands_are_answered_as_redis_does() {
    let server = serve(builder(), FILE).await;
    let mut client = client(&server).await;
    for (typed, reply) in [
        ("PING", "+PONG\n"),
        ("ping halo", "$4\nhalo\n"),
        ("ECHO halo", "$4\nhalo\n"),
        ("GET a", "$-1\n"),
        ("SET a 1", "+OK\n"),
        ("get a", "$1\n1\n"),
        ("SET a 2 NX", "$-1\n"),
        ("SET b 2 XX", "$-1\n"),
        ("SET a 2 XX", "+OK\n"),
        ("INCR a", ":3\n"),
        ("DECR a", ":2\n"),
        ("INCR new", ":1\n"),
        ("SET text x", "+OK\n"),
        ("INCR text", "-ERR value is not an integer or out of range\n"),
        ("SET most 9223372036854775807", "+OK\n"),
        ("INCR most", "-ERR value is not an integer or out of range\n"),
        ("EXISTS a a none", ":2\n"),
        ("DBSIZE", ":4\n"),
        ("DEL a none new", ":2\n"),
        ("TTL text", ":-1\n"),
        ("TTL none", ":-2\n"),
        ("EXPIRE text 100", ":1\n"),
        ("TTL text", ":100\n"),
        ("PERSIST text", ":1\n"),
        ("PERSIST text", ":0\n"),
        ("EXPIRE text 0", ":1\n"),
        ("EXISTS text", ":0\n"),
        ("EXPIRE text 5", ":0\n"),
        ("SET x y EX 0", "-ERR invalid expire time in 'set' command\n"),
        ("SET x y EX", "-ERR invalid expire time in 'set' command\n"),
        ("SET x y EX 9223372036854775807", "-ERR invalid expire time in 'set' command\n"),
        ("SET x y EX 5 PX 5", "-ERR syntax error\n"),
        ("SET x y NX XX", "-ERR syntax error\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\n"),
        ("STEAL it", "-ERR unknown command 'STEAL'\n"),
        ("CONFIG GET save", "*2\n$4\nsave\n$0\n\n"),
        ("COMMAND DOCS", "*0\n"),
        ("HELLO 3", "-NOPROTO unsupported protocol version\n"),
        ("SELECT 0", "+OK\n"),
        ("SET far 1 PX 9223372036854775807", "+OK\n"),
        ("TTL far", ":9223372036854775\n"),
        ("PEXPIRE far 9223372036854775807", ":1\n"),
        ("TTL far", ":9223372036854775\n"),
        ("FLUSHALL", "+OK\n"),
        ("DBSIZE", ":0\n"),
    ] {
        ask(&mut client, typed, reply).await;
    }
    ask(&mut client, "QUIT", "+OK\n").await;
    client.expect_end().await;
    assert_eq!(client.ended().await.reason, "handler_done");
}

#[tokio::test]
async fn values_are_any_bytes_and_seen_by_all() {
    let server = serve(builder(), FILE).await;
    let value = b"\r\n$5\r\n\0\xff".repeat(10_000);
    let mut one = client(&server).await;
    one.send(array(&[b"SET", b"\r\n", &value])).await;
    one.expect("+OK\r\n").await;
    let mut other = client(&server).await;
    other.send(array(&[b"GET", b"\r\n"])).await;
    other.expect(format!("${}\r\n", value.len())).await;
    other.expect(&value).await;
    other.expect("\r\n").await;
}

#[tokio::test]
async fn requests_that_come_together_are_answered_in_order() {
    let server = serve(builder(), FILE).await;
    let mut requests = Vec::new();
    let mut replies = String::new();
    for n in 1..=1000 {
        requests.extend(array(&[b"INCR", b"n"]));
        requests.extend_from_slice(b"get n\r\n");
        let digits = n.to_string();
        replies.push_str(&format!(":{n}\r\n${}\r\n{digits}\r\n", digits.len()));
    }
    let answer = client(&server).await.exchange([&requests[..]]).await;
    terima::testing::assert_same(&answer, replies.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn keys_expire() {
    let server = serve_in_memory(builder(), FILE);
    let mut client = client(&server).await;
    ask(&mut client, "SET soon 1 PX 1500", "+OK\n").await;
    ask(&mut client, "SET later 1 EX 60", "+OK\n").await;
    ask(&mut client, "SET never 1", "+OK\n").await;
    tokio::time::advance(Duration::from_millis(1499)).await;
    ask(&mut client, "PTTL soon", ":1\n").await;
    tokio::time::advance(Duration::from_millis(1)).await;
    ask(&mut client, "GET soon", "$-1\n").await;
    // INCR keeps the end, SET does not.
    ask(&mut client, "INCR later", ":2\n").await;
    ask(&mut client, "TTL later", ":59\n").await;
    ask(&mut client, "DBSIZE", ":2\n").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    ask(&mut client, "DBSIZE", ":1\n").await;
    ask(&mut client, "SET never 2 EX 5", "+OK\n").await;
    ask(&mut client, "SET never 3", "+OK\n").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    ask(&mut client, "GET never", "$1\n3\n").await;
}

#[tokio::test]
async fn the_memory_is_bounded() {
    let server = serve(builder(), &FILE.replace("256MiB", "64KiB")).await;
    let mut client = client(&server).await;
    let mut stored = 0;
    loop {
        client.send(array(&[b"SET", format!("key {stored}").as_bytes(), &[b'x'; 100]])).await;
        let mut reply = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut client, &mut reply).await.unwrap();
        if &reply == b"-OOM " {
            break;
        }
        assert_eq!(&reply, b"+OK\r\n");
        stored += 1;
    }
    assert!((50..300).contains(&stored), "{stored}");
    client.expect("command not allowed when used memory > 'maxmemory'.\r\n").await;
    // What is replaced or removed makes room.
    client.send(array(&[b"DEL", b"key 0"])).await;
    client.expect(":1\r\n").await;
    client.send(array(&[b"SET", b"key 0", b"x"])).await;
    client.expect("+OK\r\n").await;
}

// === the codec ===

#[tokio::test(start_paused = true)]
async fn what_is_no_resp_is_told_and_ends_the_connection() {
    let server = serve_in_memory(builder(), FILE);
    for (input, text, word) in [
        ("*1\r\n+PING\r\n", "expected '$', got '+PING'", "bad_frame"),
        ("*x\r\n", "expected '*', got '*x'", "bad_frame"),
        ("*1\r\n$4\r\nPINGxx", "expected '$', got 'xx'", "bad_frame"),
        ("*1\r\n$-1\r\n", "expected '$', got '$-1'", "bad_frame"),
        ("*1025\r\n", "more than 1024 arguments", "bad_frame"),
        ("*1\r\n$524289\r\n", "a frame is longer than 524288 bytes", "frame_too_long"),
        ("*99999999999999999999999\r\n", "expected '*', got '*99999999999999999999999'", "bad_frame"),
        ("*1111111111111111111111111111111111111", "a frame is longer than 524288 bytes", "frame_too_long"),
        (&"x".repeat(64 * 1024 + 1), "a frame is longer than 65536 bytes", "frame_too_long"),
        (&["x ".repeat(1025), "\n".to_owned()].concat(), "more than 1024 arguments", "bad_frame"),
    ] {
        let mut client = client(&server).await;
        client.send(input).await;
        client.expect(format!("-ERR Protocol error: {text}\r\n")).await;
        assert_eq!(client.ended().await.reason, word, "{input:?}");
    }
    let mut client = client(&server).await;
    client.send("*2\r\n$3\r\nGET\r\n$1\r\n").await;
    client.finish().await;
    assert_eq!(client.ended().await.reason, "client_truncated");
}

#[test]
fn lines_of_words() {
    let mut src = BytesMut::from("  set  a\tb \r\n\r\n\n*0\r\nget a\nhal");
    let mut codec = Resp::default();
    assert_eq!(codec.decode(&mut src).unwrap().unwrap(), ["set", "a", "b"]);
    assert_eq!(codec.decode(&mut src).unwrap().unwrap(), ["get", "a"]);
    assert_eq!(codec.decode(&mut src).unwrap(), None);
    assert_eq!(&src[..], b"hal");
}

#[test]
fn a_line_of_words_is_as_long_as_with_redis() {
    let mut src = BytesMut::from(&*["x".repeat(64 * 1024), "\n".to_owned()].concat());
    assert_eq!(Resp::default().decode(&mut src).unwrap().unwrap()[0].len(), 64 * 1024);
    let mut src = BytesMut::from(&*["x ".repeat(1024), "\n".to_owned()].concat());
    assert_eq!(Resp::default().decode(&mut src).unwrap().unwrap().len(), 1024);
}

#[test]
fn what_has_come_of_a_line_is_not_looked_through_again() {
    let mut codec = Resp::default();
    let mut src = BytesMut::from("get a");
    assert_eq!(codec.decode(&mut src).unwrap(), None);
    // Who looked again would see an end here.
    src[3] = b'\n';
    src.extend_from_slice(b"bc");
    assert_eq!(codec.decode(&mut src).unwrap(), None);
    src.extend_from_slice(b"\nget d\n");
    assert_eq!(codec.decode(&mut src).unwrap().unwrap(), ["get", "abc"]);
    assert_eq!(codec.decode(&mut src).unwrap().unwrap(), ["get", "d"]);
}

/// What a client does, so that the harness can.
impl Encoder<Request> for Resp {
    type Error = FrameError;

    fn encode(&mut self, request: Request, dst: &mut BytesMut) -> Result<(), FrameError> {
        dst.extend_from_slice(&array(&request.iter().map(|argument| &argument[..]).collect::<Vec<_>>()));
        Ok(())
    }
}

#[test]
fn requests_survive_the_network() {
    let request = |value: Vec<u8>| vec!["SET".into(), "key".into(), Bytes::from(value)];
    let around = array(&[b"SET", b"key", b""]).len() + 3;
    CodecHarness::new(Resp::default)
        .frames([request(b"\r\n$3\r\n".to_vec()), vec![Bytes::new()], request(vec![0; 100_000])])
        .frames_from(|bytes| {
            bytes.chunks(50).map(Bytes::copy_from_slice).chain(["last".into()]).collect::<Request>()
        })
        .limit(request(vec![0; 512 * 1024 - around]), request(vec![0; 512 * 1024]))
        .special("*$\r\n01 a")
        .refuses("*1\r\n+PING\r\n")
        .refuses("*2\r\n$3\r\nGET\r\n")
        .always(|request| !request.is_empty())
        .check();
}
