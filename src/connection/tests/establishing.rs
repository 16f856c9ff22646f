//! What comes before the first frame, within its deadline.

use std::io;

use super::*;

/// A layer that takes its time, and then lets the stream through or fails.
pub(super) struct Slow(pub(super) Duration, pub(super) Option<io::ErrorKind>);

impl Layer for Slow {
    fn step(&self) -> Step {
        Step::Tls
    }

    fn take_off(&self, layered: Layered) -> TakeOff<'_> {
        let Self(duration, error) = *self;
        Box::pin(async move {
            tokio::time::sleep(duration).await;
            error.map_or(Ok(layered), |error| Err(io::Error::from(error).into()))
        })
    }
}

fn setup(layers: &[(u64, Option<io::ErrorKind>)], limit: Option<Duration>) -> Setup {
    let mut setup = Setup::new().timeouts(|t| t.establish = limit);
    for &(seconds, error) in layers {
        setup.layers.push(Box::new(Slow(secs(seconds), error)));
    }
    setup
}

#[tokio::test(start_paused = true)]
async fn one_deadline_spans_all_layers() {
    let (mut client, served) = setup(&[(4, None), (4, None), (4, None)], Some(secs(10))).serve(lines(), echo);
    served.over().await.was("establish_tls_timeout", secs(10));
    assert_eq!(read_all(&mut client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn in_time_the_handler_gets_the_stream() {
    let (mut client, served) = setup(&[(4, None), (5, None)], Some(secs(10))).serve(lines(), echo);
    write(&mut client, "early\n").await;
    expect(&mut client, "early\n").await;
    assert!(served.started.elapsed() >= secs(9));
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn until_then_it_is_counted_as_establishing() {
    for (error, started) in [(None, 1), (Some(io::ErrorKind::InvalidData), 0)] {
        let (_client, served) = setup(&[(4, error)], None).serve(lines(), echo);
        served.settle().await;
        let figures = || served.shared.settings().metrics.read();
        assert_eq!((figures().active, figures().establishing), (1, 1));
        tokio::time::sleep(secs(4)).await;
        assert_eq!((figures().active, figures().establishing), (started, 0));
        assert_eq!(figures().establish_durations.count, started);
    }
}

#[tokio::test(start_paused = true)]
async fn off_is_never() {
    let (mut client, served) = setup(&[(1_000_000, None)], None).serve(lines(), echo);
    write(&mut client, "early\n").await;
    expect(&mut client, "early\n").await;
    assert!(!served.is_over());
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_fails() {
    let (_client, served) =
        setup(&[(1, Some(io::ErrorKind::InvalidData))], Some(secs(10))).serve(lines(), echo);
    let over = served.over().await;
    over.was("establish_tls", secs(1));
    assert!(!over.line["error"].is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_it() {
    let (_client, served) = setup(&[(100, None)], None).serve(lines(), echo);
    tokio::time::sleep(secs(5)).await;
    served.drain();
    served.over().await.was("drained", secs(5));
}

#[tokio::test(start_paused = true)]
async fn it_is_counted_until_the_handler_starts() {
    let (mut client, served) = setup(&[(4, None)], None).serve(lines(), echo);
    settle().await;
    let counted = |shared: &Shared| {
        let figures = shared.settings().metrics.read();
        [figures.establishing, figures.active, figures.establish_durations.count, figures.durations.count]
    };
    assert_eq!(counted(&served.shared), [1, 1, 0, 0]);
    tokio::time::sleep(secs(4)).await;
    assert_eq!(counted(&served.shared), [0, 1, 1, 0]);
    let metrics = Arc::clone(&served.shared.settings().metrics);
    let up_to: Vec<_> =
        metrics.read().establish_durations.up_to.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(up_to, [("10.0", 1)], "four seconds");
    client.shutdown().await.unwrap();
    let shared = Arc::clone(&served.shared);
    assert_eq!(served.word().await, "client_closed");
    assert_eq!(counted(&shared), [0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn one_that_never_comes_so_far_is_counted_as_ended_alone() {
    for (layers, word) in
        [([(100, None)], "establish_tls_timeout"), ([(1, Some(io::ErrorKind::InvalidData))], "establish_tls")]
    {
        let (_client, served) = setup(&layers, Some(secs(10))).serve(lines(), echo);
        let metrics = Arc::clone(&served.shared.settings().metrics);
        assert_eq!(served.word().await, word);
        let figures = metrics.read();
        assert_eq!((figures.active, figures.establishing, figures.establish_durations.count), (0, 0, 0));
        assert!(figures.ended.contains(&(word, 1)), "{:?}", figures.ended);
    }
}

/// A library's user may drop the runtime with all that runs on it.
#[tokio::test(start_paused = true)]
async fn a_task_that_is_dropped_has_ended() {
    for layers in [&[(100, None)][..], &[]] {
        let (_client, served) = setup(layers, None).serve(lines(), echo);
        settle().await;
        let metrics = Arc::clone(&served.shared.settings().metrics);
        served.task.abort();
        assert!(served.task.await.unwrap_err().is_cancelled());
        let figures = metrics.read();
        assert_eq!((figures.accepted, figures.active, figures.establishing), (1, 0, 0));
        assert!(figures.ended.contains(&("drain_aborted", 1)), "{:?}", figures.ended);
    }
}
