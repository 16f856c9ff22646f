//! A connection, or its ends, in other tasks than its own.

use super::*;

/// Runs the connection in a task that is spawned, and waits for that.
macro_rules! elsewhere {
    ($body:expr) => {
        |conn: Connection<Framing>| async move { tokio::spawn(($body)(conn)).await? }
    };
}

#[tokio::test(start_paused = true)]
async fn receives_sends_and_flushes() {
    let (mut client, served) = Setup::new().serve(
        lines(),
        elsewhere!(|mut conn: Connection<Framing>| async move {
            while let Some(line) = conn.recv().await? {
                conn.send(line).await?;
                conn.flush().await?;
            }
            Handled::Ok(())
        }),
    );
    for _ in 0..10 {
        write(&mut client, "a\n").await;
        expect(&mut client, "a\n").await;
    }
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_written_though_nobody_flushes() {
    let (mut client, _served) = Setup::new().serve(
        lines(),
        elsewhere!(|mut conn: Connection<Framing>| async move {
            tokio::time::sleep(secs(1)).await;
            conn.send("hello").await?;
            std::future::pending::<Handled>().await
        }),
    );
    expect(&mut client, "hello\n").await;
}

#[tokio::test(start_paused = true)]
async fn send_waits_for_room() {
    let setup = Setup::new().limits(|l| l.flush_at = 1000);
    let (mut client, served) = setup.serve(
        lines(),
        elsewhere!(|mut conn: Connection<Framing>| async move {
            for _ in 0..10_000 {
                conn.send(bytes_of(99)).await?;
            }
            Handled::Ok(())
        }),
    );
    served.settle().await;
    let waits = served.shared.lock().output.len();
    assert!((1000..1100).contains(&waits), "{waits}");
    assert_eq!(read_all(&mut client).await.len(), 1_000_000);
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold() {
    type Set = fn(&mut Timeouts);
    let cases: [(Set, &str); 4] = [
        (|t| t.first_frame = Some(secs(10)), "first_frame_timeout"),
        (|t| t.frame = Some(secs(10)), "frame_timeout"),
        (|t| t.idle = Some(secs(10)), "idle"),
        (|t| t.lifetime = Some(secs(10)), "lifetime"),
    ];
    for (set, word) in cases {
        let setup = Setup::new().timeouts(set);
        let (mut client, served) = setup.serve(lines(), elsewhere!(echo));
        write(&mut client, "hal").await;
        let reader = tokio::spawn(async move { read_all(&mut client).await });
        served.over().await.was(word, secs(10));
        reader.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_write_deadline_holds() {
    let setup = Setup::new().limits(|l| l.flush_at = 1000).timeouts(|t| t.write = Some(secs(10)));
    let (script, served) = setup.serve_scripted(
        lines(),
        elsewhere!(|mut conn: Connection<Framing>| async move {
            loop {
                conn.send(bytes_of(99)).await?;
            }
        }),
    );
    script.room(0);
    served.over().await.was("slow_consumer", secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_drain_reaches_it() {
    let (mut client, served) = Setup::new().serve(
        lines(),
        elsewhere!(|mut conn: Connection<Framing>| async move {
            assert!(conn.recv().await?.is_none());
            conn.send("bye").await?;
            Handled::Ok(())
        }),
    );
    served.settle().await;
    served.drain();
    expect(&mut client, "bye\n").await;
    drop(client);
    assert_eq!(served.word().await, "drained");
}

#[tokio::test(start_paused = true)]
async fn an_end_wakes_it() {
    let (said, mut says) = tokio::sync::mpsc::channel(1);
    let (_client, served) = Setup::new().serve(lines(), move |mut conn: Connection<Framing>| {
        let said = said.clone();
        async move {
            tokio::spawn(async move { said.send(conn.recv().await.unwrap_err().to_string()).await });
            std::future::pending().await
        }
    });
    served.settle().await;
    served.registry.abort();
    assert_eq!(served.word().await, "drain_aborted");
    assert_eq!(says.recv().await.unwrap(), "the connection was ended: drain_aborted");
}

#[tokio::test(start_paused = true)]
async fn many_senders_and_one_receiver() {
    let setup = Setup::new().limits(|l| l.flush_at = 500);
    let (mut client, served) = setup.serve(lines(), |conn: Connection<Framing>| async move {
        let (mut receiver, sender) = conn.split();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..10 {
            let sender = sender.clone();
            tasks.spawn(async move {
                for n in 0..100 {
                    sender.send(format!("{task} {n}")).await?;
                }
                sender.flush().await
            });
        }
        tasks.spawn(async move {
            while let Some(line) = receiver.recv().await? {
                sender.send(line).await?;
            }
            Ok(())
        });
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    });
    write(&mut client, "echoed\n").await;
    client.shutdown().await.unwrap();
    let all = String::from_utf8(read_all(&mut client).await).unwrap();
    assert_eq!(all.lines().count(), 1001);
    assert_eq!(all.lines().filter(|line| *line == "echoed").count(), 1);
    for task in 0..10 {
        let of = all.lines().filter_map(|line| line.strip_prefix(&format!("{task} ")));
        assert!(of.map(|n| n.parse::<u32>().unwrap()).eq(0..100), "in order, and none lost");
    }
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_sender_elsewhere_is_written_while_the_handler_receives() {
    let (mut client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let (mut receiver, sender) = conn.split();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(secs(1)).await;
                if sender.send("tick").await.is_err() {
                    return;
                }
            }
        });
        while receiver.recv().await?.is_some() {}
        Ok(())
    });
    for _ in 0..5 {
        expect(&mut client, "tick\n").await;
    }
    assert!(served.started.elapsed() < Duration::from_millis(5100));
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn the_handlers_return_is_told_at_once_though_the_client_stays() {
    let setup = Setup::new().limits(|l| l.flush_at = 10).timeouts(|t| t.half_close = Some(secs(1000)));
    let (told, mut tells) = tokio::sync::mpsc::channel(3);
    let (script, served) = setup.serve_scripted(lines(), move |conn: Connection<Framing>| {
        let told = told.clone();
        async move {
            let (mut receiver, sender) = conn.split();
            sender.send(bytes_of(99)).await?;
            let (sends, flushes) = (sender.clone(), sender);
            let (sent, flushed) = (told.clone(), told.clone());
            tokio::spawn(async move { told.send(("recv", receiver.recv().await.map(|_| ()))).await });
            tokio::spawn(async move { sent.send(("send", sends.send("x").await)).await });
            tokio::spawn(async move { flushed.send(("flush", flushes.flush().await)).await });
            settle().await;
            Ok(())
        }
    });
    script.room(0);
    for _ in 0..3 {
        let (end, said) = timeout(FOREVER, tells.recv()).await.expect("nobody is told").unwrap();
        assert!(matches!(said, Err(ConnectionError::Closed)), "{end}: {said:?}");
    }
    // Only the handler took time, and the connection still waits for its client.
    assert_eq!(served.started.elapsed(), Duration::from_millis(1));
    script.room(usize::MAX);
    served.settle().await;
    assert!(!served.is_over());
    script.input("");
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn senders_that_gave_up_are_not_kept() {
    let setup = Setup::new().limits(|l| l.flush_at = 10);
    let (script, served) = setup.serve_scripted(lines(), |conn: Connection<Framing>| async move {
        let (_receiver, sender) = conn.split();
        sender.send(bytes_of(99)).await?;
        for n in 0..100 {
            let sender = sender.clone();
            tokio::spawn(async move {
                timeout(secs(1), async move {
                    if n % 2 == 0 { sender.send("x").await } else { sender.flush().await }
                })
                .await
            });
        }
        std::future::pending().await
    });
    script.room(0);
    served.settle().await;
    assert_eq!(served.shared.lock().wakers.waiting(), 100);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(served.shared.lock().wakers.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_does_not_take_another_of_its_task_along() {
    for flush in [false, true] {
        let setup = Setup::new().limits(|l| l.flush_at = 10);
        let (script, served) = setup.serve_scripted(lines(), move |conn: Connection<Framing>| async move {
            let (_receiver, sender) = conn.split();
            sender.send(bytes_of(99)).await?;
            let wait = || {
                let sender = sender.clone();
                async move { if flush { sender.flush().await } else { sender.send("x").await } }
            };
            // Who stays is polled first: it is not asked again after the other gave up.
            let (stays, gives_up) = (wait(), timeout(secs(1), wait()));
            let both = tokio::spawn(async move { tokio::join!(biased; stays, gives_up) });
            let (stayed, gave_up) = both.await?;
            gave_up.unwrap_err();
            Ok(stayed?)
        });
        script.room(0);
        tokio::time::sleep(secs(2)).await;
        assert_eq!(served.shared.lock().wakers.waiting(), 1, "flush: {flush}");
        script.room(usize::MAX);
        script.input("");
        assert_eq!(served.word().await, "handler_done", "flush: {flush}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_moves_to_another_task_is_woken_there() {
    let setup = Setup::new().limits(|l| l.flush_at = 10);
    let (script, served) = setup.serve_scripted(lines(), |conn: Connection<Framing>| async move {
        let (_receiver, sender) = conn.split();
        sender.send(bytes_of(99)).await?;
        let mut send = Box::pin(async move { sender.send("moved").await });
        timeout(secs(1), &mut send).await.unwrap_err();
        tokio::spawn(send).await??;
        Ok(())
    });
    script.room(0);
    tokio::time::sleep(secs(2)).await;
    assert_eq!(served.shared.lock().wakers.waiting(), 1);
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert!(script.lock().written.ends_with(b"x\nmoved\n"));
}
