//! How connections end: no reply is destroyed, and a peer that misbehaves ends its own connection alone.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use terima::{Connection, ConnectionError, Framing, Handler, HandlerError, NoOptions, Server, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use common::{Client, assert_same, ended, is_reset, listener, on_both_runtimes, start, within};

/// A server with one listener, `name`, whose handler is made by `make`; and where it is.
async fn serve<H>(
    name: &str,
    keys: &str,
    make: impl Fn() -> H + Send + Sync + 'static,
) -> (Server, SocketAddr)
where
    H: Handler<Codec = Framing>,
{
    let builder = Server::builder().handler("tested", move |_: NoOptions| Ok(make()));
    let server = start(builder, &listener(name, "tested", keys)).await;
    let address = server.addresses(name)[0];
    (server, address)
}

/// So many bytes, of which no two neighbours of any distance below 251 are the same.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

const MIB: usize = 1024 * 1024;

// === nothing owed is destroyed ===

on_both_runtimes! {
    async fn a_reply_arrives_whole_though_input_is_unread() {
        let sent = Arc::new(Notify::new());
        let told = Arc::clone(&sent);
        let (_server, address) = serve("unread", "", move || {
            let sent = Arc::clone(&told);
            handler_fn(move |mut conn: Connection<Framing>| {
                let sent = Arc::clone(&sent);
                async move {
                    sent.notified().await;
                    conn.send(pattern(MIB)).await?;
                    Ok(())
                }
            })
        })
        .await;
        let mut client = Client::connect(address).await;
        client.send(vec![b'?'; 64 * 1024]).await;
        sent.notify_one();
        assert_same(&client.rest().await.unwrap(), &pattern(MIB));
        let peer = client.address();
        drop(client);
        let line = ended("unread", peer).await;
        assert_eq!([&line["reason"], &line["bytes_out"], &line["frames_in"]], ["handler_done", "1048576", "0"]);
    }

    async fn answers_still_come_after_the_end_of_the_input() {
        let counting = |mut conn: Connection<Framing>| async move {
            let mut lines = 0;
            while conn.recv().await?.is_some() {
                lines += 1;
            }
            for n in 0..lines {
                conn.send(format!("answer {n}")).await?;
                conn.flush().await?;
            }
            Ok(())
        };
        let (_server, address) = serve("half", "codec = \"lines\"", move || handler_fn(counting)).await;
        let mut client = Client::connect(address).await;
        let peer = client.address();
        client.send("one\ntwo\nthree, unterminated").await;
        client.finish().await;
        client.expect("answer 0\nanswer 1\nanswer 2\n").await;
        client.expect_end().await;
        assert_eq!(&ended("half", peer).await["reason"], "client_closed");
    }
}

// === peers that misbehave ===

on_both_runtimes! {
    async fn a_peer_that_resets_ends_its_own_connection_alone() {
        let server = start(Server::builder(), &listener("reset", "echo", "")).await;
        let address = server.addresses("reset")[0];
        let mut other = Client::connect(address).await;
        let mut client = Client::connect(address).await;
        client.is_echoed("here I am").await;
        let peer = client.address();
        client.reset();
        let line = ended("reset", peer).await;
        assert!(is_reset(&line["reason"]), "{line:?}");
        assert_eq!(&line["bytes_out"], "9");
        other.is_echoed("and here am I").await;
        Client::connect(address).await.is_echoed("so am I").await;
    }

    async fn a_peer_that_never_reads_is_reset() {
        let flood = |mut conn: Connection<Framing>| async move {
            loop {
                conn.send(vec![b'!'; 16 * 1024]).await?;
            }
        };
        let keys = "timeouts.write = \"300ms\"";
        let (_server, address) = serve("lazy", keys, move || handler_fn(flood)).await;
        let mut client = Client::connect(address).await;
        let line = ended("lazy", client.address()).await;
        assert_eq!(&line["reason"], "slow_consumer");
        client.expect_reset().await;
    }
}

// === handlers ===

