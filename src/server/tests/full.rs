//! What becomes of a peer for whom there is no room.

use tracing::Level;

use super::*;
use crate::telemetry::capture::Capture;

#[tokio::test(start_paused = true)]
async fn queue_serves_later() {
    let (socket, setup) = (Script::default(), Setup::new(Some(2), WhenFull::Queue, echo()));
    setup.accept(socket.clone());
    let mut clients: Vec<_> = (0..10).map(|_| connect(&socket)).collect();
    for (turn, client) in clients.iter_mut().enumerate() {
        answers(client).await;
        settle().await;
        assert!(setup.listener.inside() <= 2, "{turn}");
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn close_and_reset_turn_away() {
    for when_full in [WhenFull::Close, WhenFull::Reset] {
        let (socket, setup) = (Script::default(), Setup::new(Some(1), when_full, echo()));
        setup.accept(socket.clone());
        let mut first = connect(&socket);
        answers(&mut first).await;
        for _ in 0..5 {
            assert_eq!(connect(&socket).read(&mut [0]).await.unwrap(), 0);
        }
        answers(&mut first).await;
        drop(first);
        setup.server.empty().await;
        answers(&mut connect(&socket)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_that_were_left_out_of_the_log_are_told_once() {
    const PEERS: u64 = 100;
    let log = Capture::new();
    async {
        let (socket, setup) = (Script::default(), Setup::new(Some(1), WhenFull::Close, echo()));
        setup.accept(socket.clone());
        let mut first = connect(&socket);
        answers(&mut first).await;
        for _ in 0..PEERS {
            assert_eq!(connect(&socket).read(&mut [0]).await.unwrap(), 0);
        }
        assert_eq!(log.count(Level::WARN, "further peers found no room"), 0);
        // Nobody comes any more; the loop's tick alone goes on.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    .with_subscriber(log.dispatch())
    .await;
    let mut lines = log.lines();
    let rest = lines.pop().unwrap();
    let told = u64::try_from(lines.len()).unwrap();
    assert_eq!((&rest["message"], &rest["listener"]), ("further peers found no room", "test"));
    assert_eq!(rest["suppressed"].parse(), Ok(PEERS - told));
    assert_eq!(log.count(Level::WARN, "further peers found no room"), 1);
}

#[tokio::test(start_paused = true)]
async fn whom_it_holds_at_its_end_it_has_refused() {
    // Two loops wait to accept, and there is place for one.
    let (sockets, setup) =
        ([(); 2].map(|()| Script::default()), Setup::new(Some(1), WhenFull::Queue, echo()));
    let loops = sockets.each_ref().map(|socket| setup.accept(socket.clone()).1);
    settle().await;
    let clients = sockets.each_ref().map(connect);
    settle().await;
    let figures = setup.entrance.settings.metrics.read();
    assert_eq!((figures.accepted, figures.active), (1, 1), "the other is neither served nor turned away yet");
    setup.stop.cancel();
    for accept_loop in loops {
        accept_loop.await.unwrap();
    }
    let figures = setup.entrance.settings.metrics.read();
    assert_eq!((figures.accepted, figures.active), (2, 1));
    assert!(figures.refused.contains(&("refused_limit", 1)), "{:?}", figures.refused);
    drop(clients);
    setup.server.empty().await;
}
