//! The test kit as the tests of a program of one's own use it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::future::FutureExt;
use serde::Deserialize;
use terima::testing::{AcceptError, Client, Memory, TestServer, serve, serve_in_memory, within};
use terima::{
    Address, Builder, Connection, Framing, HandlerError, ListenerState, NoOptions, Server, Shutdown,
    handler_fn,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::codec::{Framed, LinesCodec};

const ECHO: &str = r#"
    [[listener]]
    name    = "echo"
    address = "192.0.2.1:7"
    codec   = "lines"
    handler = "echo"
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowOptions {
    answer_after: u64,
}

/// Answers each frame so many seconds later; fails for `bad`, and for `full` with a word of its own.
fn builder() -> Builder {
    Server::builder().handler("slow", |options: SlowOptions| {
        Ok(handler_fn(move |mut conn: Connection<Framing>| async move {
            while let Some(frame) = conn.recv().await? {
                sleep(Duration::from_secs(options.answer_after)).await;
                match &frame[..] {
                    b"bad" => return Err("it was bad".into()),
                    b"full" => return Err(HandlerError::end("shop_is_full")),
                    b"panic" => panic!("as asked"),
                    _ => conn.send(frame).await?,
                }
            }
            Ok(())
        }))
    })
}

fn slow(keys: &str) -> TestServer {
    let listener = "[[listener]]\nname = \"slow\"\naddress = \":7\"\nhandler = { type = \"slow\", answer_after = 3600 }\n";
    let idle = if keys.contains("idle") { "" } else { "timeouts.idle = \"off\"\n" };
    serve_in_memory(builder(), &[listener, "codec = \"lines\"\n", idle, keys].concat())
}

/// What a future panics with.
async fn panics(future: impl Future) -> String {
    let panic = AssertUnwindSafe(future).catch_unwind().await.err().expect("it does not panic");
    *panic.downcast::<String>().expect("no text")
}

// === a server of a file ===

#[tokio::test]
async fn a_server_listens_on_loopback_whatever_its_file_says() {
    let text = [
        ECHO,
        "[[listener]]\nname = \"all\"\naddress = [\":8\", \"localhost:9\", \"0.0.0.0:10\"]\nhandler = \"discard\"\n",
    ];
    let server = serve(Server::builder(), &text.concat()).await;
    let addresses = [server.addresses("echo"), server.addresses("all")].concat();
    assert_eq!(addresses.len(), 4);
    for address in addresses {
        assert!(address.ip().is_loopback() && address.port() > 7, "{address}");
    }
    let mut client = server.connect("echo").await;
    client.is_echoed("halo\n").await;
    // The first listener.
    server.client().await.is_echoed("halo\n").await;

    client.finish().await;
    client.expect_end().await;
    let ended = client.ended().await;
    assert_eq!((ended.reason, ended.error), ("client_closed", None));
    assert_eq!((ended.bytes_in, ended.bytes_out, ended.frames_in, ended.frames_out), (5, 5, 1, 1));
}

#[tokio::test]
async fn a_server_that_is_dropped_is_gone() {
    let server = serve(Server::builder(), ECHO).await;
    let handle = Server::clone(&server);
    let address = server.addresses("echo")[0];
    let mut client = server.client().await;
    client.is_echoed("halo\n").await;
    drop(server);
    client.expect_reset().await;
    assert_eq!(client.ended().await.reason, "drain_aborted");
    assert_eq!(handle.shutdown().await, Shutdown::TimedOut { aborted: 1 });
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn problems_of_a_file_are_shown() {
    let shown = panics(async { serve(Server::builder(), &ECHO.replace("codec ", "cdoec ")).await }).await;
    assert!(shown.contains("server.toml:5:5") && shown.contains("did you mean `codec`?"), "{shown}");
}

#[tokio::test]
async fn a_client_is_any_stream() {
    use futures_util::{SinkExt, StreamExt};
    let server = serve(Server::builder(), ECHO).await;
    let mut client = Framed::new(server.client().await, LinesCodec::new());
    client.send("halo").await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "halo");
    let client = client.into_inner();
    let peer = client.address();
    assert!(peer.ip().is_loopback());
    client.reset();
}

// === what fails ===

#[tokio::test(start_paused = true)]
async fn a_failed_expectation_names_the_line_of_the_test() {
    let server = slow("timeouts.idle = \"3h\"");
    let mut client = server.client().await;
    client.send("halo\n").await;
    let line = line!() + 1;
    let shown = panics(client.expect("hallo\n")).await;
    assert!(shown.starts_with(&format!("{}:{line}:", file!())), "{shown}");
    let expected = "the end came; 5 bytes where 6 were expected; at 3: \"o\\n\" where \"lo\\n\" was expected";
    assert!(shown.ends_with(expected), "{shown}");

    let mut client = server.client().await;
    client.send("halo\n").await;
    let shown = panics(client.expect_end()).await;
    assert!(shown.contains("5 bytes where 0 were expected"), "{shown}");
    assert!(panics(client.expect_reset()).await.contains("no reset: it ended well"));
    drop(server);
    assert!(panics(client.send("halo\n")).await.contains("nothing can be sent"));

    let shown = panics(async { slow("").connect("fast").await }).await;
    assert!(shown.contains("no listener \"fast\" among [\"slow\"]"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_for_ever() {
    let begun = Instant::now();
    let shown = panics(within("the impossible", std::future::pending::<()>())).await;
    assert!(shown.starts_with(file!()) && shown.ends_with("waited in vain: the impossible"), "{shown}");
    assert!(begun.elapsed() > Duration::from_secs(24 * 3600), "a paused clock is waited for for longer");
}

#[tokio::test]
async fn how_a_strangers_connection_ended_is_not_known() {
    let server = serve(Server::builder(), ECHO).await;
    let mut client = Client::connect(server.addresses("echo")[0]).await;
    client.is_echoed("halo\n").await;
    client.finish().await;
    assert!(panics(client.ended()).await.contains("only the test's own server"));
}

// === in memory ===

#[tokio::test(start_paused = true)]
async fn hours_pass_in_a_moment() {
    let server = slow("timeouts.idle = \"2h\"\ntimeouts.lifetime_jitter = \"0%\"");
    assert!(server.addresses("slow").is_empty());
    let begun = Instant::now();
    let mut client = server.client().await;
    client.is_echoed("one\n").await;
    assert_eq!(begun.elapsed().as_secs(), 3600);
    client.is_echoed("two\n").await;
    client.expect_end().await;
    assert_eq!(begun.elapsed().as_secs(), 4 * 3600);
    let ended = client.ended().await;
    assert_eq!((ended.reason, ended.frames_in, ended.duration.as_secs()), ("idle", 2, 4 * 3600));
    assert_eq!(server.connections().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_way_to_end() {
    let server = slow("");
    for (frame, word, error) in [
        ("bad\n", "handler_error", Some("it was bad")),
        ("full\n", "shop_is_full", None),
        ("panic\n", "handler_panic", Some("as asked")),
    ] {
        let mut client = server.client().await;
        client.send(frame).await;
        let ended = client.ended().await;
        assert_eq!((ended.reason, ended.error.as_deref()), (word, error));
    }
    let mut client = server.client().await;
    client.send("answered\n").await;
    client.finish().await;
    assert_eq!(client.ended().await.reason, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resets() {
    let server = slow("");
    let address = ([10, 0, 0, 1], 5000);
    let mut client = server.connect_from("slow", address);
    client.send("halo\n").await;
    let again = server.connect_from("slow", address);
    client.reset();
    // The same address: the first end is not the second's.
    let mut again = again;
    again.finish().await;
    assert_eq!(again.ended().await.reason, "client_reset");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing() {
    let server =
        serve_in_memory(Server::builder(), &ECHO.replace("handler = \"echo\"", "handler = \"chargen\""));
    let client = server.client().await;
    assert_eq!(client.ended_unread().await.reason, "slow_consumer");
}

#[tokio::test(start_paused = true)]
async fn a_drain_by_hand() {
    let server = slow("");
    let mut busy = server.client().await;
    let mut idle = server.client().await;
    busy.send("owed\n").await;
    // Both have been accepted.
    while server.unaccepted("slow") > 0 || server.connections().len() < 2 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let shutdown = tokio::spawn({
        let server = Server::clone(&server);
        async move { server.shutdown().await }
    });
    idle.expect_end().await;
    assert_eq!(idle.ended().await.reason, "drained");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // Cut at the end of server.drain_timeout.
    assert_eq!(busy.ended().await.reason, "drain_aborted");
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(shutdown.await.unwrap(), Shutdown::TimedOut { aborted: 1 });
}

#[tokio::test(start_paused = true)]
async fn addresses_and_limits_are_met_in_memory_too() {
    let who = |_: NoOptions| {
        Ok(handler_fn(|mut conn: Connection<Framing>| async move {
            let Address::Tcp(peer) = conn.info().peer().0 else { return Err("no address".into()) };
            conn.send(peer.to_string()).await?;
            while conn.recv().await?.is_some() {}
            Ok(())
        }))
    };
    let text = ECHO.replace("handler = \"echo\"", "handler = \"who\"\nlimits.connections = 2");
    let server = serve_in_memory(Server::builder().handler("who", who), &text);
    let mut first = server.connect_from("echo", ([10, 0, 0, 1], 5000));
    first.expect("10.0.0.1:5000\n").await;
    let mut second = server.client().await;
    second.expect("127.0.0.1:1\n").await;
    let mut third = server.client().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((server.unaccepted("echo"), server.connections().len()), (1, 2));
    first.finish().await;
    third.expect("127.0.0.1:2\n").await;
}

// === a handler alone ===

#[tokio::test(start_paused = true)]
async fn a_handler_with_its_codec_and_settings() {
    let shout = || {
        handler_fn(|mut conn: Connection<LinesCodec>| async move {
            while let Some(line) = conn.recv().await? {
                conn.send(line.to_uppercase()).await?;
            }
            Ok(())
        })
    };
    let server = Memory::new(shout()).serve();
    let mut client = server.client().await;
    client.send("halo\n").await;
    client.expect("HALO\n").await;

    let server = Memory::new(shout())
        .codec(LinesCodec::new_with_max_length(3))
        .settings("timeouts.idle = \"1s\"")
        .serve();
    let mut client = server.client().await;
    client.send("abc\nabcd\n").await;
    client.expect("ABC\n").await;
    assert_eq!(client.ended().await.reason, "frame_too_long");
    assert_eq!(server.client().await.ended().await.reason, "idle");
}

#[tokio::test]
async fn settings_that_are_wrong_are_shown() {
    let echo = || handler_fn(|_: Connection<Framing>| async { Ok(()) });
    let shown = panics(async { Memory::new(echo()).settings("timeouts.idel = \"1s\"").serve() }).await;
    assert!(shown.contains("did you mean `idle`?"), "{shown}");
    let shown = panics(async { Memory::new(echo()).codec(LinesCodec::new()).serve() }).await;
    assert!(shown.contains("speaks Framing"), "{shown}");
}

// === accepting ===

#[tokio::test]
async fn a_server_survives_what_accept_says() {
    use AcceptError::{Gone, Other, OutOfDescriptors, OutOfMemory};
    let server = serve(Server::builder(), ECHO).await;
    server.client().await.is_echoed("before\n").await;
    // The loop waits in accept(2) while this comes.
    server.fail_accept(
        "echo",
        [OutOfDescriptors, Gone, OutOfMemory, Other(std::io::Error::other("unheard of"))],
    );
    server.client().await.is_echoed("after\n").await;
    assert_eq!(server.unaccepted("echo"), 0);
    let status = server.listeners().remove(0);
    assert!(status.healthy && status.state == ListenerState::Accepting, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn accepting_pauses_by_the_paused_clock() {
    let server = slow("");
    server.fail_accept("slow", std::iter::repeat_with(|| AcceptError::OutOfDescriptors).take(5));
    let begun = Instant::now();
    let mut client = server.client().await;
    client.send("halo\n").await;
    client.expect("halo\n").await;
    // 10, 20, 40, 80, 160
    assert_eq!(begun.elapsed().as_millis(), 310 + 3_600_000);
}

#[tokio::test(start_paused = true)]
async fn a_dead_socket_is_told() {
    let server = slow("");
    let mut before = server.client().await;
    before.send("halo\n").await;
    server.fail_accept("slow", [AcceptError::Dead]);
    while server.listeners()[0].healthy {
        tokio::task::yield_now().await;
    }
    let _waits = server.client().await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(server.unaccepted("slow"), 1);
    before.expect("halo\n").await;
}
