//! Limits on connections: exact, and given back whichever way a connection ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use terima::{Connection, Framing, HandlerError, NoOptions, Server, handler_fn};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use common::{Client, ended, is_reset, listener, logged, on_both_runtimes, start, within};

/// A listener's name of its own: the log is one for both runtimes' tests.
fn own(name: &str) -> String {
    let flavor = Handle::current().runtime_flavor();
    format!("{name}-{flavor:?}").to_lowercase()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_is_reached_and_never_exceeded() {
    const LIMIT: usize = 10;
    const CLIENTS: usize = 200;
    let inside = Arc::new(AtomicUsize::new(0));
    let most = watch::Sender::new(0);
    let record = most.clone();
    let counting = move |_: NoOptions| {
        let (inside, most) = (Arc::clone(&inside), record.clone());
        Ok(handler_fn(move |mut conn: Connection<Framing>| {
            let (inside, most) = (Arc::clone(&inside), most.clone());
            async move {
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                most.send_if_modified(|most| now > std::mem::replace(most, now.max(*most)));
                // Nobody leaves before it was full once.
                most.subscribe().wait_for(|most| *most >= LIMIT).await?;
                let frame = conn.recv().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                if let Some(frame) = frame? {
                    conn.send(frame).await?;
                }
                Ok::<_, HandlerError>(())
            }
        }))
    };
    let keys = format!("limits.connections = {LIMIT}");
    let builder = Server::builder().handler("counting", counting);
    let server = start(builder, &listener("exact", "counting", &keys)).await;
    let address = server.addresses("exact")[0];
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        clients.spawn(async move {
            let mut client = Client::connect(address).await;
            client.is_echoed(&format!("client {n}")).await;
        });
    }
    assert_eq!(within("all clients", clients.join_all()).await.len(), CLIENTS);
    assert_eq!(*most.borrow(), LIMIT);
}

on_both_runtimes! {
    async fn queue_serves_later() {
        let name = own("queue");
        let server = start(Server::builder(), &listener(&name, "echo", "limits.connections = 2")).await;
        let address = server.addresses(&name)[0];
        let mut clients = Vec::new();
        for n in 0..10 {
            let mut client = Client::connect(address).await;
            client.send(format!("client {n}")).await;
            clients.push(client);
        }
        assert_eq!(&logged(&name, "peers wait in the backlog").await["limit"], "limits.connections");
        assert_eq!(server.connections().len(), 2);
        // Each makes room for the next but one.
        for (n, mut client) in clients.into_iter().enumerate() {
            client.expect(format!("client {n}")).await;
            assert!(server.connections().len() <= 2);
        }
    }

    async fn close_ends_it_at_once() {
        let keys = "limits.connections = 1\nlimits.when_full = \"close\"";
        let server = start(Server::builder(), &listener("close", "echo", keys)).await;
        let address = server.addresses("close")[0];
        let mut first = Client::connect(address).await;
        first.is_echoed("inside").await;
        for _ in 0..5 {
            Client::connect(address).await.expect_end().await;
        }
        first.is_echoed("still inside").await;
    }

    async fn reset_resets_it_at_once() {
        let keys = "limits.connections = 1\nlimits.when_full = \"reset\"";
        let server = start(Server::builder(), &listener("reset", "echo", keys)).await;
        let address = server.addresses("reset")[0];
        let mut first = Client::connect(address).await;
        first.is_echoed("inside").await;
        for _ in 0..5 {
            // It may come before the client knows that it is connected.
            let meets = async { TcpStream::connect(address).await?.read_u8().await };
            let error = within("a reset", meets).await.expect_err("it is served");
            // Wine tells many a reader of a reset as of an end.
            let end = cfg!(wine) && error.kind() == ErrorKind::UnexpectedEof;
            assert!(end || error.kind() == ErrorKind::ConnectionReset, "{error}");
        }
        first.is_echoed("still inside").await;
    }

    async fn max_connections_spans_all_listeners() {
        let names = ["spanned-close", "spanned-queue"].map(own);
        let text = [
            "[server]\nmax_connections = 2\n",
            &listener(&names[0], "echo", "limits.when_full = \"close\""),
            &listener(&names[1], "echo", ""),
        ]
        .concat();
        let server = start(Server::builder(), &text).await;
        let [close, queue] = [0, 1].map(|n: usize| server.addresses(&names[n])[0]);
        let mut one = Client::connect(close).await;
        one.is_echoed("one").await;
        let mut two = Client::connect(queue).await;
        two.is_echoed("two").await;

        Client::connect(close).await.expect_end().await;
        let mut waits = Client::connect(queue).await;
        waits.send("waits").await;
        for (name, message) in names.iter().zip(["no room", "peers wait in the backlog"]) {
            assert_eq!(&logged(name, message).await["limit"], "server.max_connections");
        }
        assert_eq!(server.connections().len(), 2);
        drop(one);
        waits.expect("waits").await;
        two.is_echoed("still inside").await;
        assert_eq!(server.connections().len(), 2);
    }
}

// === given back ===

/// An echo of lines that fails as it is told to.
fn failing(_: NoOptions) -> Result<impl terima::Handler<Codec = Framing>, HandlerError> {
    Ok(handler_fn(|mut conn: Connection<Framing>| async move {
        while let Some(line) = conn.recv().await? {
            match &line[..] {
                b"panic" => panic!("as asked"),
                b"error" => return Err("as asked".into()),
                _ => conn.send(line).await?,
            }
        }
        Ok(())
    }))
}

on_both_runtimes! {
    async fn a_place_is_given_back_however_its_connection_ends() {
        let keys = "codec = { type = \"lines\", max_frame = \"1KiB\" }\nlimits.connections = 1";
        let text = format!("[server]\nmax_connections = 1\n{}", listener("back", "failing", keys));
        let server = start(Server::builder().handler("failing", failing), &text).await;
        let address = server.addresses("back")[0];
        let longer = "x".repeat(2000);
        for (told, resets, reason) in [
            ("panic\n", false, "handler_panic"),
            ("error\n", false, "handler_error"),
            (longer.as_str(), false, "frame_too_long"),
            ("half a li", true, "client_reset"),
            ("", true, "client_reset"),
            ("", false, "client_closed"),
        ] {
            let mut client = Client::connect(address).await;
            // Had the one before it kept its place, nobody would answer.
            client.is_echoed("inside\n").await;
            let peer = client.address();
            client.send(told).await;
            if resets {
                client.reset();
            } else {
                client.finish().await;
                client.expect_end().await;
            }
            let line = ended("back", peer).await;
            assert!(&line["reason"] == reason || (resets && is_reset(&line["reason"])), "{line:?}, not {reason}");
        }
        Client::connect(address).await.is_echoed("the last\n").await;
        server.shutdown().await;
        assert_eq!((server.connections().len(), server.listeners()[0].connections), (0, 0));
    }

    async fn a_place_is_given_back_by_a_drain() {
        let keys = "limits.connections = 1\ntimeouts.lifetime = \"50ms\"\ntimeouts.lifetime_jitter = \"0%\"";
        let server = start(Server::builder(), &listener("drained", "echo", keys)).await;
        let address = server.addresses("drained")[0];
        let mut old = Client::connect(address).await;
        let mut next = Client::connect(address).await;
        next.send("next").await;
        old.expect_end().await;
        next.expect("next").await;
        assert_eq!(&ended("drained", old.address()).await["reason"], "lifetime");
    }
}
