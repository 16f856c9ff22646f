//! A connection from outside its handler: what it is doing, and what can be done to it.

use std::sync::Mutex;

use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::LinesCodec;

use super::establishing::Slow;
use super::*;
use crate::connection::{ConnectionHandle, ConnectionState, Connections};

impl Served {
    fn connections(&self) -> Connections {
        Connections::new(Arc::clone(&self.registry), Arc::clone(&self.gate))
    }

    fn handle(&self) -> ConnectionHandle {
        self.connections().get(self.shared.info.id()).expect("it is not there")
    }

    fn state(&self) -> ConnectionState {
        self.handle().status().state
    }
}

// === what it is doing ===

#[tokio::test(start_paused = true)]
async fn its_states_have_words() {
    let mut setup = Setup::new().timeouts(|t| t.half_close = Some(secs(1_000)));
    setup.layers.push(Box::new(Slow(secs(1), None)));
    let (turn, turns) = mpsc::channel::<()>(1);
    let turns = Mutex::new(Some(turns));
    let (script, served) = setup.serve_scripted(lines(), move |mut conn: Connection<Framing>| {
        let mut turns = turns.lock().unwrap().take().unwrap();
        async move {
            assert_eq!(conn.recv().await?.unwrap(), "line");
            turns.recv().await;
            conn.send("answer").await?;
            turns.recv().await;
            assert!(conn.recv().await?.is_none());
            turns.recv().await;
            let _raw = conn.into_raw();
            turns.recv().await;
            Ok(())
        }
    });
    let handle = served.handle();
    let check = async |state: ConnectionState, word: &str| {
        settle().await;
        assert_eq!((handle.status().state, state.as_str()), (state, word));
        assert_eq!(state.to_string(), word);
    };
    check(ConnectionState::Establishing, "establishing").await;
    tokio::time::sleep(secs(1)).await;
    check(ConnectionState::Idle, "idle").await;
    script.input("li");
    check(ConnectionState::Receiving, "receiving").await;
    script.input("ne\n");
    check(ConnectionState::Handling, "handling").await;
    script.room(3);
    turn.send(()).await.unwrap();
    check(ConnectionState::Sending, "sending").await;
    let status = handle.status();
    assert_eq!((status.bytes_in, status.bytes_out, status.output), (5, 3, 4));
    assert_eq!((status.frames_in, status.frames_out), (1, 1));
    assert!(secs(1) < status.age && status.age < secs(2), "{:?}", status.age);
    assert_eq!((status.info.id(), status.info.listener()), (1, "test"));
    script.room(usize::MAX);
    check(ConnectionState::Handling, "handling").await;
    handle.drain();
    check(ConnectionState::Draining, "draining").await;
    for _ in 0..3 {
        turn.send(()).await.unwrap();
    }
    check(ConnectionState::Closing, "closing").await;
    script.input("");
    assert_eq!(served.word().await, "ended_by_admin");
}

#[tokio::test(start_paused = true)]
async fn a_raw_one_is_raw() {
    let (_client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let _raw = conn.into_raw();
        std::future::pending().await
    });
    served.settle().await;
    assert_eq!(served.state(), ConnectionState::Raw);
}

#[tokio::test(start_paused = true)]
async fn all_of_them_in_order_and_none_that_has_ended() {
    let accept = Setup::new().open(lines(), crate::handler_fn(echo));
    let mut clients: Vec<_> = (0..100)
        .map(|_| {
            let (client, server) = duplex(100);
            (client, accept(ByteStream::Boxed(Box::new(server))))
        })
        .collect();
    let connections = clients[0].1.connections();
    let ids = || connections.list().iter().map(|status| status.info.id()).collect::<Vec<_>>();
    assert_eq!((connections.len(), connections.is_empty()), (100, false));
    assert_eq!(ids(), (1..=100).collect::<Vec<_>>());
    assert!(connections.get(0).is_none() && connections.get(101).is_none());
    let handles = connections.handles();
    clients.drain(..40);
    for handle in &handles[..40] {
        assert_eq!(handle.ended().await, EndReason::ClientClosed);
    }
    assert_eq!((connections.len(), ids()), (60, (41..=100).collect()));
    assert!(connections.get(40).is_none());
    assert_eq!(connections.get(41).unwrap().info().id(), 41);
}

