//! Each metric moves when its event happens, and only then; and they close, whatever happens.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use terima::testing::{self, AcceptError, TestServer};
use terima::{Builder, Connection, Framing, Handler, HandlerError, NoOptions, Server, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
#[cfg(target_os = "linux")]
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::codec::Decoder;

use common::{Client, Scrape, listener, on_both_runtimes, scraped, start, within};

/// An echo of lines that does what a line tells it to.
fn told(_: NoOptions) -> Result<impl Handler<Codec = Framing>, HandlerError> {
    Ok(handler_fn(|mut conn: Connection<Framing>| async move {
        let mut stays = false;
        while let Some(line) = conn.recv().await? {
            match &line[..] {
                b"stay after all" => stays = true,
                b"panic" => panic!("as told"),
                b"error" => return Err("as told".into()),
                b"word" => return Err(HandlerError::end("quota")),
                b"done" => return Ok(()),
                b"stay" => std::future::pending().await,
                b"flood" => loop {
                    conn.send(vec![b'x'; 1000]).await?;
                },
                _ => conn.send(line).await?,
            }
        }
        if stays { std::future::pending().await } else { Ok(()) }
    }))
}

/// Understands nothing.
#[derive(Debug, Default, Clone)]
struct Picky;

impl Decoder for Picky {
    type Item = ();
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<()>> {
        if input.is_empty() { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

fn picky(_: NoOptions) -> Result<impl Handler<Codec = Picky>, HandlerError> {
    Ok(handler_fn(|mut conn: Connection<Picky>| async move {
        while conn.recv().await?.is_some() {}
        Ok(())
    }))
}

fn builder() -> Builder {
    Server::builder().handler("told", told).handler("picky", picky)
}

const LINES: &str = "codec = \"lines\"\n";

// === what a client does ===

/// One event, driven by a client; what it moves stands beside it in the table.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// It sends this, stays, and reads as many bytes.
    Sends(&'static str, usize),
    /// It sends this, ends its side and reads to the end.
    Finishes(&'static str),
    /// It sends this, reads as many bytes, and resets the connection.
    Resets(&'static str, usize),
    /// It sends this and never reads.
    DoesNotRead(&'static str),
    /// It sends this, and waits until the server ends the connection, by a close or a reset.
    IsEnded(&'static str),
    /// It sends this, reads as many bytes, and the server is shut down.
    IsDrained(&'static str, usize),
    /// One client is served, another is not.
    FindsNoRoom,
}

/// Makes it happen. The client is kept until everything was looked at.
async fn happen(event: Event, server: &Server) -> Vec<Client> {
    let mut client = Client::connect(server.addresses("l")[0]).await;
    match event {
        Event::Sends(text, answer) => {
            client.send(text).await;
            read(&mut client, answer).await;
        }
        Event::Finishes(text) => {
            client.send(text).await;
            client.finish().await;
            let _ = client.rest().await;
        }
        Event::Resets(text, answer) => {
            client.send(text).await;
            read(&mut client, answer).await;
            client.reset();
            return Vec::new();
        }
        Event::DoesNotRead(text) => client.send(text).await,
        Event::IsEnded(text) => {
            client.send(text).await;
            let _ = client.rest().await;
            // The server waits for it. Where it has reset the connection, there is nothing to end.
            let _ = client.shutdown().await;
        }
        Event::IsDrained(text, answer) => {
            client.send(text).await;
            read(&mut client, answer).await;
            let _ = tokio::join!(within("the shutdown", server.shutdown()), client.rest());
        }
        Event::FindsNoRoom => {
            client.is_echoed("inside\n").await;
            Client::connect(server.addresses("l")[0]).await.expect_end().await;
        }
    }
    vec![client]
}

async fn read(client: &mut Client, bytes: usize) {
    within("an answer", client.read_exact(&mut vec![0; bytes])).await.unwrap();
}

// === what it moves ===

const ACCEPTED: &str = "terima_connections_accepted_total{listener=\"l\"}";
const ACTIVE: &str = "terima_connections_active{listener=\"l\"}";
const STARTED: &str = "terima_establish_duration_seconds_count{listener=\"l\"}";
const LASTED: &str = "terima_connection_duration_seconds_count{listener=\"l\"}";
const BYTES_IN: &str = "terima_received_bytes_total{listener=\"l\"}";
const BYTES_OUT: &str = "terima_sent_bytes_total{listener=\"l\"}";
const FRAMES_IN: &str = "terima_received_frames_total{listener=\"l\"}";
const FRAMES_OUT: &str = "terima_sent_frames_total{listener=\"l\"}";
const HELD_IN: &str = "terima_buffered_bytes{listener=\"l\",direction=\"input\"}";
const REFUSED: &str = "terima_connections_refused_total{listener=\"l\",reason=\"refused_limit\"}";
const READY: &str = "terima_ready";

/// Bytes and frames, in and out.
type Traffic = [(f64, f64); 2];

const NOTHING: Traffic = [(0.0, 0.0); 2];

fn expected(ended: Option<&str>, [bytes, frames]: Traffic) -> BTreeMap<String, f64> {
    let mut moved: BTreeMap<String, f64> = [
        (ACCEPTED, 1.0),
        (STARTED, 1.0),
        (BYTES_IN, bytes.0),
        (BYTES_OUT, bytes.1),
        (FRAMES_IN, frames.0),
        (FRAMES_OUT, frames.1),
    ]
    .map(|(series, by)| (series.to_owned(), by))
    .into();
    match ended {
        Some(reason) => {
            moved.insert(LASTED.to_owned(), 1.0);
            moved
                .insert(format!("terima_connections_ended_total{{listener=\"l\",reason=\"{reason}\"}}"), 1.0);
        }
        None => drop(moved.insert(ACTIVE.to_owned(), 1.0)),
    }
    moved.retain(|_, by| *by != 0.0);
    moved
}

/// A listener that accepted, and does not any more.
fn goes_to(state: &str) -> [(String, f64); 2] {
    [("accepting", -1.0), (state, 1.0)]
        .map(|(state, by)| (format!("terima_listener_state{{listener=\"l\",state=\"{state}\"}}"), by))
}

/// Lets the event happen to a fresh server, and compares all that has moved.
async fn moves(keys: &str, event: Event, expected: &BTreeMap<String, f64>) {
    let handler = if keys.is_empty() { "picky" } else { "told" };
    let text = format!("[server]\ndrain_timeout = \"50ms\"\n{}", listener("l", handler, keys));
    let server = start(builder(), &text).await;
    let before = Scrape::of(&server);
    let clients = happen(event, &server).await;
    let what = format!("{event:?} with {keys:?} moves {expected:#?}");
    let wanted = |scrape: &Scrape| scrape.moved_since(&before) == *expected;
    let came = tokio::time::timeout(common::PATIENCE / 3, scraped(&server, &what, wanted)).await;
    if came.is_err() {
        assert_eq!(Scrape::of(&server).moved_since(&before), *expected, "{event:?} with {keys:?}");
    }
    drop(clients);
}

on_both_runtimes! {
    async fn what_passes() {
        for (event, ended, traffic) in [
            (Event::Sends("one\n", 4), None, [(4.0, 4.0), (1.0, 1.0)]),
            (Event::Sends("a\nb\nc\n", 6), None, [(6.0, 6.0), (3.0, 3.0)]),
            (Event::Finishes("a\nb\n"), Some("client_closed"), [(4.0, 4.0), (2.0, 2.0)]),
            (Event::Finishes(""), Some("client_closed"), NOTHING),
            (Event::Resets("one\n", 4), Some("client_reset"), [(4.0, 4.0), (1.0, 1.0)]),
            (Event::IsEnded("x\ndone\n"), Some("handler_done"), [(7.0, 2.0), (2.0, 1.0)]),
            (Event::IsEnded("error\n"), Some("handler_error"), [(6.0, 0.0), (1.0, 0.0)]),
            (Event::IsEnded("word\n"), Some("quota"), [(5.0, 0.0), (1.0, 0.0)]),
            (Event::IsEnded("panic\n"), Some("handler_panic"), [(6.0, 0.0), (1.0, 0.0)]),
        ] {
            // Wine tells many a reader of a reset as of an end.
            if cfg!(wine) && ended == Some("client_reset") {
                continue;
            }
            moves(LINES, event, &expected(ended, traffic)).await;
        }
    }

    async fn what_the_codec_refuses() {
        moves("", Event::IsEnded("x"), &expected(Some("bad_frame"), [(1.0, 0.0), (0.0, 0.0)])).await;
        let short = "codec = { type = \"lines\", max_frame = \"8B\" }";
        let long = expected(Some("frame_too_long"), [(10.0, 0.0), (0.0, 0.0)]);
        moves(short, Event::IsEnded("0123456789"), &long).await;
    }

    async fn deadlines() {
        for (timeout, event, ended, traffic) in [
            ("first_frame = \"50ms\"", Event::IsEnded(""), "first_frame_timeout", NOTHING),
            ("frame = \"50ms\"", Event::IsEnded("half"), "frame_timeout", [(4.0, 0.0), (0.0, 0.0)]),
            ("idle = \"50ms\"", Event::IsEnded("x\n"), "idle", [(2.0, 2.0), (1.0, 1.0)]),
            ("lifetime = \"50ms\"", Event::IsEnded("x\n"), "lifetime", [(2.0, 2.0), (1.0, 1.0)]),
        ] {
            let keys = format!("{LINES}timeouts.{timeout}");
            moves(&keys, event, &expected(Some(ended), traffic)).await;
        }
    }

    async fn the_end_of_the_server() {
        let mut drained = expected(Some("drained"), [(2.0, 2.0), (1.0, 1.0)]);
        drained.insert(READY.to_owned(), -1.0);
        drained.extend(goes_to("closed"));
        moves(LINES, Event::IsDrained("x\n", 2), &drained).await;
        let mut aborted = expected(Some("drain_aborted"), [(7.0, 2.0), (2.0, 1.0)]);
        aborted.insert(READY.to_owned(), -1.0);
        aborted.extend(goes_to("closed"));
        moves(LINES, Event::IsDrained("x\nstay\n", 2), &aborted).await;
    }

    async fn no_room() {
        let mut refused = expected(None, [(7.0, 7.0), (1.0, 1.0)]);
        refused.insert(ACCEPTED.to_owned(), 2.0);
        refused.insert(REFUSED.to_owned(), 1.0);
        refused.extend(goes_to("full"));
        let keys = format!("{LINES}limits.connections = 1\nlimits.when_full = \"close\"");
        moves(&keys, Event::FindsNoRoom, &refused).await;
    }

    async fn half_a_frame_is_held() {
        let mut held = expected(None, [(9.0, 4.0), (1.0, 1.0)]);
        held.insert(HELD_IN.to_owned(), 5.0);
        moves(LINES, Event::Sends("one\nhalf ", 4), &held).await;
    }
}

#[tokio::test]
async fn a_truncated_frame() {
    // Lines have no half: what the length says is missing.
    let keys = "codec = { type = \"length\", width = 4 }";
    moves(
        keys,
        Event::Finishes("\0\0\0\tabc"),
        &expected(Some("client_truncated"), [(7.0, 0.0), (0.0, 0.0)]),
    )
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read() {
    let keys = format!("{LINES}timeouts.write = \"300ms\"\nsocket.send_buffer = \"4KiB\"");
    let server = start(builder(), &listener("l", "told", &keys)).await;
    let clients = happen(Event::DoesNotRead("flood\n"), &server).await;
    let out = "terima_buffered_bytes{listener=\"l\",direction=\"output\"}";
    scraped(&server, "output that waits", |scrape| scrape.get(out) > 0.0).await;
    let ended = "terima_connections_ended_total{listener=\"l\",reason=\"slow_consumer\"}";
    let scrape = scraped(&server, "its end", |scrape| scrape.get(ended) == 1.0).await;
    // A frame is sent when it is encoded; what was still waiting never left.
    assert!(scrape.get(BYTES_OUT) > 0.0 && scrape.get(FRAMES_OUT) >= scrape.get(BYTES_OUT) / 1001.0);
    scraped(&server, "nothing that waits", |scrape| scrape.get(out) == 0.0).await;
    drop(clients);
}

#[tokio::test]
async fn a_client_that_finishes_and_is_not_answered() {
    let keys = format!("{LINES}timeouts.half_close = \"50ms\"");
    let expected = expected(Some("half_close_timeout"), [(15.0, 0.0), (1.0, 0.0)]);
    moves(&keys, Event::Finishes("stay after all\n"), &expected).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_waits_in_the_queue_is_not_accepted() {
    let keys = format!("{LINES}limits.connections = 1\nsocket.backlog = 16");
    let server = start(builder(), &listener("l", "told", &keys)).await;
    let address = server.addresses("l")[0];
    let queue = format!("terima_accept_queue_connections{{listener=\"l\",address=\"{address}\"}}");
    let limit = format!("terima_accept_queue_limit{{listener=\"l\",address=\"{address}\"}}");
    let mut first = Client::connect(address).await;
    first.is_echoed("inside\n").await;
    let mut waiting = [Client::connect(address).await, Client::connect(address).await];
    let scrape = scraped(&server, "two that wait", |scrape| scrape.get(&queue) == 2.0).await;
    assert_eq!((scrape.get(ACCEPTED), scrape.get(ACTIVE), scrape.get(REFUSED)), (1.0, 1.0, 0.0));
    assert_eq!(scrape.get(&limit), 16.0);
    drop(first);
    waiting[0].is_echoed("my turn\n").await;
    scraped(&server, "one that waits", |scrape| scrape.get(&queue) == 1.0).await;
    let [second, mut third] = waiting;
    drop(second);
    third.is_echoed("mine too\n").await;
    let scrape = scraped(&server, "the third", |scrape| scrape.get(ACTIVE) == 1.0).await;
    assert_eq!((scrape.get(ACCEPTED), scrape.get(&queue)), (3.0, 0.0));
    // A socket that is closed has no queue.
    drop(third);
    within("the shutdown", server.shutdown()).await;
    assert!(!server.metrics().contains("terima_accept_queue_connections{"));
}

// === accepting fails ===

/// What has moved once accepting has met with these errors, in this order. The clock stands: no pause is over meanwhile.
async fn fails(
    keys: &str,
    errors: impl IntoIterator<Item = AcceptError>,
    expected: &[(&str, f64)],
) -> TestServer {
    let server = testing::serve_in_memory(builder(), &listener("l", "told", &format!("{LINES}{keys}")));
    let before = Scrape::of(&server);
    server.fail_accept("l", errors);
    let expected: BTreeMap<_, _> = expected.iter().map(|(series, by)| ((*series).to_owned(), *by)).collect();
    let what = format!("a failure moves {expected:#?}");
    scraped(&server, &what, |scrape| scrape.moved_since(&before) == expected).await;
    server
}

const GONE: &str = "terima_accept_errors_total{listener=\"l\",class=\"connection\"}";
const SHORT: &str = "terima_accept_errors_total{listener=\"l\",class=\"system\"}";
const DEAD: &str = "terima_accept_errors_total{listener=\"l\",class=\"listener\"}";
const PAUSES: &str = "terima_accept_pauses_total{listener=\"l\"}";
const ACCEPTS: &str = "terima_listener_state{listener=\"l\",state=\"accepting\"}";
const STARVED: &str = "terima_listener_state{listener=\"l\",state=\"starved\"}";
const FAILED: &str = "terima_listener_state{listener=\"l\",state=\"failed\"}";

#[tokio::test(start_paused = true)]
async fn connections_that_are_gone_are_errors_and_no_pause() {
    let errors = [AcceptError::Gone, AcceptError::Gone];
    let server = fails("", errors, &[(GONE, 2.0)]).await;
    server.client().await.is_echoed("served all the same\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_system_without_resources_is_a_pause_and_starves_the_listener_until_it_is_over() {
    let moved = [(SHORT, 1.0), (PAUSES, 1.0), (ACCEPTS, -1.0), (STARVED, 1.0)];
    let server = fails("", [AcceptError::OutOfMemory], &moved).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let scrape = Scrape::of(&server);
    assert_eq!((scrape.get(STARVED), scrape.get(ACCEPTS)), (0.0, 1.0));
    assert_eq!((scrape.get(SHORT), scrape.get(PAUSES)), (1.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_dead_fails_the_listener() {
    fails("", [AcceptError::Dead], &[(DEAD, 1.0), (ACCEPTS, -1.0), (FAILED, 1.0)]).await;
}

/// By the spare one, which there is on Unix.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn who_finds_no_descriptor_is_refused() {
    let keys = format!("{LINES}limits.when_full = \"close\"");
    let server = testing::serve_in_memory(builder(), &listener("l", "told", &keys));
    let before = Scrape::of(&server);
    server.fail_accept("l", [AcceptError::OutOfDescriptors]);
    let mut client = server.connect_from("l", ([127, 0, 0, 1], 7));
    client.expect_end().await;
    let refused = "terima_connections_refused_total{listener=\"l\",reason=\"refused_descriptors\"}";
    let expected = [(ACCEPTED, 1.0), (refused, 1.0), (SHORT, 1.0), (PAUSES, 1.0)];
    let expected: BTreeMap<_, _> = expected.map(|(series, by)| (series.to_owned(), by)).into();
    let moved = |scrape: &Scrape| {
        let mut moved = scrape.moved_since(&before);
        // Whether the pause is over is another matter.
        moved.retain(|series, _| !series.starts_with("terima_listener_state{"));
        moved == expected
    };
    scraped(&server, "a refusal", moved).await;
}

/// Of every socket in the network namespace, so it may move by itself; but not down, and not without such a client.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_comes_to_a_queue_that_is_full_overflows_it() {
    const OVERFLOWS: &str = "terima_accept_queue_overflows_total";
    let server = start(builder(), &listener("l", "told", &format!("{LINES}socket.backlog = 1"))).await;
    server.pause("l").unwrap();
    let address = server.addresses("l")[0];
    let before = Scrape::of(&server).get(OVERFLOWS);
    // The system takes one more than it is told to. Who comes after them waits for an answer that does not come.
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        clients.spawn(TcpStream::connect(address));
    }
    let queue = format!("terima_accept_queue_connections{{listener=\"l\",address=\"{address}\"}}");
    let full = |scrape: &Scrape| scrape.get(&queue) == 2.0 && scrape.get(OVERFLOWS) >= before + 2.0;
    scraped(&server, "a full queue", full).await;
}

#[tokio::test]
async fn whoever_runs_the_server_pauses_a_listener_and_ends_a_connection() {
    let server = start(builder(), &listener("l", "told", LINES)).await;
    let before = Scrape::of(&server);
    server.pause("l").unwrap();
    assert_eq!(Scrape::of(&server).moved_since(&before), BTreeMap::from(goes_to("paused")));
    server.resume("l").unwrap();
    assert_eq!(Scrape::of(&server).moved_since(&before), BTreeMap::new());

    let mut client = Client::connect(server.addresses("l")[0]).await;
    client.is_echoed("x\n").await;
    let connection = server.connections().handles().pop().unwrap();
    connection.end();
    within("its end", connection.ended()).await;
    let wanted = expected(Some("ended_by_admin"), [(2.0, 2.0), (1.0, 1.0)]);
    scraped(&server, "one that was ended", |scrape| scrape.moved_since(&before) == wanted).await;
}

/// Long connections show as they go.
#[tokio::test]
async fn bytes_are_counted_before_the_end() {
    let server = start(builder(), &listener("l", "told", LINES)).await;
    let mut client = Client::connect(server.addresses("l")[0]).await;
    for round in 1..=5 {
        client.is_echoed("ten bytes\n").await;
        let sum = 10.0 * f64::from(round);
        let told = |scrape: &Scrape| (scrape.get(BYTES_IN), scrape.get(BYTES_OUT)) == (sum, sum);
        scraped(&server, "bytes", told).await;
    }
}

// === they close ===

const CLIENTS: usize = 32;
const ROUNDS: usize = 40;

/// What the clients have seen of one listener.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Seen {
    connected: f64,
    turned_away: f64,
    bytes: f64,
    lines: f64,
}

/// One connection of one client: lines that come back, then an end of its choice.
async fn visit(address: SocketAddr, seen: &mut Seen) {
    let mut client = Client::connect(address).await;
    seen.connected += 1.0;
    for _ in 0..fastrand::usize(1..4) {
        let line = format!("{}\n", "x".repeat(fastrand::usize(0..2000)));
        let answered = async {
            client.write_all(line.as_bytes()).await?;
            let mut answer = vec![0; line.len()];
            client.read_exact(&mut answer).await?;
            io::Result::Ok(answer)
        };
        let Ok(answer) = within("an answer or an end", answered).await else {
            seen.turned_away += 1.0;
            return;
        };
        common::assert_same(&answer, line.as_bytes());
        seen.bytes += f64::from(u32::try_from(line.len()).unwrap());
        seen.lines += 1.0;
    }
    match fastrand::u8(0..4) {
        0 => client.reset(),
        1 => drop(client),
        2 => {
            client.finish().await;
            client.expect_end().await;
        }
        _ => {
            let last = ["done\n", "error\n", "word\n", "panic\n"][fastrand::usize(0..4)];
            client.send(last).await;
            seen.bytes += f64::from(u32::try_from(last.len()).unwrap());
            seen.lines += 1.0;
            client.expect_end().await;
        }
    }
}

/// What holds of a listener in every scrape.
fn closes(scrape: &Scrape, listener: &str) {
    let figure = |name: &str| scrape.get(&format!("terima_connections_{name}{{listener=\"{listener}\"}}"));
    let refused = scrape.sum("terima_connections_refused_total", listener);
    let ended = scrape.sum("terima_connections_ended_total", listener);
    assert_eq!(figure("accepted_total"), refused + ended + figure("active"));
    assert!(figure("establishing") <= figure("active"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_close_at_any_time_and_end_as_the_clients_saw_it() {
    let text = [
        listener("open", "told", LINES),
        listener("full", "told", &format!("{LINES}limits.connections = 4\nlimits.when_full = \"close\"")),
    ]
    .concat();
    let server = start(builder(), &text).await;
    let done = Arc::new(AtomicBool::new(false));
    let scraping = thread::spawn({
        let (server, done) = (server.clone(), Arc::clone(&done));
        move || {
            let (mut scrapes, mut busy, mut last) = (0, 0, 0.0);
            while !done.load(Ordering::Relaxed) {
                let scrape = Scrape::of(&server);
                closes(&scrape, "open");
                closes(&scrape, "full");
                let accepted = scrape.sum("terima_connections_accepted_total", "open");
                assert!(accepted >= last, "{accepted} after {last}");
                last = accepted;
                scrapes += 1;
                busy += i32::from(scrape.sum("terima_connections_active", "open") > 0.0);
            }
            (scrapes, busy)
        }
    });
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let name = ["open", "full"][client % 2];
        let address = server.addresses(name)[0];
        clients.spawn(async move {
            let mut seen = Seen::default();
            for _ in 0..ROUNDS {
                visit(address, &mut seen).await;
            }
            (name, seen)
        });
    }
    let mut all = BTreeMap::<&str, Seen>::new();
    for (name, seen) in within("all clients", clients.join_all()).await {
        let sum = all.entry(name).or_default();
        sum.connected += seen.connected;
        sum.turned_away += seen.turned_away;
        sum.bytes += seen.bytes;
        sum.lines += seen.lines;
    }
    let rest = |scrape: &Scrape| {
        ["open", "full"].iter().all(|name| scrape.sum("terima_connections_active", name) == 0.0)
    };
    let scrape = scraped(&server, "the last end", rest).await;
    done.store(true, Ordering::Relaxed);
    let (scrapes, busy) = scraping.join().unwrap();
    assert!(scrapes > 20 && busy > 10, "{scrapes} scrapes, {busy} of them with connections");

    for (name, seen) in all {
        closes(&scrape, name);
        let told = Seen {
            connected: scrape.sum("terima_connections_accepted_total", name),
            turned_away: scrape.sum("terima_connections_refused_total", name),
            bytes: scrape.sum("terima_received_bytes_total", name),
            lines: scrape.sum("terima_received_frames_total", name),
        };
        if name == "open" {
            assert_eq!(told, seen);
        } else {
            // Who was turned away may have sent a line first, which nobody read.
            assert_eq!((told.connected, told.turned_away), (seen.connected, seen.turned_away));
            assert!(seen.turned_away > 0.0, "it was never full");
        }
        assert_eq!(
            scrape.sum("terima_connection_duration_seconds_count", name),
            seen.connected - seen.turned_away
        );
    }
    // What the server itself counts, to keep its limits, comes to the same.
    let left = async {
        while server.listeners().iter().any(|listener| listener.connections > 0) {
            tokio::task::yield_now().await;
        }
    };
    within("the last permit", left).await;
}
