#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use terima::Shutdown;
use terima::testing::{Client, TestServer, serve, serve_in_memory, within};
use tokio::io::AsyncReadExt;

use super::*;

const FILE: &str = include_str!("server.toml");

/// Somebody who has come and been greeted, `nth` of all.
async fn guest(server: &TestServer, nth: usize) -> Client {
    let mut client = server.connect("chat").await;
    client.expect(format!("* you are guest-{nth}; /nick NAME, /who, /quit\n")).await;
    client
}

#[tokio::test]
async fn everybody_reads_what_anybody_says() {
    let server = serve(builder(), FILE).await;
    let mut siti = guest(&server, 1).await;
    siti.expect("* guest-1 has come\n").await;
    let mut budi = guest(&server, 2).await;
    budi.expect("* guest-2 has come\n").await;
    siti.expect("* guest-2 has come\n").await;

    siti.send("/nick siti\n").await;
    for client in [&mut siti, &mut budi] {
        client.expect("* guest-1 is siti now\n").await;
    }
    siti.send("halo\r\n").await;
    for client in [&mut siti, &mut budi] {
        client.expect("siti: halo\n").await;
    }
    budi.send("/who\n").await;
    budi.expect("* 2 here: guest-2, siti\n").await;

    siti.send("/quit\n").await;
    budi.expect("* siti has gone\n").await;
    siti.expect_end().await;
    assert_eq!(siti.ended().await.reason, "handler_done");
    // The name is free again.
    budi.send("/nick siti\n").await;
    budi.expect("* guest-2 is siti now\n").await;
}

#[tokio::test]
async fn names_and_commands_that_are_refused() {
    let server = serve(builder(), &FILE.replace("\"drop\"", "\"drop\", announce = false")).await;
    let mut client = guest(&server, 1).await;
    let refused = "* a nickname has 1 to 20 letters, digits, - or _\n";
    for (line, answer) in [
        ("/nick", refused),
        ("/nick ", refused),
        ("/nick two words", refused),
        ("/nick \u{1b}[31mred", refused),
        ("/nick aaaaaaaaaaaaaaaaaaaaa", refused),
        ("/nick guest-1", "* guest-1 is somebody's name already\n"),
        ("/kick guest-1", "* there is no /kick; /nick NAME, /who, /quit\n"),
        ("", ""),
        ("\u{1b}]0;title\u{7}halo", "guest-1: ]0;titlehalo\n"),
    ] {
        client.send(format!("{line}\n")).await;
        client.expect(answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn last_words_when_the_server_stops() {
    let server = serve_in_memory(builder(), FILE);
    let mut clients = Vec::new();
    for nth in 1..=3 {
        clients.push(guest(&server, nth).await);
    }
    for (nth, client) in clients.iter_mut().enumerate() {
        for later in nth + 1..=3 {
            client.expect(format!("* guest-{later} has come\n")).await;
        }
    }
    let shutdown = tokio::spawn({
        let server = Server::clone(&server);
        async move { server.shutdown().await }
    });
    for mut client in clients {
        client.expect("* the server is going down, come back in a minute\n").await;
        client.expect_end().await;
        assert_eq!(client.ended().await.reason, "drained");
    }
    assert_eq!(shutdown.await.unwrap(), Shutdown::Drained);
}

// === who does not read ===

const CROWD: usize = 5000;

/// A room with a speaker, and one who has stopped to read; so much has been said that his room is used up.
async fn with_one_stuck(slow: &str) -> (TestServer, Client, Client) {
    let file = FILE.replace("\"drop\"", &format!("\"{slow}\", announce = false"));
    let server = serve_in_memory(builder(), &file);
    let mut speaker = guest(&server, 1).await;
    let stuck = guest(&server, 2).await;
    // More than the pipe, 64 KiB, and limits.output hold.
    for _ in 0..200 {
        let line = "x".repeat(999);
        speaker.send(format!("{line}\n")).await;
        speaker.expect(format!("guest-1: {line}\n")).await;
    }
    (server, speaker, stuck)
}

/// Everybody in a crowd is told, and who is stuck is none of their business.
async fn all_are_told(server: &TestServer, speaker: &mut Client) {
    let mut crowd = Vec::new();
    for nth in 3..3 + CROWD {
        crowd.push(guest(server, nth).await);
    }
    speaker.send("one frame for all\n").await;
    for client in &mut crowd {
        client.expect("guest-1: one frame for all\n").await;
    }
    speaker.expect("guest-1: one frame for all\n").await;
}

#[tokio::test]
async fn who_lags_misses_lines_and_delays_nobody() {
    let (server, mut speaker, mut stuck) = with_one_stuck("drop").await;
    all_are_told(&server, &mut speaker).await;
    assert_eq!(server.connections().len(), CROWD + 2, "the one who is stuck is still there");
    // Who reads again is told again, and has missed something.
    let mut lines = Vec::new();
    let reading = async {
        while !lines.ends_with(b"guest-1: again\n") {
            stuck.read_buf(&mut lines).await.unwrap();
            speaker.send("again\n").await;
            speaker.expect("guest-1: again\n").await;
        }
    };
    within("a line after those that were missed", reading).await;
    let lines = String::from_utf8(lines).unwrap();
    let said = lines.lines().filter(|line| line.len() > 999).count();
    assert!((64..200).contains(&said), "{said}");
    assert!(!lines.contains("one frame for all"));
}

#[tokio::test]
async fn who_lags_is_ended_and_delays_nobody() {
    let (server, mut speaker, stuck) = with_one_stuck("end").await;
    all_are_told(&server, &mut speaker).await;
    assert_eq!(stuck.ended_unread().await.reason, "slow_consumer");
}
