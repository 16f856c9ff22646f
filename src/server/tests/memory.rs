//! `server.max_buffered`, over connections that hold what they should not.

use tracing::Level;

use super::*;
use crate::codec::Lines;
use crate::server::memory;
use crate::telemetry::capture::Capture;

const LIMIT: usize = 100_000;

#[tokio::test(start_paused = true)]
async fn those_that_hold_most_are_ended_and_the_others_go_on() {
    let log = Capture::new();
    async {
        let service = Service::new(crate::handler::Echo, |_: &_| Framing::new(Lines::default()));
        let (socket, setup) = (Script::default(), Setup::new(None, WhenFull::Queue, Arc::new(service)));
        setup.accept(socket.clone());
        let budget = Arc::clone(&setup.entrance.settings.budget);
        assert_eq!(budget.limit(), Some(LIMIT as u64));
        let keeper = tokio::spawn(
            memory::keep(Arc::downgrade(&setup.registry), Arc::clone(&budget)).with_current_subscriber(),
        );
        // None of these is a line yet.
        let mut holders = Vec::new();
        for kilobytes in [40, 30, 20, 15] {
            let mut client = connect_wide(&socket);
            client.write_all(&vec![b'x'; kilobytes * 1000]).await.unwrap();
            holders.push(client);
        }
        let mut good = connect_wide(&socket);
        good.write_all(b"one\n").await.unwrap();
        let mut line = [0; 4];
        good.read_exact(&mut line).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;

        // The largest alone is gone, and that is enough.
        let figures = setup.entrance.settings.metrics.read();
        assert!(figures.ended.contains(&("memory", 1)), "{:?}", figures.ended);
        assert_eq!(figures.active, 4);
        assert!(!budget.is_over() && budget.held() == 65_000, "{}", budget.held());
        good.write_all(b"two\n").await.unwrap();
        good.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"two\n");
        // Who waited with reading goes on.
        holders[1].write_all(b"\n").await.unwrap();
        let mut answer = vec![0; 30_001];
        holders[1].read_exact(&mut answer).await.unwrap();
        setup.stop.cancel();
        setup.registry.abort();
        drop(setup);
        // Its end: there is nothing left to look at.
        keeper.await.unwrap();
    }
    .with_subscriber(log.dispatch())
    .await;
    assert_eq!(log.count(Level::WARN, "connections hold too much"), 1);
    assert_eq!(log.count(Level::INFO, "connections hold less than their limit again"), 1);
}

fn connect_wide(socket: &Script) -> DuplexStream {
    let (client, server) = duplex(64 * 1024);
    socket.push(Ok(Accepted {
        stream: Stream::Boxed(Box::new(server)),
        peer: Peer(Address::Unnamed),
        local: Local(Address::Unnamed),
    }));
    client
}

#[test]
fn automatic_is_a_part_of_what_there_is() {
    use crate::config::MaxBuffered;
    assert_eq!(memory::limit(MaxBuffered::Unlimited), None);
    assert_eq!(memory::limit(MaxBuffered::At(LIMIT)), Some(LIMIT));
    let auto = memory::limit(MaxBuffered::Auto).unwrap();
    assert!(auto >= 1 << 22, "{auto}");
}
