//! A connection as a stream and a sink, with another codec, and after its handler.

use std::sync::Mutex;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::oneshot;
use tokio_util::codec::LinesCodec;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stream_of_frames_into_a_sink() {
    let (mut client, served) = Setup::new().serve(LinesCodec::new(), |mut conn| async move {
        while let Some(line) = conn.next().await {
            SinkExt::send(&mut conn, line?).await?;
        }
        assert!(conn.next().await.is_none());
        Ok(())
    });
    write(&mut client, "a\nb\n").await;
    expect(&mut client, "a\nb\n").await;
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_sink_waits_at_the_mark() {
    let setup = Setup::new().limits(|l| l.flush_at = 100);
    let (script, served) =
        setup.serve_scripted(LinesCodec::new(), |mut conn: Connection<LinesCodec>| async move {
            for _ in 0..100 {
                conn.feed("x".repeat(9)).await?;
            }
            Ok(SinkExt::<String>::flush(&mut conn).await?)
        });
    script.room(0);
    served.settle().await;
    assert_eq!(served.shared.lock().output.len(), 100);
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert_eq!(script.lock().written.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn closed_as_a_sink_it_still_receives() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.send("no more of me").await?;
        SinkExt::<Bytes>::close(&mut conn).await?;
        assert!(matches!(conn.send("x").await, Err(ConnectionError::Closed)));
        let mut count = 0;
        while conn.recv().await?.is_some() {
            count += 1;
        }
        assert_eq!(count, 2);
        Ok(())
    });
    assert_eq!(read_all(&mut client).await, b"no more of me\n");
    write(&mut client, "a\n").await;
    tokio::time::sleep(secs(100)).await;
    write(&mut client, "b\n").await;
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn another_codec_goes_on_where_the_first_stopped() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        assert_eq!(conn.recv().await?.unwrap(), "upgrade");
        let mut conn = conn.with_codec(tokio_util::codec::LengthDelimitedCodec::new());
        assert_eq!(conn.recv().await?.unwrap(), b"ab"[..]);
        let mut conn = conn.with_codec(lines());
        assert_eq!(conn.recv().await?.unwrap(), "again");
        conn.send("done").await?;
        Ok(())
    });
    write(&mut client, b"upgrade\n\0\0\0\x02abagain\n").await;
    expect(&mut client, "done\n").await;
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn a_codec_is_made_of_the_one_before() {
    let short = || LinesCodec::new_with_max_length(8);
    let (mut client, served) = Setup::new().serve(short(), |mut conn: Connection<LinesCodec>| async move {
        assert_eq!(conn.recv().await?.unwrap(), "login");
        let mut conn = conn.map_codec(|codec| LinesCodec::new_with_max_length(10 * codec.max_length()));
        assert_eq!(conn.recv().await?.unwrap(), "longer than eight");
        assert_eq!(conn.recv().await?.unwrap(), "and another one");
        conn.send("done").await?;
        Ok(())
    });
    // In one piece: what is behind the login is decoded by the second codec alone.
    write(&mut client, "login\nlonger than eight\nand another one\n").await;
    expect(&mut client, "done\n").await;
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn what_outlives_the_handler_is_closed() {
    let (out, kept) = oneshot::channel();
    let out = Mutex::new(Some(out));
    let (client, served) = Setup::new().serve(lines(), move |conn: Connection<Framing>| {
        let out = out.lock().unwrap().take().unwrap();
        async move {
            out.send(conn).unwrap();
            Ok(())
        }
    });
    let mut conn = kept.await.unwrap();
    served.settle().await;
    assert!(matches!(conn.recv().await, Err(ConnectionError::Closed)));
    assert!(matches!(conn.send("x").await, Err(ConnectionError::Closed)));
    assert!(matches!(conn.flush().await, Err(ConnectionError::Closed)));
    drop(client);
    assert_eq!(served.word().await, "handler_done");
    let (_receiver, sender) = conn.split();
    assert!(matches!(sender.try_send(bytes_of(1)), Err(TrySendError::Connection(ConnectionError::Closed))));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_wakes_who_still_waits() {
    let (ended, says) = oneshot::channel();
    let ended = Mutex::new(Some(ended));
    let (mut client, served) = Setup::new().serve(lines(), move |mut conn: Connection<Framing>| {
        let ended = ended.lock().unwrap().take().unwrap();
        async move {
            tokio::spawn(async move {
                let _ = ended.send(conn.recv().await);
            });
            tokio::time::sleep(secs(1)).await;
            Ok(())
        }
    });
    assert_eq!(read_all(&mut client).await, b"");
    drop(client);
    assert_eq!(served.word().await, "handler_done");
    assert!(matches!(says.await.unwrap(), Err(ConnectionError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn frames_that_are_sent_without_end_are_all_counted() {
    const FRAMES: u64 = 200_000;
    let (mut client, served) = Setup::new().serve(Framing::default(), |conn| async move {
        let (_receiver, sender) = conn.split();
        // Nothing of them goes over the wire, so nothing is ever written.
        for _ in 0..FRAMES {
            sender.try_send(Bytes::new()).unwrap();
        }
        Ok(())
    });
    let metrics = Arc::clone(&served.shared.settings().metrics);
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.line["frames_out"].parse(), Ok(FRAMES));
    assert_eq!(metrics.read().sent_frames, FRAMES);
}

#[tokio::test(start_paused = true)]
async fn frames_that_never_left_are_counted_too() {
    let (script, served) = Setup::new().serve_scripted(Framing::default(), |mut conn| async move {
        conn.send("a").await?;
        conn.flush().await?;
        Ok(())
    });
    script.room(0);
    let metrics = Arc::clone(&served.shared.settings().metrics);
    settle().await;
    served.registry.abort();
    assert_eq!(served.word().await, "drain_aborted");
    let figures = metrics.read();
    assert_eq!((figures.sent_frames, figures.sent_bytes), (1, 0));
}
