//! What is sent comes back: every byte, in order, however it is cut and on either runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::iter;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use terima::Server;
use tokio::runtime::{Builder, Runtime};

use common::{Client, assert_same, ended, listener, on_both_runtimes, start};

async fn echo(name: &str, codec: &str) -> Server {
    start(Server::builder(), &listener(name, "echo", &format!("codec = {codec}"))).await
}

// === whatever the bytes and the cuts ===

/// Bytes with many line endings, whole and half, among them.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![2 => Just(b'\n'), 2 => Just(b'\r'), 6 => any::<u8>()];
    prop::collection::vec(byte, 0..600)
}

/// Where the bytes are cut; `None` = after each.
fn cuts() -> impl Strategy<Value = Option<Vec<usize>>> {
    prop_oneof![1 => Just(None), 3 => prop::collection::vec(any::<usize>(), 0..10).prop_map(Some)]
}

fn pieces(bytes: &[u8], cuts: Option<Vec<usize>>) -> Vec<&[u8]> {
    let Some(mut cuts) = cuts else { return bytes.chunks(1).collect() };
    for cut in &mut cuts {
        *cut %= bytes.len() + 1;
    }
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
}

/// An echo of lines says what was said, but that it completes the last one.
fn lines_answered(bytes: &[u8]) -> Vec<u8> {
    let mut answer = bytes.to_vec();
    if bytes.last().is_some_and(|last| *last != b'\n') {
        let last_ending = bytes.iter().rposition(|byte| *byte == b'\n');
        let cr = last_ending.is_some_and(|at| at > 0 && bytes[at - 1] == b'\r');
        answer.extend(if cr { &b"\r\n"[..] } else { b"\n" });
    }
    answer
}

fn comes_back(runtime: &Runtime, codec: &str, answered: impl Fn(&[u8]) -> Vec<u8>) {
    let server = runtime.block_on(echo(&format!("any-{codec}"), &format!("\"{codec}\"")));
    let address = server.addresses(&format!("any-{codec}"))[0];
    let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
    let property = |(bytes, cuts): (Vec<u8>, _)| {
        let answer =
            runtime.block_on(async { Client::connect(address).await.exchange(pieces(&bytes, cuts)).await });
        prop_assert_eq!(answer, answered(&bytes));
        Ok(())
    };
    TestRunner::new(config).run(&(bytes(), cuts()), property).unwrap();
}

#[test]
fn any_bytes_at_any_cuts_on_current_thread() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    comes_back(&runtime, "bytes", <[u8]>::to_vec);
    comes_back(&runtime, "lines", lines_answered);
}

#[test]
fn any_bytes_at_any_cuts_on_multi_thread() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    comes_back(&runtime, "bytes", <[u8]>::to_vec);
    comes_back(&runtime, "lines", lines_answered);
}

// === much at once ===

on_both_runtimes! {
    async fn ten_thousand_lines_in_one_write_are_answered_in_order() {
        let server = echo("pipelined", "\"lines\"").await;
        let lines: String = (0..10_000).map(|n| format!("line {n}{}", if n % 3 == 0 { "\r\n" } else { "\n" })).collect();
        let client = Client::connect(server.addresses("pipelined")[0]).await;
        let peer = client.address();
        assert_same(&client.exchange([lines.as_bytes()]).await, lines.as_bytes());
        let line = ended("pipelined", peer).await;
        assert_eq!([&line["frames_in"], &line["frames_out"]], ["10000"; 2]);
        assert_eq!(&line["reason"], "client_closed");
    }

    async fn four_clients_with_8_mib_each_at_once() {
        let server = echo("bulk", "\"bytes\"").await;
        let address = server.addresses("bulk")[0];
        let one = |seed: u8| async move {
            // No power of two, so that what is lost or doubled shows.
            let pattern: Vec<u8> = (0..251).map(|n: u8| n.wrapping_mul(31) ^ seed).collect();
            let sent: Vec<u8> = iter::repeat(pattern).flatten().take(8 * 1024 * 1024).collect();
            let got = Client::connect(address).await.exchange(sent.chunks(100_000)).await;
            assert_same(&got, &sent);
        };
        let clients: Vec<_> = (0..4).map(|seed| tokio::spawn(one(seed))).collect();
        for client in clients {
            client.await.unwrap();
        }
    }
}

// === the longest frame ===

on_both_runtimes! {
    async fn a_frame_of_max_frame_is_served_and_one_byte_more_ends_the_connection() {
        let server = echo("longest", r#"{ type = "lines", max_frame = "4KiB" }"#).await;
        for (ending, terminated) in [("\n", true), ("\r\n", true), ("\n", false)] {
            let longest = format!("{}{ending}", "x".repeat(4096));
            let mut longer = "y".repeat(4097);
            if terminated {
                longer += ending;
            }
            let mut client = Client::connect(server.addresses("longest")[0]).await;
            let sent = format!("first{ending}{longest}{longer}not reached{ending}");
            client.send(if terminated { sent } else { format!("first{ending}{longest}{longer}") }).await;
            // It ends well: the replies are not lost in a reset.
            assert_same(&client.rest().await.unwrap(), format!("first{ending}{longest}").as_bytes());
            let peer = client.address();
            drop(client);
            let line = ended("longest", peer).await;
            assert_eq!((&line["reason"], &line["frames_out"]), ("frame_too_long", "2"));
        }
    }

    async fn a_chunk_longer_than_max_frame_is_cut_and_served() {
        let server = echo("cut", r#"{ type = "bytes", max_frame = "1KiB" }"#).await;
        let sent = vec![7; 100_000];
        let client = Client::connect(server.addresses("cut")[0]).await;
        let peer = client.address();
        assert_same(&client.exchange([&sent[..]]).await, &sent);
        let frames: usize = ended("cut", peer).await["frames_in"].parse().unwrap();
        assert!(frames >= 98, "{frames}");
    }
}

// === discard ===

on_both_runtimes! {
    async fn discard_answers_nothing_and_ends_with_the_input() {
        let server = start(Server::builder(), &listener("discard", "discard", "")).await;
        let client = Client::connect(server.addresses("discard")[0]).await;
        let peer = client.address();
        let sent = vec![b'x'; 300_000];
        assert_same(&client.exchange([&sent[..], b"\n"]).await, b"");
        let line = ended("discard", peer).await;
        assert_eq!([&line["bytes_in"], &line["bytes_out"]], ["300001", "0"]);
        assert_eq!(&line["reason"], "client_closed");
    }
}
