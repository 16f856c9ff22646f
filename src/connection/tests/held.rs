//! A connection whose lock is not let go of, as by a codec that blocks while it encodes: nobody outside waits for it.

use super::*;
use crate::connection::{ConnectionHandle, ConnectionState, Connections};

impl Served {
    fn outside(&self) -> ConnectionHandle {
        Connections::new(Arc::clone(&self.registry), Arc::clone(&self.gate))
            .get(self.shared.info.id())
            .expect("it is not there")
    }
}

/// One that has echoed a line, and has half of the next.
async fn half_a_line() -> (Script, Served) {
    let (script, served) = Setup::new().serve_scripted(lines(), echo);
    script.input("line\nha");
    served.settle().await;
    (script, served)
}

#[tokio::test(start_paused = true)]
async fn it_is_looked_at_as_it_was_before() {
    let (script, served) = half_a_line().await;
    let held = served.shared.hold();
    script.input("lf\n");
    let status = served.outside().status();
    assert_eq!(status.state, ConnectionState::Receiving);
    assert_eq!((status.bytes_in, status.bytes_out, status.frames_in, status.frames_out), (7, 5, 1, 1));
    assert_eq!((status.input, status.output), (2, 0));
    assert_eq!(served.shared.counters().bytes_in, 7);
    assert_eq!(served.registry.buffered()["test"], Buffered { input: 2, output: 0 });
    assert!(served.outside().sender::<Framing>().is_some());
    #[cfg(feature = "admin")]
    assert_eq!(served.outside().awaits(), Awaits::Frame);
    drop(held);
    served.settle().await;
    assert_eq!(served.outside().status().bytes_out, 10);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_seen_when_it_is_let_go_of() {
    let (script, served) = half_a_line().await;
    script.room(0);
    script.input("lf\n");
    served.settle().await;
    let status = served.outside().status();
    assert_eq!((status.state, status.output), (ConnectionState::Sending, 5));
    assert_eq!(served.registry.buffered()["test"], Buffered { input: 0, output: 5 });
}

#[tokio::test(start_paused = true)]
async fn it_is_told_to_drain_and_does_once_it_can() {
    let (script, served) = Setup::new().serve_scripted(lines(), echo);
    served.settle().await;
    let (handle, held) = (served.outside(), served.shared.hold());
    served.drain();
    assert_eq!(handle.status().state, ConnectionState::Draining);
    drop(held);
    served.settle().await;
    assert!(script.lock().dropped, "it was idle");
    served.over().await.was("drained", Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn cut_off_it_is_counted_once_and_ends_once_it_can() {
    let (_script, served) = half_a_line().await;
    let (handle, held) = (served.outside(), served.shared.hold());
    assert_eq!(served.registry.abort(), 1);
    assert_eq!(served.registry.abort(), 0);
    handle.end();
    handle.drain();
    assert_eq!(served.registry.aborted(), 1);
    drop(held);
    assert_eq!(handle.ended().await, EndReason::DrainAborted);
    assert_eq!(served.word().await, "drain_aborted");
}

#[tokio::test(start_paused = true)]
async fn one_that_only_waits_for_its_client_is_not_counted() {
    let (_client, served) = Setup::new()
        .serve(lines(), |mut conn: Connection<Framing>| async move { Ok(conn.send("bye").await?) });
    served.settle().await;
    let held = served.shared.hold();
    assert_eq!(served.registry.abort(), 0);
    drop(held);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn it_is_told_before_its_task_ran() {
    let (_client, served) = Setup::new().serve(lines(), echo);
    let held = served.shared.hold();
    assert_eq!(served.registry.abort(), 1);
    drop(held);
    assert_eq!(served.word().await, "drain_aborted");
}

#[cfg(feature = "admin")]
#[tokio::test(start_paused = true)]
async fn it_is_asked_and_answers_once_it_can() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(secs(60)));
    let (_script, served) = setup.serve_scripted(lines(), echo);
    served.settle().await;
    let handle = served.outside();
    let mut due = std::pin::pin!(handle.due());
    let held = served.shared.hold();
    assert!(poll_fn(|cx| Poll::Ready(due.as_mut().poll(cx).is_pending())).await);
    drop(held);
    assert_eq!(due.await.unwrap()[0].0, EndReason::Idle);
}
