#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::BytesMut;
use terima::testing::{Client, CodecHarness, TestServer, serve, serve_in_memory, within};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_util::codec::Encoder;

use super::*;
use crate::frame::{Frame, FrameCodec, Kind};

const FILE: &str = include_str!("server.toml");

fn bytes(kind: Kind, payload: &str) -> BytesMut {
    let mut bytes = BytesMut::new();
    FrameCodec.encode(Frame::new(kind, payload.to_owned()), &mut bytes).unwrap();
    bytes
}

/// A device that has logged in.
async fn device(server: &TestServer, name: &str) -> Client {
    let mut device = server.connect("devices").await;
    device.send(bytes(Kind::Login, name)).await;
    device.expect(bytes(Kind::Welcome, "")).await;
    device
}

async fn ask(operator: &mut Client, line: &str, answer: &str) {
    operator.send(format!("{line}\n")).await;
    operator.expect(format!("{answer}\n")).await;
}

async fn read_until(operator: &mut Client, end: &str) -> String {
    let mut answer = String::new();
    while !answer.ends_with(end) {
        answer.push(within("an answer", operator.read_u8()).await.unwrap().into());
    }
    answer
}

/// The gateway says why, and closes.
async fn is_dismissed(mut device: Client, why: &str) {
    device.expect(bytes(Kind::Bye, why)).await;
    device.expect_end().await;
    assert_eq!(device.ended().await.reason, why);
}

