//! Peers for whom there is no room are told so.

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::*;
use crate::server::reply::Reply;

const BUSY: &[u8] = b"busy\n";

fn setup(places: usize) -> (Setup, Arc<Semaphore>) {
    let mut setup = Setup::new(Some(1), WhenFull::Reply, echo());
    let places = Arc::new(Semaphore::new(places));
    let reply = Reply::new(Bytes::from_static(BUSY), Arc::clone(&places));
    Arc::get_mut(&mut setup.entrance).unwrap().reply = Some(reply);
    (setup, places)
}

async fn all(client: &mut DuplexStream) -> Vec<u8> {
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    read
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_reads_why() {
    let (socket, (setup, places)) = (Script::default(), setup(4));
    setup.accept(socket.clone());
    let mut first = connect(&socket);
    answers(&mut first).await;
    for _ in 0..10 {
        let mut client = connect(&socket);
        // What it had sent is thrown away, or the reply would be lost.
        client.write_all(b"GET").await.unwrap();
        assert_eq!(all(&mut client).await, BUSY);
        drop(client);
        settle().await;
    }
    assert_eq!(places.available_permits(), 4);
    answers(&mut first).await;
    let figures = setup.entrance.settings.metrics.read();
    assert!(figures.refused.contains(&("refused_limit", 10)), "{:?}", figures.refused);
    assert_eq!((figures.accepted, figures.active), (11, 1));
}

#[tokio::test(start_paused = true)]
async fn it_is_bounded_in_number_and_in_time() {
    let (socket, (setup, places)) = (Script::default(), setup(4));
    setup.accept(socket.clone());
    let mut first = connect(&socket);
    answers(&mut first).await;
    // They read, and never close.
    let mut clients: Vec<_> = (0..10).map(|_| connect(&socket)).collect();
    settle().await;
    assert_eq!(places.available_permits(), 0);
    let mut told = 0;
    for client in &mut clients {
        match &all(client).await[..] {
            BUSY => told += 1,
            other => assert_eq!(other, b""),
        }
    }
    assert_eq!(told, 4);
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    assert_eq!(places.available_permits(), 4);
    // Nor does one that sends for ever hold its place.
    let mut talker = connect(&socket);
    let began = Instant::now();
    while talker.write_all(&[b'x'; 500]).await.is_ok() {}
    assert!(began.elapsed() <= Duration::from_millis(1_010));
    assert_eq!(places.available_permits(), 4);
    answers(&mut first).await;
}