on_both_runtimes! {
    async fn a_panic_ends_its_own_connection_alone() {
        let touchy = |mut conn: Connection<Framing>| async move {
            while let Some(line) = conn.recv().await? {
                assert_ne!(line, "panic", "as asked");
                conn.send(line).await?;
            }
            Ok(())
        };
        let (_server, address) = serve("touchy", "codec = \"lines\"", move || handler_fn(touchy)).await;
        let mut other = Client::connect(address).await;
        other.is_echoed("before\n").await;
        let mut client = Client::connect(address).await;
        let peer = client.address();
        client.send("last words\npanic\nnever seen\n").await;
        assert_same(&client.rest().await.unwrap(), b"last words\n");
        drop(client);
        let line = ended("touchy", peer).await;
        assert_eq!(&line["reason"], "handler_panic");
        assert!(line["error"].contains("as asked"), "{line:?}");
        other.is_echoed("after\n").await;
        Client::connect(address).await.is_echoed("a new one\n").await;
    }

    async fn a_connection_may_move_to_another_task() {
        let moves = |mut conn: Connection<Framing>| async move {
            tokio::spawn(async move {
                while let Some(frame) = conn.recv().await? {
                    conn.send(frame).await?;
                }
                Ok::<_, ConnectionError>(())
            })
            .await??;
            Ok::<_, HandlerError>(())
        };
        let (_server, address) = serve("moved", "codec = \"lines\"", move || handler_fn(moves)).await;
        let mut client = Client::connect(address).await;
        for n in 0..100 {
            client.is_echoed(&format!("line {n}\n")).await;
        }
        let lines: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        let peer = client.address();
        assert_same(&client.exchange([lines.as_bytes()]).await, lines.as_bytes());
        let line = ended("moved", peer).await;
        assert_eq!([&line["reason"], &line["frames_out"]], ["client_closed", "20100"]);
    }

    async fn a_split_connection_has_one_reader_and_several_senders() {
        const SENDERS: usize = 4;
        const EACH: usize = 1000;
        let many = |conn: Connection<Framing>| async move {
            let (mut receiver, sender) = conn.split();
            let mut senders = JoinSet::new();
            for task in 0..SENDERS {
                let sender = sender.clone();
                senders.spawn(async move {
                    for n in 0..EACH {
                        sender.send(format!("sender {task} {n}")).await.unwrap();
                    }
                });
            }
            let mut n = 0;
            while let Some(line) = receiver.recv().await? {
                assert_eq!(line, format!("line {n}"));
                sender.send(format!("echo {n}")).await?;
                n += 1;
            }
            senders.join_all().await;
            Ok::<_, HandlerError>(())
        };
        let (_server, address) = serve("split", "codec = \"lines\"", move || handler_fn(many)).await;
        let sent: String = (0..EACH).map(|n| format!("line {n}\n")).collect();
        let client = Client::connect(address).await;
        let got = String::from_utf8(client.exchange([sent.as_bytes()]).await).unwrap();
        let of = |who: &str| got.split_inclusive('\n').filter(|line| line.starts_with(who)).collect::<String>();
        let numbered = |who: &str| (0..EACH).map(|n| format!("{who} {n}\n")).collect::<String>();
        for who in (0..SENDERS).map(|task| format!("sender {task}")).chain(["echo".to_owned()]) {
            assert_eq!(of(&who), numbered(&who));
        }
        assert_eq!(got.lines().count(), (SENDERS + 1) * EACH);
    }
}

// === without frames ===

on_both_runtimes! {
    async fn a_raw_stream_is_copied_both_ways() {
        let echo = start(Server::builder(), &listener("upstream", "echo", "")).await;
        let upstream = echo.addresses("upstream")[0];
        let relay = move |mut conn: Connection<Framing>| async move {
            let greeting = conn.recv().await?.unwrap();
            conn.send([&b"welcome, "[..], &greeting].concat()).await?;
            let (mut client_reads, mut client_writes) = split(conn.into_raw());
            let (mut reads, mut writes) = TcpStream::connect(upstream).await?.into_split();
            let there = async {
                copy(&mut client_reads, &mut writes).await?;
                writes.shutdown().await
            };
            let back = async {
                copy(&mut reads, &mut client_writes).await?;
                client_writes.shutdown().await
            };
            tokio::try_join!(there, back)?;
            Ok::<_, HandlerError>(())
        };
        let (_server, address) = serve("relay", "codec = \"lines\"", move || handler_fn(relay)).await;
        // The line and what comes after it arrive together.
        let sent = [b"friend\n", &pattern(MIB)[..]].concat();
        let client = Client::connect(address).await;
        let peer = client.address();
        let got = client.exchange([&sent[..]]).await;
        assert_same(&got, &[b"welcome, friend\n", &pattern(MIB)[..]].concat());
        let line = ended("relay", peer).await;
        assert_eq!(&line["reason"], "client_closed");
        assert_eq!([&line["bytes_in"], &line["bytes_out"]], [sent.len().to_string(), got.len().to_string()]);
    }

    async fn the_socket_itself_is_there_for_who_wants_it() {
        let takes = |conn: Connection<Framing>| async move {
            let mut socket = conn.into_raw().try_into_tcp().map_err(|_| "nothing was read, and it is refused")?;
            let mut question = [0; 5];
            socket.read_exact(&mut question).await?;
            socket.write_all(&question.map(|byte| byte.to_ascii_uppercase())).await?;
            Ok::<_, HandlerError>(())
        };
        let (_server, address) = serve("socket", "", move || handler_fn(takes)).await;
        let mut client = Client::connect(address).await;
        client.send("hello").await;
        client.expect("HELLO").await;
        client.expect_end().await;
        assert_eq!(&ended("socket", client.address()).await["reason"], "handler_done");
    }

    async fn the_socket_is_refused_where_bytes_of_it_were_read() {
        let wants = |mut conn: Connection<Framing>| async move {
            conn.recv().await?;
            let Err(mut raw) = conn.into_raw().try_into_tcp() else { return Err("it is given".into()) };
            let mut ahead = [0; 5];
            raw.read_exact(&mut ahead).await?;
            raw.write_all(&ahead).await?;
            Ok::<_, HandlerError>(())
        };
        let (_server, address) = serve("ahead", "codec = \"lines\"", move || handler_fn(wants)).await;
        let mut client = Client::connect(address).await;
        client.send("line\nahead").await;
        client.expect("ahead").await;
        client.expect_end().await;
    }
}

// === a client that takes its time ===

on_both_runtimes! {
    async fn a_client_that_reads_slowly_but_reads_gets_everything() {
        let speaks = |mut conn: Connection<Framing>| async move { Ok(conn.send(pattern(MIB)).await?) };
        let keys = "timeouts.write = \"20s\"";
        let (_server, address) = serve("slow", keys, move || handler_fn(speaks)).await;
        let socket = TcpSocket::new_v4().unwrap();
        // It is full many times over.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = within("a connection", socket.connect(address)).await.unwrap();
        let mut got = Vec::new();
        let mut some = [0; 1000];
        loop {
            let read = within("more", stream.read(&mut some)).await.unwrap();
            if read == 0 {
                break;
            }
            got.extend_from_slice(&some[..read]);
        }
        assert_same(&got, &pattern(MIB));
    }
}
