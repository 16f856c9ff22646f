//! What becomes of a frame that is sent to a client that lags, as its sender declared it.

use std::sync::Mutex;

use tokio::sync::oneshot;

use super::*;

/// Serves one client with lines, whose output may hold a hundred bytes; gives its sender out and tells what its handler
/// learnt.
async fn client(slow: SlowConsumer) -> (Script, Served, Sender<Framing>, oneshot::Receiver<String>) {
    let setup = Setup::new().limits(|l| {
        l.flush_at = 50;
        l.output = 100;
    });
    let (out, senders) = oneshot::channel();
    let (learnt, learns) = oneshot::channel();
    let once = Mutex::new(Some((out, learnt)));
    let (script, served) = setup.serve_scripted(lines(), move |conn: Connection<Framing>| {
        let (out, learnt) = once.lock().unwrap().take().unwrap();
        async move {
            let (mut receiver, sender) = conn.split();
            assert!(out.send(sender).is_ok());
            loop {
                match receiver.recv().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        learnt.send(error.to_string()).unwrap();
                        return Err(error.into());
                    }
                }
            }
        }
    });
    let sender = senders.await.unwrap().on_slow(slow);
    settle().await;
    (script, served, sender, learns)
}

#[tokio::test(start_paused = true)]
async fn frames_are_dropped_and_counted() {
    let (script, served, sender, _learns) = client(SlowConsumer::DropFrame).await;
    script.room(0);
    let clone = sender.clone();
    for n in 0..30 {
        let sender = if n % 2 == 0 { &sender } else { &clone };
        // Nothing is waited for, not even a turn of the scheduler.
        let sent = std::pin::pin!(sender.send(bytes_of(9)));
        assert!(matches!(sent.poll(&mut Context::from_waker(std::task::Waker::noop())), Poll::Ready(Ok(()))));
    }
    assert_eq!((sender.dropped(), clone.dropped()), (20, 20));
    // To whom drops are not declared, they do not happen.
    let waits = clone.on_slow(SlowConsumer::Wait);
    timeout(secs(5), waits.send("never")).await.unwrap_err();
    assert!(matches!(sender.try_send("back"), Err(TrySendError::Full("back"))));
    assert_eq!(sender.dropped(), 20);

    script.room(usize::MAX);
    settle().await;
    sender.send("again").await.unwrap();
    settle().await;
    assert_eq!(sender.dropped(), 20);
    assert!(script.lock().written.ends_with(b"x\nagain\n"));
    script.input("");
    let over = served.over().await;
    assert_eq!((&*over.word, &over.line["frames_out"]), ("client_closed", "11"));
}

#[tokio::test(start_paused = true)]
async fn the_client_is_ended() {
    let (script, served, sender, learns) = client(SlowConsumer::EndClient).await;
    script.room(0);
    for _ in 0..10 {
        sender.send(bytes_of(9)).await.unwrap();
    }
    let error = sender.send(bytes_of(9)).await.unwrap_err();
    assert!(matches!(error, ConnectionError::Ended(EndReason::SlowConsumer)), "{error}");
    assert_eq!(learns.await.unwrap(), "the connection was ended: slow_consumer");
    let over = served.over().await;
    over.was("slow_consumer", Duration::from_millis(1));
    assert!(script.lock().dropped && !script.lock().shut, "it was not reset");
    let error = sender.send("x").await.unwrap_err();
    assert!(matches!(error, ConnectionError::Ended(EndReason::SlowConsumer)), "{error}");
    assert_eq!(sender.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_cause_is_told() {
    let (script, _served, sender, _learns) = client(SlowConsumer::EndClient).await;
    script.room(0);
    for _ in 0..10 {
        sender.send(bytes_of(9)).await.unwrap();
    }
    script.input_error(std::io::ErrorKind::ConnectionReset);
    settle().await;
    let error = sender.send(bytes_of(9)).await.unwrap_err();
    assert!(!matches!(error, ConnectionError::Ended(EndReason::SlowConsumer)), "{error}");
}

/// Sends each frame to all clients in turn, one of whom is stuck.
async fn to_all(slow: SlowConsumer, shared: bool) {
    const FRAMES: usize = 1_000;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(client(slow).await);
    }
    clients[2].0.room(0);
    let senders: Vec<_> = clients.iter().map(|(_, _, sender, _)| sender.clone()).collect();
    let sending = tokio::spawn(async move {
        for _ in 0..FRAMES {
            let frame = SharedFrame::new(bytes_of(9));
            for sender in &senders {
                // That it ended one client is told with each frame.
                let _ = match shared {
                    true => sender.send_shared(&frame).await,
                    false => sender.send(bytes_of(9)).await,
                };
            }
            // The clients' turn.
            tokio::task::yield_now().await;
        }
    });
    let started = Instant::now();
    sending.await.unwrap();
    settle().await;
    assert_eq!(started.elapsed(), Duration::from_millis(1), "somebody was waited for");
    for (n, (script, _, sender, _)) in clients.iter().enumerate() {
        assert_eq!(script.lock().written.len(), if n == 2 { 0 } else { 10 * FRAMES });
        assert_eq!(sender.dropped() > 0, n == 2 && slow == SlowConsumer::DropFrame);
    }
    assert_eq!(clients[2].1.is_over(), slow == SlowConsumer::EndClient);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_stuck_delays_nobody() {
    for slow in [SlowConsumer::DropFrame, SlowConsumer::EndClient] {
        for shared in [true, false] {
            to_all(slow, shared).await;
        }
    }
}

/// Who waits for a client delays only its own.
#[tokio::test(start_paused = true)]
async fn one_that_is_waited_for_delays_no_other_sender() {
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(client(SlowConsumer::Wait).await);
    }
    clients[2].0.room(0);
    let mut tasks = tokio::task::JoinSet::new();
    for (_, _, sender, _) in &clients {
        let sender = sender.clone();
        tasks.spawn(async move {
            for _ in 0..1_000 {
                sender.send_shared(&SharedFrame::new(bytes_of(9))).await?;
            }
            Ok::<_, ConnectionError>(())
        });
    }
    let started = Instant::now();
    for _ in 0..4 {
        tasks.join_next().await.unwrap().unwrap().unwrap();
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    clients[2].0.room(usize::MAX);
    tasks.join_next().await.unwrap().unwrap().unwrap();
}
