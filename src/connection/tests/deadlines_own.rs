//! Deadlines that a handler sets for its next frame.

use tokio::task::coop;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Waits for frames, each within the limit.
async fn hasty(mut conn: Connection<Framing>) -> Handled {
    while conn.recv_within(LIMIT).await?.is_some() {}
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_first_frame() {
    let (mut client, served) = Setup::new().serve(lines(), hasty);
    write(&mut client, "half a li").await;
    served.over().await.was("first_frame_timeout", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_later_frame_of_which_nothing_comes_or_not_the_rest() {
    for rest in ["", "half a li"] {
        let (mut client, served) = Setup::new().serve(lines(), hasty);
        for _ in 0..5 {
            tokio::time::sleep(secs(9)).await;
            write(&mut client, "a\n").await;
        }
        write(&mut client, rest).await;
        served.over().await.was("frame_timeout", 5 * secs(9) + LIMIT);
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_learns_it() {
    let (learnt, mut learns) = tokio::sync::mpsc::channel(1);
    let (_client, served) = Setup::new().serve(lines(), move |mut conn: Connection<Framing>| {
        let learnt = learnt.clone();
        async move {
            let error = conn.recv_within(LIMIT).await.unwrap_err();
            assert!(matches!(error, ConnectionError::Ended(EndReason::FirstFrameTimeout)), "{error}");
            assert!(conn.send("x").await.is_err());
            learnt.send(()).await?;
            std::future::pending().await
        }
    });
    served.over().await.was("first_frame_timeout", LIMIT);
    learns.recv().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_can_only_be_tighter() {
    let setup = Setup::new().timeouts(|t| t.first_frame = Some(secs(5)));
    let (_client, served) = setup.serve(lines(), hasty);
    served.over().await.was("first_frame_timeout", secs(5));

    let setup = Setup::new().timeouts(|t| {
        t.first_frame = Some(secs(20));
        t.idle = Some(secs(20));
    });
    let (_client, served) = setup.serve(lines(), hasty);
    served.over().await.was("first_frame_timeout", LIMIT);
}

/// Looks after something else each second while it waits.
async fn ticking(mut conn: Connection<Framing>, by: bool) -> Handled {
    let deadline = Instant::now() + LIMIT;
    let mut ticks = tokio::time::interval(secs(1));
    loop {
        let frame = async {
            match by {
                true => conn.recv_by(deadline).await,
                false => conn.recv_within(LIMIT).await,
            }
        };
        tokio::select! {
            frame = frame => return frame.map(|_| ()).map_err(Into::into),
            _ = ticks.tick() => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_loop_a_deadline_stands_and_a_limit_begins_anew() {
    let (_client, served) = Setup::new().serve(lines(), |conn| ticking(conn, true));
    served.over().await.was("first_frame_timeout", LIMIT);

    let (_client, served) = Setup::new().serve(lines(), |conn| ticking(conn, false));
    tokio::time::sleep(100 * LIMIT).await;
    assert!(!served.is_over());
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_there_is_not_late() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        let deadline = Instant::now() + LIMIT;
        tokio::time::sleep(2 * LIMIT).await;
        for expected in ["a", "b"] {
            assert_eq!(conn.recv_by(deadline).await?.unwrap(), expected);
        }
        conn.recv_by(deadline).await?;
        Ok(())
    });
    write(&mut client, "a\nb\n").await;
    served.over().await.was("frame_timeout", 2 * LIMIT);
}

#[tokio::test(start_paused = true)]
async fn given_up_it_is_forgotten() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        timeout(secs(5), conn.recv_within(LIMIT)).await.unwrap_err();
        conn.send("go on").await?;
        assert_eq!(conn.recv().await?.unwrap(), "at last");
        Ok(conn.send("thanks").await?)
    });
    expect(&mut client, "go on\n").await;
    tokio::time::sleep(100 * LIMIT).await;
    write(&mut client, "at last\n").await;
    expect(&mut client, "thanks\n").await;
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn it_holds_in_another_task_and_for_the_half_of_a_connection() {
    let (_client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        // Later than the connection's task has looked at its deadlines.
        tokio::spawn(async move {
            settle().await;
            hasty(conn).await
        })
        .await?
    });
    served.over().await.was("first_frame_timeout", LIMIT + Duration::from_millis(1));

    let (_client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let (mut receiver, _sender) = conn.split();
        receiver.recv_by(Instant::now() + LIMIT).await?;
        Ok(())
    });
    served.over().await.was("first_frame_timeout", LIMIT);

    let (_client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let (mut receiver, _sender) = conn.split();
        tokio::spawn(async move { receiver.recv_within(LIMIT).await }).await??;
        Ok(())
    });
    served.over().await.was("first_frame_timeout", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn it_holds_while_a_write_is_stuck_and_before_deadlines_that_stood_already() {
    let setup = Setup::new().timeouts(|t| {
        t.write = Some(secs(20));
        t.idle = Some(secs(50));
    });
    let (script, served) = setup.serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
        conn.send(bytes_of(99)).await?;
        timeout(secs(1), conn.recv()).await.unwrap_err();
        conn.recv_within(LIMIT).await?;
        Ok(())
    });
    script.room(0);
    // What is stuck is waited for as long as it may be; the reason was there before.
    served.over().await.was("first_frame_timeout", secs(20));
}

#[tokio::test(start_paused = true)]
async fn beyond_all_time_is_never() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.recv_within(Duration::MAX).await?;
        conn.recv_by(Instant::now() + secs(100 * 365 * 24 * 3600)).await?;
        Ok(conn.send("bye").await?)
    });
    for _ in 0..2 {
        tokio::time::sleep(secs(365 * 24 * 3600)).await;
        write(&mut client, "a\n").await;
    }
    expect(&mut client, "bye\n").await;
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn a_drain_comes_first() {
    let (_client, served) = Setup::new().serve(lines(), hasty);
    served.settle().await;
    served.drain();
    served.over().await.was("drained", Duration::from_millis(1));
}

/// Uses up what the task may do before others have their turn.
async fn use_up_the_budget() {
    poll_fn(|cx| {
        while coop::has_budget_remaining() {
            if let Poll::Ready(unit) = coop::poll_proceed(cx) {
                unit.made_progress();
            }
        }
        Poll::Ready(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_there_is_not_late_for_a_task_without_budget() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        let deadline = Instant::now();
        tokio::time::sleep(secs(1)).await;
        use_up_the_budget().await;
        let frame = conn.recv_by(deadline).await?;
        assert!(frame.is_some());
        Ok(conn.send("in time").await?)
    });
    write(&mut client, "a\n").await;
    expect(&mut client, "in time\n").await;
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn it_holds_without_budget_whether_or_not_the_stream_minds_that() {
    async fn spent(mut conn: Connection<Framing>) -> Handled {
        use_up_the_budget().await;
        conn.recv_within(LIMIT).await?;
        Ok(())
    }
    let (_client, served) = Setup::new().serve(lines(), spent);
    served.over().await.was("first_frame_timeout", LIMIT);
    let (_script, served) = Setup::new().serve_scripted(lines(), spent);
    served.over().await.was("first_frame_timeout", LIMIT);
}
