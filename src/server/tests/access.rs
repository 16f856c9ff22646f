//! What becomes of a peer that may not come in.

use tracing::Level;

use super::*;
use crate::config::AccessConfig;
use crate::telemetry::capture::Capture;

/// 192.0.2.0/24 may not come in.
fn denying(dry_run: bool) -> Access {
    let deny = vec!["192.0.2.0/24".parse().unwrap()];
    Access::new(&AccessConfig { deny, dry_run, ..AccessConfig::default() }).unwrap()
}

fn tcp(address: &str) -> Address {
    Address::Tcp(address.parse().unwrap())
}

fn refused(setup: &Setup) -> u64 {
    let figures = setup.entrance.settings.metrics.read();
    figures.refused.iter().find(|(reason, _)| *reason == "refused_access").map_or(0, |(_, count)| *count)
}

#[tokio::test(start_paused = true)]
async fn it_is_turned_away_and_takes_no_place_and_waits_for_none() {
    for when_full in [WhenFull::Queue, WhenFull::Close, WhenFull::Reset] {
        // Two loops wait to accept, and there is place for one.
        let sockets = [(); 2].map(|()| Script::default());
        let setup = Setup::with_access(Some(1), when_full, echo(), denying(false));
        let loops = sockets.each_ref().map(|socket| setup.accept(socket.clone()).1);
        settle().await;
        for peer in ["192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            assert_eq!(connect_as(&sockets[0], tcp(peer)).read(&mut [0]).await.unwrap(), 0);
        }
        assert_eq!(setup.server.inside(), 0);
        let mut client = connect_as(&sockets[0], tcp("192.0.3.1:1"));
        answers(&mut client).await;
        assert_eq!(connect_as(&sockets[1], tcp("192.0.2.1:1")).read(&mut [0]).await.unwrap(), 0);
        answers(&mut client).await;
        assert_eq!(refused(&setup), 3);
        setup.stop.cancel();
        for running in loops {
            running.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_the_backlog_at_the_end_is_asked_too() {
    let (socket, setup) =
        (Script::default(), Setup::with_access(None, WhenFull::Queue, echo(), denying(false)));
    let mut welcome = connect_as(&socket, tcp("192.0.3.1:1"));
    let mut denied = connect_as(&socket, tcp("192.0.2.1:1"));
    setup.stop.cancel();
    setup.accept(socket.clone()).1.await.unwrap();
    assert_eq!(denied.read(&mut [0]).await.unwrap(), 0);
    answers(&mut welcome).await;
    assert_eq!(refused(&setup), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_them_leaves_a_few_lines_which_name_the_rule() {
    const PEERS: u64 = 100;
    let log = Capture::new();
    async {
        let socket = Script::default();
        let setup = Setup::with_access(None, WhenFull::Queue, echo(), denying(false));
        setup.accept(socket.clone());
        for _ in 0..PEERS {
            assert_eq!(connect_as(&socket, tcp("192.0.2.7:4711")).read(&mut [0]).await.unwrap(), 0);
        }
        assert_eq!(refused(&setup), PEERS);
        // Nobody comes any more; the loop's tick alone goes on.
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    .with_subscriber(log.dispatch())
    .await;
    let mut lines = log.lines();
    let rest = lines.pop().unwrap();
    let told = u64::try_from(lines.len()).unwrap();
    assert!((1..=10).contains(&told), "{lines:?}");
    for line in lines {
        assert_eq!((line.level, &line["message"], &line["listener"]), (Level::INFO, "not let in", "test"));
        assert_eq!((&line["peer"], &line["reason"]), ("192.0.2.7:4711", "refused_access"));
        assert_eq!(&line["rule"], "access.deny has 192.0.2.0/24");
    }
    assert_eq!(&rest["message"], "further peers were not let in");
    assert_eq!(rest["suppressed"].parse(), Ok(PEERS - told));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_each_once_and_serves_it() {
    let log = Capture::new();
    async {
        let socket = Script::default();
        let setup = Setup::with_access(Some(1), WhenFull::Queue, echo(), denying(true));
        setup.accept(socket.clone());
        for _ in 0..20 {
            let mut client = connect_as(&socket, tcp("192.0.2.7:4711"));
            answers(&mut client).await;
            drop(client);
            setup.listener.empty().await;
        }
        answers(&mut connect_as(&socket, tcp("192.0.3.7:4711"))).await;
        assert_eq!(setup.entrance.settings.metrics.read().access_dry_runs, 20);
        assert_eq!(refused(&setup), 0);
    }
    .with_subscriber(log.dispatch())
    .await;
    let said = log.count(Level::INFO, "would not be without access.dry_run");
    assert!((1..=10).contains(&said), "{said}");
}