// === ending it ===

#[tokio::test(start_paused = true)]
async fn ended_now_it_is_reset_and_the_handler_learns_why() {
    let (learnt, mut learns) = mpsc::channel(1);
    let (script, served) = Setup::new().serve_scripted(lines(), move |mut conn: Connection<Framing>| {
        let learnt = learnt.clone();
        async move {
            conn.send(bytes_of(99)).await?;
            let error = conn.recv().await.unwrap_err();
            learnt.send(error.to_string()).await?;
            Ok(())
        }
    });
    script.room(50);
    served.settle().await;
    let handle = served.handle();
    handle.end();
    assert_eq!(handle.ended().await, EndReason::EndedByAdmin);
    assert_eq!(learns.recv().await.unwrap(), "the connection was ended: ended_by_admin");
    assert!(script.lock().dropped && !script.lock().shut);
    assert_eq!(script.lock().written.len(), 50);
    // All that is left of it is small.
    assert!(served.shared.lock().stream.is_none());
    assert_eq!(served.shared.lock().output.capacity(), 0);
    assert_eq!(handle.status().state, ConnectionState::Closing);
    // Once more does nothing.
    handle.end();
    handle.drain();
    assert_eq!(handle.ended().await, EndReason::EndedByAdmin);
    served.over().await.was("ended_by_admin", Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn ended_while_it_is_established() {
    for drain in [true, false] {
        let mut setup = Setup::new();
        setup.layers.push(Box::new(Slow(FOREVER, None)));
        let (_client, served) = setup.serve(lines(), echo);
        served.settle().await;
        match drain {
            true => served.handle().drain(),
            false => served.handle().end(),
        }
        served.over().await.was("ended_by_admin", Duration::from_millis(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_waits_is_cut_off_too() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        Ok(conn.send(bytes_of(99)).await?)
    });
    script.room(50);
    served.settle().await;
    assert_eq!(served.state(), ConnectionState::Closing);
    served.handle().end();
    served.over().await.was("ended_by_admin", Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn who_only_waits_for_the_client_keeps_its_reason_and_waits_no_longer() {
    let (mut client, served) = Setup::new()
        .serve(lines(), |mut conn: Connection<Framing>| async move { Ok(conn.send("bye").await?) });
    assert_eq!(read_all(&mut client).await, b"bye\n");
    served.settle().await;
    assert!(!served.is_over());
    served.handle().end();
    served.over().await.was("handler_done", Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn drained_it_finishes_what_it_has() {
    let (script, served) = Setup::new().serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        while let Some(line) = conn.recv().await? {
            tokio::time::sleep(secs(5)).await;
            conn.send(line).await?;
        }
        Ok(conn.send("bye").await?)
    });
    script.input("a\nb\n");
    served.settle().await;
    served.handle().drain();
    tokio::time::sleep(secs(11)).await;
    assert_eq!(script.lock().written, b"a\nb\nbye\n");
    script.input("");
    assert_eq!(served.word().await, "ended_by_admin");
}

#[tokio::test(start_paused = true)]
async fn drained_while_idle_it_closes_at_once() {
    let (mut client, served) = Setup::new().serve(lines(), echo);
    served.settle().await;
    served.handle().drain();
    assert_eq!(read_all(&mut client).await, b"");
    served.over().await.was("ended_by_admin", Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_is_ended() {
    let (_client, served) = Setup::new().serve(lines(), |_conn: Connection<Framing>| std::future::pending());
    served.settle().await;
    let handle = served.handle();
    handle.drain();
    timeout(secs(1_000), handle.ended()).await.unwrap_err();
    assert_eq!(served.shared.lock().wakers.waiting(), 0, "who gave up is kept");
    handle.end();
    assert_eq!(served.word().await, "ended_by_admin");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_for_the_end_leaves_others_of_its_task_waiting() {
    let (_client, served) = Setup::new().serve(lines(), |_conn: Connection<Framing>| std::future::pending());
    served.settle().await;
    let handle = served.handle();
    let watcher = handle.clone();
    let watching = tokio::spawn(async move {
        // Who stays is polled first: it is not asked again after the other gave up.
        tokio::join!(biased; watcher.ended(), timeout(secs(1), watcher.ended()))
    });
    tokio::time::sleep(secs(2)).await;
    handle.end();
    assert_eq!(served.word().await, "ended_by_admin");
    let (stayed, gave_up) = timeout(FOREVER, watching).await.expect("never woken").unwrap();
    assert_eq!(stayed, EndReason::EndedByAdmin);
    gave_up.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_word_of_the_handlers_own_is_a_handlers_error() {
    let (client, served) = Setup::new().serve(lines(), |_conn: Connection<Framing>| {
        std::future::ready(Err(HandlerError::end("shop_is_full")))
    });
    let handle = served.handle();
    drop(client);
    assert_eq!(handle.ended().await, EndReason::HandlerError);
    assert_eq!(served.word().await, "shop_is_full");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_dropped_is_told_too() {
    let (_client, served) = Setup::new().serve(lines(), echo);
    served.settle().await;
    let handle = served.handle();
    served.task.abort();
    assert_eq!(timeout(FOREVER, handle.ended()).await.unwrap(), EndReason::DrainAborted);
    assert!(served.shared.lock().stream.is_none(), "the handle keeps the socket");
    assert!(served.connections().is_empty() && served.connections().list().is_empty());
}

// === sending to it ===

#[tokio::test(start_paused = true)]
async fn whoever_has_a_handle_may_send() {
    let (mut client, served) = Setup::new().serve(lines(), echo);
    assert!(served.handle().sender::<Framing>().is_none(), "its handler has not started");
    served.settle().await;
    assert!(served.handle().sender::<LinesCodec>().is_none(), "it speaks another codec");
    let sender = served.handle().sender::<Framing>().unwrap();
    assert_eq!(sender.info().id(), served.shared.info.id());
    sender.send("from outside").await.unwrap();
    expect(&mut client, "from outside\n").await;
    // The handler's codec has learnt an ending, this one has not.
    write(&mut client, "a\r\n").await;
    expect(&mut client, "a\r\n").await;
    sender.try_send_shared(&SharedFrame::new("all")).unwrap();
    sender.try_send("b").unwrap();
    sender.flush().await.unwrap();
    expect(&mut client, "all\nb\n").await;
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
    assert!(matches!(sender.send("late").await, Err(ConnectionError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn nobody_garbles_another_codec() {
    for raw in [true, false] {
        let (go, goes) = oneshot::channel::<()>();
        let goes = Mutex::new(Some(goes));
        let (mut client, served) = Setup::new().serve(lines(), move |mut conn: Connection<Framing>| {
            let goes = goes.lock().unwrap().take().unwrap();
            async move {
                goes.await?;
                conn.send("upgrade").await?;
                if raw {
                    let mut raw = conn.into_raw();
                    raw.write_all(b"\0\x01x").await?;
                    std::future::pending().await
                } else {
                    let mut conn = conn.with_codec(tokio_util::codec::LengthDelimitedCodec::new());
                    conn.send(Bytes::from_static(b"x")).await?;
                    std::future::pending().await
                }
            }
        });
        served.settle().await;
        let sender = served.handle().sender::<Framing>().unwrap();
        sender.send("before").await.unwrap();
        go.send(()).unwrap();
        expect(&mut client, "before\nupgrade\n").await;
        let _ = client.read_u8().await.unwrap();
        assert!(matches!(sender.send("after").await, Err(ConnectionError::Closed)));
        assert!(matches!(sender.send_shared(&SharedFrame::new("x")).await, Err(ConnectionError::Closed)));
        let tried = sender.try_send("after");
        assert!(matches!(tried, Err(TrySendError::Connection(ConnectionError::Closed))));
        assert!(matches!(sender.flush().await, Err(ConnectionError::Closed)));
        assert!(served.handle().sender::<Framing>().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lagging_client_is_ended_from_outside() {
    let setup = Setup::new().limits(|l| l.output = 100);
    let (script, served) = setup.serve_scripted(lines(), echo);
    script.room(0);
    served.settle().await;
    let sender = served.handle().sender::<Framing>().unwrap().on_slow(SlowConsumer::EndClient);
    sender.send(bytes_of(200)).await.unwrap();
    sender.send("x").await.unwrap_err();
    assert_eq!(served.word().await, "slow_consumer");
}
