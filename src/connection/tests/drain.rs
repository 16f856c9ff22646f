//! What a drain does to connections that are idle, busy, half way through a frame, or deaf.

use tokio::sync::oneshot;

use super::*;

#[tokio::test(start_paused = true)]
async fn an_idle_connection_closes_at_once() {
    let (mut client, served) = Setup::new().serve(lines(), echo);
    write(&mut client, "a\n").await;
    expect(&mut client, "a\n").await;
    tokio::time::sleep(secs(5)).await;
    served.drain();
    // The client's end stays open: nothing is waited for.
    served.over().await.was("drained", secs(5));
    assert_eq!(read_all(&mut client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_after_the_drain_began() {
    let setup = Setup::new();
    setup.registry.begin_drain();
    let (mut client, server) = duplex(1000);
    write(&mut client, "a\nb\nhal").await;
    let served = setup.serve_over(ByteStream::Boxed(Box::new(server)), lines(), echo);
    let reply = tokio::spawn(async move { read_all(&mut client).await });
    assert_eq!(served.word().await, "drained");
    assert_eq!(reply.await.unwrap(), b"a\nb\n");
}

/// Receives one frame, is busy until told, then echoes what is left.
fn busy() -> (oneshot::Sender<()>, impl Fn(Connection<Framing>) -> Busy + Send + Sync + 'static) {
    let (go_on, until) = oneshot::channel();
    let until = std::sync::Mutex::new(Some(until));
    (go_on, move |mut conn: Connection<Framing>| {
        let until = until.lock().unwrap().take().unwrap();
        Box::pin(async move {
            let drain = conn.drain();
            conn.recv().await?;
            assert!(!drain.is_begun());
            until.await.unwrap();
            while let Some(line) = conn.recv().await? {
                conn.send(line).await?;
            }
            assert!(drain.is_begun());
            assert!(conn.recv().await?.is_none(), "and so it stays");
            Ok(conn.send("bye").await?)
        }) as Busy
    })
}
type Busy = Pin<Box<dyn Future<Output = Handled> + Send>>;

#[tokio::test(start_paused = true)]
async fn a_busy_one_gets_the_frames_that_had_arrived_then_none() {
    let (go_on, handler) = busy();
    let (mut client, served) = Setup::new().serve(lines(), handler);
    write(&mut client, "start\nread ahead\n").await;
    served.settle().await;
    served.drain();
    // Not read before: this is what the one read more is for. The half frame is dropped.
    write(&mut client, "in the socket\nhal").await;
    served.settle().await;
    go_on.send(()).unwrap();
    let reply = tokio::spawn(async move { read_all(&mut client).await });
    assert_eq!(served.word().await, "drained");
    assert_eq!(reply.await.unwrap(), b"read ahead\nin the socket\nbye\n");
}

#[tokio::test(start_paused = true)]
async fn there_is_one_read_more_and_no_other() {
    let (go_on, handler) = busy();
    let (script, served) = Setup::new().serve_scripted(lines(), handler);
    script.input("start\n");
    served.settle().await;
    let before = script.lock().reads;
    served.drain();
    script.input("one more\n");
    script.input("too late\n");
    script.input("");
    go_on.send(()).unwrap();
    served.settle().await;
    assert_eq!(script.lock().written, b"one more\nbye\n");
    assert!(script.lock().reads > before);
    assert_eq!(served.word().await, "drained");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_half_received_is_dropped() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        assert!(conn.recv().await?.is_none());
        Ok(conn.send("bye").await?)
    });
    write(&mut client, "hal").await;
    served.settle().await;
    served.drain();
    expect(&mut client, "bye\n").await;
    assert_eq!(read_all(&mut client).await, b"");
    drop(client);
    assert_eq!(served.word().await, "drained");
}

#[tokio::test(start_paused = true)]
async fn a_handler_learns_of_it_while_it_waits_for_something_else() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        let drain = conn.drain();
        drain.begun().await;
        drain.begun().await;
        Ok(conn.send("bye").await?)
    });
    tokio::time::sleep(secs(5)).await;
    served.drain();
    assert_eq!(read_all(&mut client).await, b"bye\n");
    drop(client);
    served.over().await.was("drained", secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_input_is_told_from_the_drain() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        while conn.recv().await?.is_some() {}
        assert!(!conn.drain().is_begun());
        Ok(())
    });
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ignores_it_is_aborted() {
    let (script, served) =
        Setup::new().serve_scripted(lines(), |_conn: Connection<Framing>| std::future::pending::<Handled>());
    served.settle().await;
    served.drain();
    tokio::time::sleep(secs(1000)).await;
    assert!(!served.is_over());
    assert_eq!(served.registry.abort(), 1);
    assert_eq!(served.word().await, "drain_aborted");
    assert!(script.lock().dropped && !script.lock().shut, "a reset, not a close");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_receives_learns_that_it_was_cut() {
    let (said, says) = oneshot::channel();
    let said = std::sync::Mutex::new(Some(said));
    let (_client, served) = Setup::new().serve(lines(), move |mut conn: Connection<Framing>| {
        let said = said.lock().unwrap().take().unwrap();
        async move {
            let error = conn.recv().await.unwrap_err();
            said.send(error.to_string()).unwrap();
            Err(error.into())
        }
    });
    served.settle().await;
    assert_eq!(served.registry.abort(), 1);
    assert_eq!(served.word().await, "drain_aborted");
    assert_eq!(says.await.unwrap(), "the connection was ended: drain_aborted");
}

#[tokio::test(start_paused = true)]
async fn one_that_lingers_does_not_count_as_aborted() {
    let setup = Setup::new().timeouts(|t| t.half_close = Some(secs(60)));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.recv().await?;
        Ok(conn.send("done").await?)
    });
    write(&mut client, "a\n").await;
    assert_eq!(read_all(&mut client).await, b"done\n");
    served.drain();
    served.settle().await;
    assert!(!served.is_over(), "it waits for the client's close");
    assert_eq!(served.registry.abort(), 0);
    let over = served.over().await;
    assert_eq!(over.word, "handler_done");
    assert!(over.after < secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_cut_off_counts_as_aborted() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        conn.drain().begun().await;
        Ok(conn.send("never read").await?)
    });
    script.room(0);
    served.settle().await;
    served.drain();
    served.settle().await;
    assert_eq!(served.registry.abort(), 1);
    assert_eq!(served.word().await, "drain_aborted");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_gave_up_receiving_is_not_idle() {
    let setup = Setup::new().timeouts(|t| t.frame = Some(secs(10)));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        timeout(secs(1), conn.recv()).await.unwrap_err();
        tokio::time::sleep(secs(100)).await;
        Ok(conn.send("done").await?)
    });
    write(&mut client, "hal").await;
    tokio::time::sleep(secs(50)).await;
    served.drain();
    assert!(!served.shared.lock().idle_at_drain);
    assert_eq!(read_all(&mut client).await, b"done\n");
    drop(client);
    served.over().await.was("drained", secs(101));
}
