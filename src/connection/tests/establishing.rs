//! What comes before the first frame, within its deadline.

use std::io;
use std::pin::Pin;

use super::*;

/// A layer that takes its time, and then lets the stream through or fails.
pub(super) struct Slow(pub(super) Duration, pub(super) Option<io::ErrorKind>);

impl Layer for Slow {
    fn take_off(&self, stream: ByteStream) -> Pin<Box<dyn Future<Output = io::Result<ByteStream>> + Send>> {
        let Self(duration, error) = *self;
        Box::pin(async move {
            tokio::time::sleep(duration).await;
            error.map_or(Ok(stream), |error| Err(error.into()))
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
    served.over().await.was("establish_timeout", secs(10));
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
    over.was("establish_failed", secs(1));
    assert!(!over.line["error"].is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_it() {
    let (_client, served) = setup(&[(100, None)], None).serve(lines(), echo);
    tokio::time::sleep(secs(5)).await;
    served.drain();
    served.over().await.was("drained", secs(5));
}
