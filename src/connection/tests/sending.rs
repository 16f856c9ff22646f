//! Output: gathered, written whenever the handler is pending, and bounded.

use tokio::sync::oneshot;
use tokio_util::codec::{Decoder, Encoder};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_receives_is_flushed() {
    let (mut client, _served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.send("one").await?;
        tokio::time::sleep(secs(1000)).await;
        conn.send("two").await?;
        std::future::pending().await
    });
    let started = Instant::now();
    expect(&mut client, "one\n").await;
    assert!(started.elapsed() < secs(1));
    expect(&mut client, "two\n").await;
}

#[tokio::test(start_paused = true)]
async fn replies_to_requests_that_came_together_leave_together() {
    let (script, served) = Setup::new().serve_scripted(lines(), echo);
    script.input("a\n".repeat(1000));
    served.settle().await;
    assert_eq!(script.lock().written, "a\n".repeat(1000).as_bytes());
    assert_eq!(script.lock().writes, 1);
    script.input("b\n");
    served.settle().await;
    assert_eq!(script.lock().writes, 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_floods_gets_its_replies() {
    const LINES_PER_REPLY: u64 = 1000;
    let setup = Setup::new().timeouts(|t| t.write = Some(secs(10)));
    let (script, served) = setup.serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        let mut count = 0;
        while conn.recv().await?.is_some() {
            count += 1;
            if count % LINES_PER_REPLY == 0 {
                conn.send("ok").await?;
            }
        }
        Ok(())
    });
    script.flood("\n".repeat(10_000));
    // Input never runs out, so it is the budget alone that stops the handler: about once in each of these turns.
    for _ in 0..50 {
        tokio::time::advance(secs(1)).await;
    }
    assert!(!served.is_over(), "taken for a slow consumer");
    let owed = served.shared.outside.frames_in() / LINES_PER_REPLY;
    assert!(owed > 0);
    assert_eq!(script.lock().written, "ok\n".repeat(usize::try_from(owed).unwrap()).as_bytes());
    script.flood("");
    script.input("");
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_nothing_is_sent() {
    let (script, served) = Setup::new().serve_scripted(lines(), silent);
    script.input("a\nb\n");
    served.settle().await;
    assert_eq!(script.lock().writes, 0);
}

#[tokio::test(start_paused = true)]
async fn send_waits_at_flush_at_and_goes_on_when_there_is_room() {
    let setup = Setup::new().limits(|l| l.flush_at = 1000);
    let (sent, mut progress) = tokio::sync::watch::channel(0);
    let (script, served) = setup.serve_scripted(lines(), move |mut conn: Connection<Framing>| {
        let sent = sent.clone();
        async move {
            for _ in 0..100 {
                conn.send(bytes_of(99)).await?;
                sent.send_modify(|sent| *sent += 1);
            }
            Ok(())
        }
    });
    script.room(0);
    served.settle().await;
    assert_eq!(*progress.borrow_and_update(), 10, "the tenth reached the mark");
    // One frame's worth of room lets in one frame.
    script.room(100);
    served.settle().await;
    assert_eq!(*progress.borrow_and_update(), 11);
    // Written, but not below the mark yet.
    assert_eq!(served.shared.lock().output.len(), 1000);
    script.room(usize::MAX);
    served.settle().await;
    assert_eq!(*progress.borrow_and_update(), 100);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert_eq!(script.lock().written.len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_any_size_is_taken_whole() {
    let setup = Setup::new().limits(|l| {
        l.flush_at = 10;
        l.output = 10;
    });
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.send(bytes_of(1_000_000)).await?;
        Ok(conn.send("end").await?)
    });
    assert_eq!(read_all(&mut client).await.len(), 1_000_001 + 4);
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_holds_no_more_than_the_mark_and_a_frame() {
    let setup = Setup::new().limits(|l| l.flush_at = 64 * 1024).timeouts(|t| t.write = Some(secs(10)));
    let (script, served) = setup.serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        loop {
            conn.send(bytes_of(9_999)).await?;
        }
    });
    script.room(0);
    served.settle().await;
    let waits = served.shared.lock().output.len();
    assert!((64 * 1024..64 * 1024 + 10_000).contains(&waits), "{waits}");
    assert!(served.shared.lock().output.capacity() <= 2 * (64 * 1024 + 10_000));
    served.over().await.was("slow_consumer", secs(10));
}

