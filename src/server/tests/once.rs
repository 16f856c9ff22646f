//! One connection, and no other.

use super::*;
use crate::platform::accept_errors;
use crate::server::first_of::FirstOf;

fn only(setup: &Setup, sockets: &[&Script]) -> JoinHandle<()> {
    let mut only = FirstOf::default();
    for socket in sockets {
        let heartbeat = Arc::new(Heartbeat::new());
        let spare = Arc::new(Spare::new());
        let metrics = Arc::clone(&setup.entrance.settings.metrics);
        let (socket, heard) = ((*socket).clone(), Arc::clone(&heartbeat));
        let listener = Listener::new(socket, "test".into(), WhenFull::Queue, spare, heard, metrics);
        let accept_loop = AcceptLoop::new(listener, Arc::clone(&setup.entrance));
        only.add(heartbeat, accept_loop.run_once(setup.stop.clone()));
    }
    tokio::spawn(only)
}

#[tokio::test(start_paused = true)]
async fn of_many_that_come_at_once_one_is_accepted() {
    let setup = Setup::new(None, WhenFull::Queue, echo());
    let sockets = [Script::default(), Script::default()];
    let [first, second] = &sockets;
    let mut clients = [connect(first), connect(first), connect(second)];
    let running = only(&setup, &[first, second]);
    running.await.unwrap();
    assert_eq!((first.left(), second.left()), (1, 1));
    answers(&mut clients[0]).await;
    assert_eq!(setup.server.inside(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_may_come_to_any_address() {
    let setup = Setup::new(None, WhenFull::Queue, echo());
    let (first, second) = (Script::default(), Script::default());
    let running = only(&setup, &[&first, &second]);
    settle().await;
    assert!(!running.is_finished());
    let mut client = connect(&second);
    answers(&mut client).await;
    running.await.unwrap();
    // Whoever comes now is taken by nobody.
    let _late = connect(&first);
    settle().await;
    assert_eq!(first.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_is_not_the_one() {
    let setup = Setup::new(None, WhenFull::Queue, echo());
    let socket = Script::default();
    socket.push(Err(io::Error::from_raw_os_error(accept_errors::CONNECTION[0])));
    let running = only(&setup, &[&socket]);
    settle().await;
    assert!(!running.is_finished());
    let mut client = connect(&socket);
    answers(&mut client).await;
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_it_without_one() {
    let setup = Setup::new(None, WhenFull::Queue, echo());
    let socket = Script::default();
    let running = only(&setup, &[&socket]);
    settle().await;
    setup.stop.cancel();
    running.await.unwrap();
    assert_eq!(setup.server.inside(), 0);
}
