//! Waiting for the end of a server, and how its listeners are until then.

use crate::{ListenerState, Server, Shutdown};

use super::*;

const ECHO: &str =
    "[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\nlimits.connections = 1\n";

async fn start() -> Server {
    Server::builder().parse(ECHO).unwrap().start().await.unwrap()
}

fn state(server: &Server) -> ListenerState {
    let listeners = server.listeners();
    assert!(listeners[0].healthy, "{listeners:?}");
    listeners[0].state
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.expect("waited in vain")
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.addresses("echo")[0]).await.unwrap()
}

#[tokio::test]
async fn a_listener_is_what_the_first_of_its_states_says() {
    let server = start().await;
    assert_eq!((state(&server), state(&server).as_str()), (ListenerState::Accepting, "accepting"));
    let mut client = connect(&server).await;
    answers(&mut client).await;
    assert_eq!((state(&server), state(&server).to_string()), (ListenerState::Full, "full".to_owned()));
    server.pause("echo").unwrap();
    assert_eq!(state(&server), ListenerState::Paused);
    server.0.listeners[0].heartbeats[0].set_starved(true);
    assert_eq!(state(&server), ListenerState::Paused);
    server.resume("echo").unwrap();
    assert_eq!(state(&server), ListenerState::Starved);
    server.0.listeners[0].heartbeats[0].set_starved(false);
    assert_eq!(state(&server), ListenerState::Full);
    drop(client);
    within(server.shutdown()).await;
    assert_eq!(state(&server), ListenerState::Closed);
    server.0.listeners[0].heartbeats[0].fail();
    assert_eq!((server.listeners()[0].state, server.listeners()[0].healthy), (ListenerState::Failed, false));
}

#[tokio::test]
async fn a_name_that_there_is_not_cannot_be_paused() {
    let server = start().await;
    for result in [server.pause("ehco"), server.resume("ehco")] {
        assert_eq!(result.unwrap_err().to_string(), "there is no listener `ehco`");
    }
    assert_eq!(state(&server), ListenerState::Accepting);
}

#[tokio::test]
async fn everybody_hears_of_the_end_and_how_it_was() {
    let server = start().await;
    let mut client = connect(&server).await;
    answers(&mut client).await;
    // Given up, it has changed nothing.
    timeout(Duration::from_millis(10), server.ended()).await.unwrap_err();
    assert!(server.is_ready());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { server.ended().await })
        })
        .collect();
    let shutdown = within(server.shutdown()).await;
    for waits in waiting {
        assert_eq!(within(waits).await.unwrap(), shutdown);
    }
    assert_eq!(within(server.ended()).await, shutdown);
}

#[tokio::test]
async fn what_was_cut_off_is_told() {
    let server = Server::builder()
        .handler("stuck", |_: crate::NoOptions| {
            Ok(handler_fn(|mut conn: Connection<Framing>| async move {
                conn.recv().await?;
                conn.send("on").await?;
                std::future::pending().await
            }))
        })
        .parse(&ECHO.replace("handler = \"echo\"", "handler = \"stuck\""))
        .unwrap()
        .start()
        .await
        .unwrap();
    let mut client = connect(&server).await;
    client.write_all(b"go").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'o');
    let ended = tokio::spawn({
        let server = server.clone();
        async move { server.ended().await }
    });
    server.abort();
    assert_eq!(within(ended).await.unwrap(), Shutdown::TimedOut { aborted: 1 });
}

#[cfg(feature = "cli")]
#[tokio::test]
async fn the_only_connection_is_the_end() {
    let server = Server::builder().parse(ECHO).unwrap().once().start().await.unwrap();
    let mut client = connect(&server).await;
    answers(&mut client).await;
    assert_eq!(state(&server), ListenerState::Closed);
    timeout(Duration::from_millis(10), server.ended()).await.unwrap_err();
    drop(client);
    assert_eq!(within(server.ended()).await, Shutdown::Drained);
    assert_eq!(within(server.shutdown()).await, Shutdown::Drained);
}
