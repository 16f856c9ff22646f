//! An idle connection holds no buffer.

use std::sync::Mutex;

use tokio::sync::mpsc;

use super::*;

/// Echoes, and tells what the receiving end holds each time it waits.
fn weighed() -> (mpsc::Receiver<usize>, impl Fn(Connection<Framing>) -> Weighed + Send + Sync + 'static) {
    let (weight, weights) = mpsc::channel(100);
    let weight = Mutex::new(Some(weight));
    (weights, move |mut conn: Connection<Framing>| {
        let weight = weight.lock().unwrap().take().unwrap();
        Box::pin(async move {
            loop {
                let frame = {
                    let mut recv = std::pin::pin!(conn.recv());
                    poll_fn(|cx| recv.as_mut().poll(cx).map(Some).or_else_pending()).await
                };
                match frame {
                    Some(frame) => {
                        let Some(frame) = frame? else { return Ok(()) };
                        conn.send(frame).await?;
                    }
                    None => {
                        weight.send(conn.receiving.input.capacity()).await.unwrap();
                        let Some(frame) = conn.recv().await? else { return Ok(()) };
                        conn.send(frame).await?;
                    }
                }
            }
        }) as Weighed
    })
}
type Weighed = Pin<Box<dyn Future<Output = Handled> + Send>>;

trait OrElsePending<T> {
    fn or_else_pending(self) -> Poll<Option<T>>;
}

impl<T> OrElsePending<T> for Poll<Option<T>> {
    /// Ready at once: with `None` where it was pending.
    fn or_else_pending(self) -> Self {
        match self {
            Self::Pending => Self::Ready(None),
            ready => ready,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn none_when_idle() {
    for size in [1, 1000, 20_000, 60_000] {
        for codec in [Framing::default(), lines()] {
            let (mut weights, handler) = weighed();
            let (script, served) = Setup::new().serve_scripted(codec, handler);
            assert_eq!(weights.recv().await, Some(0));
            let mut input = vec![b'x'; size];
            input.push(b'\n');
            script.input(input);
            served.settle().await;
            assert_eq!(weights.recv().await, Some(0), "{size} bytes in");
            let core = served.shared.lock();
            assert_eq!(core.output.capacity(), 0, "{size} bytes out");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_frame_holds_about_itself() {
    let (mut weights, handler) = weighed();
    let (script, served) = Setup::new().serve_scripted(lines(), handler);
    assert_eq!(weights.recv().await, Some(0));
    // A large read, of which only a few bytes are left when the frame in it is taken.
    script.input([&b"x".repeat(50_000)[..], b"\nhal"].concat());
    served.settle().await;
    let holds = weights.recv().await.unwrap();
    assert!((3..=4096).contains(&holds), "{holds}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_was_stuck_gives_its_buffer_back() {
    let (script, served) = Setup::new().serve_scripted(lines(), echo);
    script.room(10);
    script.input("x\n".repeat(10_000));
    served.settle().await;
    assert!(served.shared.lock().output.capacity() > 0);
    script.room(usize::MAX);
    served.settle().await;
    assert_eq!(script.lock().written.len(), 20_000);
    assert_eq!(served.shared.lock().output.capacity(), 0);
}

// The two largest allocations of an idle connection sit right below a size class of the allocator: see "Where the memory of
// an idle connection goes" in docs/performance.md.

/// With its header tokio makes 512 of the task's 408. A word more is 640.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_task_stays_in_its_size_class() {
    fn size_of_returned<A, B, F>(_: fn(A, B) -> F) -> usize {
        size_of::<F>()
    }
    let task = size_of_returned(run::<crate::handler::Echo, fn(&crate::handler::Echo) -> Framing>);
    assert!(task <= 408, "{task}");
}

/// With the counts of its `Arc` it is 320. A word more is 384.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn what_is_shared_stays_in_its_size_class() {
    let shared = size_of::<Shared>();
    assert!(shared <= 304, "{shared}");
}
