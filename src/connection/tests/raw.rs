//! A connection without frames.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

#[tokio::test(start_paused = true)]
async fn what_was_read_ahead_comes_first() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        assert_eq!(conn.recv().await?.unwrap(), "CONNECT");
        conn.send("ok").await?;
        let mut raw = conn.into_raw();
        let mut ahead = [0; 5];
        raw.read_exact(&mut ahead).await?;
        raw.write_all(&ahead).await?;
        let mut rest = Vec::new();
        raw.read_to_end(&mut rest).await?;
        raw.write_all(&rest).await?;
        raw.flush().await?;
        raw.shutdown().await?;
        Ok(())
    });
    write(&mut client, "CONNECT\naheadmore").await;
    // The gathered reply before what is written raw.
    expect(&mut client, "ok\nahead").await;
    write(&mut client, " and more").await;
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut client).await, b"more and more");
    let over = served.over().await;
    assert_eq!(over.word, "client_closed");
    assert_eq!((&over.line["bytes_in"], &over.line["bytes_out"]), ("26", "21"));
}

#[tokio::test(start_paused = true)]
async fn a_write_after_its_own_shutdown_is_not_the_clients_reset() {
    let (mut client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let mut raw = conn.into_raw();
        raw.write_all(b"all").await?;
        raw.shutdown().await?;
        let error = raw.write_all(b" and more").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        Ok(())
    });
    assert_eq!(read_all(&mut client).await, b"all");
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn gathered_output_that_is_stuck_is_written_first() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        conn.send(bytes_of(99)).await?;
        let mut raw = conn.into_raw();
        raw.write_all(b"raw").await?;
        Ok(())
    });
    script.room(50);
    served.settle().await;
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert_eq!(script.lock().written, [&b"x".repeat(99)[..], b"\nraw"].concat());
}

#[tokio::test(start_paused = true)]
async fn a_raw_writer_elsewhere_learns_that_the_gathered_output_is_gone() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        let mut ticks = tokio::time::interval(secs(1));
        conn.send(bytes_of(99)).await?;
        let mut raw = conn.into_raw();
        let mut writer = tokio::spawn(async move { raw.write_all(b"raw").await });
        loop {
            tokio::select! {
                written = &mut writer => return Ok(written??),
                // The connection's task is polled meanwhile, and writes.
                _ = ticks.tick() => {}
            }
        }
    });
    script.room(50);
    tokio::time::sleep(secs(5)).await;
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert!(script.lock().written.ends_with(b"x\nraw"));
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_off_but_for_the_lifetime() {
    let mut setup = Setup::new().timeouts(|t| {
        t.first_frame = Some(secs(1));
        t.frame = Some(secs(1));
        t.write = Some(secs(1));
        t.idle = Some(secs(1));
        t.half_close = Some(secs(1));
        t.lifetime = Some(secs(1000));
    });
    setup.drain_timeout = Some(secs(10));
    let (script, served) = setup.serve_scripted(lines(), |conn: Connection<Framing>| async move {
        let mut raw = conn.into_raw();
        let mut all = Vec::new();
        raw.read_to_end(&mut all).await?;
        raw.write_all(&[0; 100]).await?;
        Ok(())
    });
    script.room(10);
    script.input("hal");
    script.input("");
    served.over().await.was("lifetime", secs(1010));
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_told_and_does_not_end_the_stream() {
    let (mut client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let mut raw = conn.into_raw();
        raw.drain().begun().await;
        let mut all = Vec::new();
        raw.read_to_end(&mut all).await?;
        raw.write_all(&all).await?;
        Ok(())
    });
    served.settle().await;
    served.drain();
    write(&mut client, "late").await;
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut client).await, b"late");
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn an_end_wakes_who_reads_or_writes_elsewhere() {
    for abort in [true, false] {
        let (said, mut says) = mpsc::channel(2);
        let (script, served) = Setup::new().serve_scripted(lines(), move |conn: Connection<Framing>| {
            let said = said.clone();
            async move {
                let (mut reader, mut writer) = tokio::io::split(conn.into_raw());
                let reading = said.clone();
                tokio::spawn(async move { reading.send(reader.read_u8().await.unwrap_err().kind()).await });
                tokio::spawn(async move { said.send(writer.write_u8(0).await.unwrap_err().kind()).await });
                tokio::time::sleep(secs(1)).await;
                if abort { std::future::pending().await } else { Ok(()) }
            }
        });
        script.room(0);
        tokio::time::sleep(secs(2)).await;
        if abort {
            served.registry.abort();
        } else {
            script.input("");
        }
        served.task.await.unwrap();
        for _ in 0..2 {
            let said = timeout(secs(10), says.recv()).await.expect("nobody woke it");
            assert!(said.is_some(), "abort: {abort}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_ahead_is_not_kept() {
    let (weight, mut weights) = mpsc::channel(1);
    let (script, served) = Setup::new().serve_scripted(lines(), move |mut conn: Connection<Framing>| {
        let weight = weight.clone();
        async move {
            conn.recv().await?;
            let mut raw = conn.into_raw();
            let mut ahead = [0; 20_000];
            raw.read_exact(&mut ahead).await?;
            weight.send(raw.input.capacity()).await?;
            Ok(())
        }
    });
    script.input([&b"a\n"[..], &b"x".repeat(20_000)].concat());
    script.input("");
    assert_eq!(weights.recv().await, Some(0));
    assert_eq!(served.word().await, "handler_done");
}

/// A real connection, since only such a one has a socket: so no paused clock.
pub(super) async fn socket() -> (TcpStream, ByteStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (client.unwrap(), ByteStream::Tcp(server.unwrap().0))
}

#[tokio::test]
async fn the_socket_itself_where_nothing_lies_between() {
    let (mut client, stream) = socket().await;
    let served = Setup::new().serve_over(stream, lines(), |conn: Connection<Framing>| async move {
        let mut socket = conn.into_raw().try_into_tcp().map_err(|_| "refused")?;
        let byte = socket.read_u8().await?;
        Ok(socket.write_u8(byte + 1).await?)
    });
    client.write_u8(1).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 2);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test]
async fn no_socket_where_something_was_read_ahead_or_waits_to_be_written() {
    for (input, reply) in [(&b"a\nahead"[..], false), (b"a\n", true)] {
        let (mut client, stream) = socket().await;
        let served =
            Setup::new().serve_over(stream, lines(), move |mut conn: Connection<Framing>| async move {
                conn.recv().await?;
                if reply {
                    conn.send("ok").await?;
                }
                let mut raw = conn.into_raw().try_into_tcp().expect_err("a socket");
                raw.write_all(b"refused").await?;
                Ok(())
            });
        client.write_all(input).await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert!(all.ends_with(b"refused"));
        drop(client);
        assert_eq!(served.word().await, "handler_done");
    }
}

#[tokio::test(start_paused = true)]
async fn no_socket_in_memory() {
    let (client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        conn.into_raw().try_into_tcp().expect_err("a socket");
        Ok(())
    });
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}
