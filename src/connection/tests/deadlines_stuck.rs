//! Every deadline holds while a write is stuck.

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Sends more than the stream takes, and then does `next`.
macro_rules! stuck {
    ($setup:expr, $next:expr) => {{
        let (script, served) = $setup.serve_scripted(lines(), |mut conn: Connection<Framing>| async move {
            conn.send(bytes_of(1000)).await?;
            #[allow(clippy::redundant_closure_call)]
            ($next)(conn).await
        });
        script.room(100);
        (script, served)
    }};
}

#[tokio::test(start_paused = true)]
async fn write_when_nothing_is_taken() {
    let (script, served) = stuck!(Setup::new().timeouts(|t| t.write = Some(LIMIT)), silent);
    served.over().await.was("slow_consumer", LIMIT);
    assert_eq!(script.lock().written.len(), 100);
    assert!(!script.lock().shut, "a reset, not a close");
}

#[tokio::test(start_paused = true)]
async fn write_is_put_off_by_each_byte_that_is_taken() {
    let (script, served) = stuck!(Setup::new().timeouts(|t| t.write = Some(LIMIT)), silent);
    for _ in 0..20 {
        tokio::time::sleep(LIMIT - secs(1)).await;
        script.room(1);
    }
    let last = served.started.elapsed();
    served.over().await.was("slow_consumer", last + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn write_is_over_when_all_is_taken() {
    let (script, served) = stuck!(Setup::new().timeouts(|t| t.write = Some(LIMIT)), silent);
    tokio::time::sleep(LIMIT - secs(1)).await;
    script.room(usize::MAX);
    tokio::time::sleep(100 * LIMIT).await;
    assert!(!served.is_over());
    assert_eq!(script.lock().written.len(), 1001);
}

#[tokio::test(start_paused = true)]
async fn write_of_a_handler_that_waits_for_something_else() {
    let setup = Setup::new().timeouts(|t| t.write = Some(LIMIT));
    let (_script, served) = stuck!(setup, |_conn| std::future::pending::<Handled>());
    served.over().await.was("slow_consumer", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn write_of_a_reply_that_the_handler_left_behind() {
    let setup = Setup::new().timeouts(|t| t.write = Some(LIMIT));
    let (script, served) = stuck!(setup, |_conn| async { Ok(()) });
    served.over().await.was("slow_consumer", LIMIT);
    assert!(!script.lock().shut);
}

#[tokio::test(start_paused = true)]
async fn write_off_is_never() {
    let (_script, served) = stuck!(Setup::new(), silent);
    tokio::time::sleep(secs(365 * 24 * 3600)).await;
    assert!(!served.is_over());
}

#[tokio::test(start_paused = true)]
async fn first_frame() {
    let (_script, served) = stuck!(Setup::new().timeouts(|t| t.first_frame = Some(LIMIT)), silent);
    // The linger after it waits for a write that never succeeds, so what was owed decides when it is over.
    settle_until(LIMIT).await;
    assert_eq!(cause(&served), Some(EndReason::FirstFrameTimeout));
}

#[tokio::test(start_paused = true)]
async fn frame() {
    let (script, served) = stuck!(Setup::new().timeouts(|t| t.frame = Some(LIMIT)), silent);
    script.input("hal");
    settle_until(LIMIT).await;
    assert_eq!(cause(&served), Some(EndReason::FrameTimeout));
}

#[tokio::test(start_paused = true)]
async fn idle() {
    let (_script, served) = stuck!(Setup::new().timeouts(|t| t.idle = Some(LIMIT)), silent);
    settle_until(LIMIT).await;
    assert_eq!(cause(&served), Some(EndReason::Idle));
}

#[tokio::test(start_paused = true)]
async fn half_close() {
    let setup = Setup::new().timeouts(|t| t.half_close = Some(LIMIT));
    let (script, served) = stuck!(setup, |mut conn: Connection<Framing>| async move {
        while conn.recv().await?.is_some() {}
        std::future::pending().await
    });
    script.input("");
    settle_until(LIMIT).await;
    assert_eq!(cause(&served), Some(EndReason::HalfCloseTimeout));
}

#[tokio::test(start_paused = true)]
async fn lifetime() {
    let mut setup = Setup::new().timeouts(|t| t.lifetime = Some(LIMIT));
    setup.drain_timeout = Some(secs(5));
    let (_script, served) = stuck!(setup, |_conn| std::future::pending::<Handled>());
    settle_until(LIMIT).await;
    assert_eq!(served.shared.outside.drain.get(), Some(EndReason::Lifetime));
    assert_eq!(cause(&served), None);
    settle_until(secs(5)).await;
    assert_eq!(cause(&served), Some(EndReason::Lifetime));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_owed_after_another_deadline_has_the_write_deadline() {
    let setup = Setup::new().timeouts(|t| {
        t.idle = Some(LIMIT);
        t.write = Some(secs(60));
    });
    let (_script, served) = stuck!(setup, silent);
    served.over().await.was("idle", secs(60));
}

/// Until `limit` after the last millisecond, and not before it: the deadline has just passed.
async fn settle_until(limit: Duration) {
    tokio::time::sleep(limit + Duration::from_millis(3)).await;
}

fn cause(served: &Served) -> Option<EndReason> {
    served.shared.lock().cause
}