#[tokio::test(start_paused = true)]
async fn try_send_gives_the_frame_back() {
    let setup = Setup::new().limits(|l| {
        l.flush_at = 100;
        l.output = 1000;
    });
    let (result, results) = oneshot::channel();
    let result = std::sync::Mutex::new(Some(result));
    let (script, served) = setup.serve_scripted(lines(), move |conn: Connection<Framing>| {
        let result = result.lock().unwrap().take().unwrap();
        async move {
            let (_receiver, sender) = conn.split();
            tokio::task::yield_now().await;
            let mut sent = 0;
            let refused = loop {
                match sender.try_send(bytes_of(99)) {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                }
            };
            result.send((sent, refused)).map_err(|_| "gone").unwrap();
            sender.flush().await?;
            sender.try_send(Bytes::from_static(b"again")).unwrap();
            Ok(())
        }
    });
    script.room(0);
    let (sent, refused) = results.await.unwrap();
    assert_eq!(sent, 10);
    let TrySendError::Full(frame) = refused else { panic!("{refused:?}") };
    assert_eq!(frame, bytes_of(99));
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert_eq!(script.lock().written.len(), 1000 + 6);
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_has_sent_nothing() {
    let setup = Setup::new().limits(|l| l.flush_at = 100);
    let (script, served) = setup.serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        conn.send(bytes_of(200)).await?;
        timeout(secs(5), conn.send("never")).await.unwrap_err();
        conn.send("later").await?;
        Ok(())
    });
    script.room(0);
    tokio::time::sleep(secs(6)).await;
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert!(script.lock().written.ends_with(b"x\nlater\n"));
}

#[tokio::test(start_paused = true)]
async fn flush_waits_until_all_is_written() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        conn.flush().await?;
        conn.send(bytes_of(99)).await?;
        conn.flush().await?;
        Ok(conn.send("flushed").await?)
    });
    script.room(50);
    served.settle().await;
    script.room(49);
    served.settle().await;
    assert_eq!(script.lock().written.len(), 99);
    script.room(1);
    served.settle().await;
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert!(script.lock().written.ends_with(b"x\nflushed\n"));
}

/// Refuses every frame but one, half way through.
#[derive(Clone)]
struct Picky;

impl Decoder for Picky {
    type Item = ();
    type Error = std::io::Error;

    fn decode(&mut self, src: &mut bytes::BytesMut) -> std::io::Result<Option<()>> {
        src.clear();
        Ok(None)
    }
}

impl Encoder<Bytes> for Picky {
    type Error = std::io::Error;

    fn encode(&mut self, frame: Bytes, dst: &mut bytes::BytesMut) -> std::io::Result<()> {
        dst.extend_from_slice(&frame);
        if frame == "good" { Ok(()) } else { Err(std::io::Error::other("bad")) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_cannot_be_encoded_is_left_out_and_the_connection_goes_on() {
    let (script, served) = Setup::new().serve_scripted(Picky, |mut conn: Connection<Picky>| async move {
        for frame in ["good", "bad", "good"] {
            let sent = conn.send(Bytes::from_static(frame.as_bytes())).await;
            assert_eq!(matches!(sent, Err(ConnectionError::Encode(_))), frame == "bad");
        }
        Ok(())
    });
    script.input("");
    let over = served.over().await;
    assert_eq!((&*over.word, &over.line["frames_out"]), ("handler_done", "2"));
    assert_eq!(script.lock().written, b"goodgood");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_cannot_be_encoded_leaves_no_buffer_behind() {
    let (_script, served) = Setup::new().serve_scripted(Picky, |mut conn: Connection<Picky>| async move {
        conn.send(Bytes::from_static(b"bad")).await.unwrap_err();
        std::future::pending().await
    });
    served.settle().await;
    assert_eq!(served.shared.lock().output.capacity(), 0);
}
