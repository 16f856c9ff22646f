//! A listener that is paused by hand, and resumed.

use super::*;
use crate::server::first_of::FirstOf;

fn pause(setup: &Setup, paused: bool) {
    setup.entrance.paused.send_replace(paused);
}

#[tokio::test(start_paused = true)]
async fn peers_wait_and_are_served_when_it_is_resumed() {
    // Nobody is turned away for a pause.
    for when_full in [WhenFull::Queue, WhenFull::Close, WhenFull::Reset] {
        let (socket, setup) = (Script::default(), Setup::new(Some(10), when_full, echo()));
        let (heartbeat, running) = setup.accept(socket.clone());
        let mut before = connect(&socket);
        answers(&mut before).await;
        for _ in 0..2 {
            pause(&setup, true);
            let mut waiting = [connect(&socket), connect(&socket)];
            // A paused loop is alive.
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert!(heartbeat.is_healthy() && heartbeat.age() <= Heartbeat::INTERVAL);
            }
            assert_eq!(socket.left(), 2);
            answers(&mut before).await;
            pause(&setup, false);
            for client in &mut waiting {
                answers(client).await;
            }
        }
        setup.stop.cancel();
        running.await.unwrap();
        assert!(heartbeat.is_closed() && !heartbeat.has_failed());
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(heartbeat.is_healthy(), "nobody beats any more, and nobody is to");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_with_the_pause_is_not_accepted() {
    let (socket, setup) = (Script::default(), Setup::new(None, WhenFull::Queue, echo()));
    setup.accept(socket.clone());
    settle().await;
    // Both wake the loop, which then looks at the pause first.
    let _client = connect(&socket);
    pause(&setup, true);
    settle().await;
    assert_eq!((socket.left(), setup.server.inside()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_serves_whom_a_pause_has_kept_waiting() {
    let (socket, setup) = (Script::default(), Setup::new(None, WhenFull::Queue, echo()));
    let (_, running) = setup.accept(socket.clone());
    settle().await;
    pause(&setup, true);
    let mut client = connect(&socket);
    client.write_all(b"x").await.unwrap();
    settle().await;
    setup.stop.cancel();
    running.await.unwrap();
    setup.registry.begin_drain();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    setup.server.empty().await;
}

#[tokio::test(start_paused = true)]
async fn who_was_held_at_a_limit_waits_for_the_resume_too() {
    let (socket, setup) = (Script::default(), Setup::new(Some(1), WhenFull::Queue, echo()));
    setup.accept(socket.clone());
    let mut first = connect(&socket);
    answers(&mut first).await;
    let mut second = connect(&socket);
    pause(&setup, true);
    drop(first);
    setup.server.empty().await;
    settle().await;
    assert_eq!(setup.server.inside(), 0);
    pause(&setup, false);
    answers(&mut second).await;
}

#[tokio::test(start_paused = true)]
async fn the_only_connection_waits_as_well() {
    let setup = Setup::new(None, WhenFull::Queue, echo());
    let (socket, heartbeat) = (Script::default(), Arc::new(Heartbeat::new()));
    let spare = Arc::new(Spare::new());
    let listener =
        Listener::new(socket.clone(), "test".into(), WhenFull::Queue, spare, Arc::clone(&heartbeat));
    let accept_loop = AcceptLoop::new(listener, Arc::clone(&setup.entrance));
    let mut only = FirstOf::default();
    only.add(Arc::clone(&heartbeat), accept_loop.run_once(setup.stop.clone()));
    pause(&setup, true);
    let running = tokio::spawn(only);
    let mut client = connect(&socket);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(heartbeat.is_healthy() && !running.is_finished());
    pause(&setup, false);
    answers(&mut client).await;
    running.await.unwrap();
    assert!(heartbeat.is_closed());
}

/// Is paused in the middle of accepting.
struct PausedMeanwhile {
    socket: Script,
    paused: Arc<watch::Sender<bool>>,
}

impl Socket for PausedMeanwhile {
    async fn accept(&self) -> io::Result<Accepted> {
        let accepted = self.socket.accept().await?;
        self.paused.send_replace(true);
        Ok(accepted)
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_accepted_while_the_pause_came_waits_too() {
    for when_full in [WhenFull::Queue, WhenFull::Close] {
        let (socket, setup) = (Script::default(), Setup::new(None, when_full, echo()));
        let paused = Arc::clone(&setup.entrance.paused);
        setup.accept(PausedMeanwhile { socket: socket.clone(), paused });
        let mut client = connect(&socket);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((socket.left(), setup.server.inside()), (0, 0));
        pause(&setup, false);
        answers(&mut client).await;
    }
}