#[tokio::test]
async fn operators_see_devices_and_reach_them() {
    let server = serve(builder(), FILE).await;
    let mut operator = server.connect("operators").await;
    ask(&mut operator, "list", "ok 0 online").await;
    let mut pump = device(&server, "pump-7").await;
    let valve = device(&server, "valve").await;
    ask(&mut operator, "send pump-7 stop at once", "ok").await;
    pump.expect(bytes(Kind::Command, "stop at once")).await;

    pump.send(bytes(Kind::Report, "pressure=\"2.1\"")).await;
    let [at, valve_at] = [pump.address(), valve.address()];
    let listed =
        |report| format!("pump-7 {at} reported \"{report}\"\nvalve {valve_at} reported \"\"\nok 2 online\n");
    // It may still be on its way.
    let expected = listed(r#"pressure=\"2.1\""#);
    loop {
        operator.send("list\n").await;
        let answer = read_until(&mut operator, "online\n").await;
        if answer == expected {
            break;
        }
        assert_eq!(answer, listed(""));
    }

    ask(&mut operator, "kick valve", "ok").await;
    is_dismissed(valve, "kicked").await;
    for (line, answer) in [
        ("kick valve", "error: it is not online"),
        ("send valve open", "error: it is not online"),
        ("send pump-7", "error: list, send NAME TEXT or kick NAME"),
        ("reboot", "error: list, send NAME TEXT or kick NAME"),
    ] {
        ask(&mut operator, line, answer).await;
    }
    pump.finish().await;
    pump.expect_end().await;
    assert_eq!(pump.ended().await.reason, "client_closed");
    ask(&mut operator, "list", "ok 0 online").await;
}

#[tokio::test(start_paused = true)]
async fn a_device_must_log_in_within_its_time() {
    let server = serve_in_memory(builder(), FILE);
    let begun = Instant::now();
    let mut silent = server.connect("devices").await;
    // Half a login is none.
    silent.send(&bytes(Kind::Login, "pump")[..8]).await;
    let ended = silent.ended().await;
    assert_eq!((ended.reason, begun.elapsed().as_secs()), ("first_frame_timeout", 5));

    for login in [bytes(Kind::Beat, ""), bytes(Kind::Login, ""), bytes(Kind::Login, "no spaces")] {
        let mut device = server.connect("devices").await;
        device.send(login).await;
        is_dismissed(device, "bad_login").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_misses_its_beats_is_ended() {
    let server = serve_in_memory(builder(), FILE);
    let mut device = device(&server, "pump").await;
    let begun = Instant::now();
    // It answers two, then falls silent.
    for n in 1..=2 {
        device.expect(bytes(Kind::Beat, "")).await;
        assert_eq!(begun.elapsed().as_secs(), 30 * n);
        device.send(bytes(Kind::Beat, "")).await;
    }
    for _ in 0..3 {
        device.expect(bytes(Kind::Beat, "")).await;
    }
    is_dismissed(device, "beats_missed").await;
    assert_eq!(begun.elapsed().as_secs(), 30 * 6);
    let mut operator = server.connect("operators").await;
    ask(&mut operator, "list", "ok 0 online").await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_reports_is_not_asked() {
    let server = serve_in_memory(builder(), FILE);
    let mut device = device(&server, "pump").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(29)).await;
        device.send(bytes(Kind::Report, "all is well")).await;
    }
    device.finish().await;
    device.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_comes_again_replaces_itself() {
    let server = serve_in_memory(builder(), FILE);
    let before = device(&server, "pump").await;
    let mut after = device(&server, "pump").await;
    is_dismissed(before, "replaced").await;
    // The end of the one is not that of the other.
    let mut operator = server.connect("operators").await;
    ask(&mut operator, "send pump stop", "ok").await;
    after.expect(bytes(Kind::Command, "stop")).await;
}

#[tokio::test(start_paused = true)]
async fn operators_do_not_wait_for_a_device_that_lags() {
    let server = serve_in_memory(builder(), FILE);
    let _device = device(&server, "pump").await;
    let mut operator = server.connect("operators").await;
    let command = format!("send pump {}\n", "x".repeat(4000));
    let mut taken = 0;
    loop {
        operator.send(&command).await;
        let answer = read_until(&mut operator, "\n").await;
        if answer != "ok\n" {
            assert_eq!(answer, "error: it does not read what it was sent before\n");
            break;
        }
        taken += 1;
    }
    // A pipe of 64 KiB, and limits.output.
    assert!((16..32).contains(&taken), "{taken}");
}

/// Fills what may wait for the device, which reads nothing.
async fn fill(operator: &mut Client) {
    let command = format!("send pump {}\n", "x".repeat(4000));
    loop {
        operator.send(&command).await;
        if read_until(operator, "\n").await != "ok\n" {
            break;
        }
    }
}

/// The gateway alone ends a device that does not read.
fn patient() -> String {
    FILE.replace("timeouts.frame     = ", "timeouts.write     = \"off\"\ntimeouts.frame     = ")
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_read_can_be_dismissed() {
    for replaced in [false, true] {
        let server = serve_in_memory(builder(), &patient());
        let pump = device(&server, "pump").await;
        let mut operator = server.connect("operators").await;
        fill(&mut operator).await;
        // A beat is due, and there is no room for it.
        tokio::time::sleep(Duration::from_secs(31)).await;
        let begun = Instant::now();
        let mut _successor = None;
        if replaced {
            _successor = Some(device(&server, "pump").await);
        } else {
            ask(&mut operator, "kick pump", "ok").await;
        }
        assert_eq!(pump.ended().await.reason, if replaced { "replaced" } else { "kicked" });
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_read_misses_its_beats() {
    let server = serve_in_memory(builder(), &patient());
    let pump = device(&server, "pump").await;
    let mut operator = server.connect("operators").await;
    fill(&mut operator).await;
    let begun = Instant::now();
    // It reads when it is too late.
    tokio::time::sleep(Duration::from_secs(121)).await;
    let ended = pump.ended().await;
    assert_eq!(ended.reason, "beats_missed");
    assert_eq!(begun.elapsed().as_secs(), 121);
}

#[tokio::test(start_paused = true)]
async fn operators_see_the_beginning_of_a_long_report() {
    let server = serve_in_memory(builder(), FILE);
    let mut pump = device(&server, "pump").await;
    let mut operator = server.connect("operators").await;
    for (length, shown) in [(200, "x".repeat(200) + "\""), (201, "x".repeat(200) + "\"…")] {
        pump.send(bytes(Kind::Report, &"x".repeat(length))).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = format!("pump {} reported \"{shown}\nok 1 online", pump.address());
        ask(&mut operator, "list", &answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn devices_are_told_that_the_server_stops() {
    let server = serve_in_memory(builder(), FILE);
    let mut device = device(&server, "pump").await;
    let shutdown = tokio::spawn({
        let server = Server::clone(&server);
        async move { server.shutdown().await }
    });
    device.expect(bytes(Kind::Bye, "going_down")).await;
    device.expect_end().await;
    assert_eq!(device.ended().await.reason, "drained");
    assert_eq!(shutdown.await.unwrap(), terima::Shutdown::Drained);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_frame_ends_the_connection() {
    let server = serve_in_memory(builder(), FILE);
    for (input, word, error) in [
        (&b"GET / HTTP/1.1"[..], "bad_frame", "a frame begins with TG"),
        (b"TG\x02\x01\0\0", "bad_frame", "version 2; this is version 1"),
        (b"TG\x01\x09\0\0", "bad_frame", "there is no frame of type 9"),
        (b"TG\x01\x01\x10\x01", "frame_too_long", "a frame is longer than 4096 bytes"),
    ] {
        let mut device = server.connect("devices").await;
        device.send(input).await;
        let ended = device.ended().await;
        assert_eq!(ended.reason, word);
        assert!(ended.error.unwrap().contains(error), "{error}");
    }
}

#[test]
fn frames_survive_the_network() {
    CodecHarness::new(|| FrameCodec)
        .frames([
            Frame::new(Kind::Login, "pump"),
            Frame::new(Kind::Beat, ""),
            Frame::new(Kind::Report, vec![0; 4096]),
        ])
        .frames_from(|bytes| Frame::new(Kind::Command, bytes.to_vec()))
        .special("TG\x01")
        .refuses("GET / HTTP/1.1")
        .refuses(b"TG\x01\x01\x10\x01")
        .always(|frame| frame.payload.len() <= 4096)
        .check();
    let too_long = Frame::new(Kind::Command, vec![0; 4097]);
    assert!(FrameCodec.encode(too_long, &mut BytesMut::new()).is_err());
}

#[test]
fn options_that_would_let_the_dead_stay_are_refused() {
    let problems = builder().parse(&FILE.replace("beat = \"30s\"", "beat = \"off\"")).unwrap_err();
    assert!(problems.to_string().contains("`beat` can't be off"), "{problems}");
}
