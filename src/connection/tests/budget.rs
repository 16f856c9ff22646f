//! What a connection does while all of them hold too much.

use super::*;

fn setup(budget: &Arc<Budget>) -> Setup {
    let mut setup = Setup::new();
    setup.budget = Arc::clone(budget);
    setup
}

#[tokio::test(start_paused = true)]
async fn who_holds_some_is_not_read_from_and_who_holds_none_is() {
    let budget = Arc::new(Budget::new(Some(10_000)));
    let open = setup(&budget).open(lines(), crate::handler_fn(echo));
    let [(mut small, one), (mut large, two)] = [(), ()].map(|()| {
        let (client, server) = duplex(1 << 20);
        (client, open(ByteStream::Boxed(Box::new(server))))
    });
    write(&mut large, "x".repeat(8000)).await;
    settle().await;
    assert_eq!((one.shared.held(), two.shared.held()), (0, 8000));
    assert!(budget.note(10_001));
    write(&mut large, "y\n").await;
    for _ in 0..3 {
        write(&mut small, "hello\n").await;
        expect(&mut small, "hello\n").await;
    }
    tokio::time::sleep(secs(5)).await;
    assert_eq!(two.shared.held(), 8000, "it waits");
    // There is room again.
    assert!(!budget.note(9_000));
    two.registry.go_on();
    let mut answer = vec![0; 8002];
    large.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[7999..], b"xy\n");
    settle().await;
    assert_eq!(two.shared.held(), 0);
    drop((small, large));
    assert_eq!(
        (one.word().await, two.word().await),
        ("client_closed".to_owned(), "client_closed".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_while_reading_waits() {
    let budget = Arc::new(Budget::new(Some(1)));
    assert!(budget.note(2));
    let (mut client, served) = setup(&budget).timeouts(|t| t.frame = Some(secs(30))).serve(lines(), echo);
    write(&mut client, "x".repeat(5000)).await;
    served.over().await.was("frame_timeout", secs(30));
}

#[tokio::test(start_paused = true)]
async fn who_is_ended_for_it_ends_so() {
    let budget = Arc::new(Budget::new(Some(1)));
    let (mut client, served) = setup(&budget).serve(lines(), echo);
    write(&mut client, "x".repeat(5000)).await;
    settle().await;
    served.shared.abort(EndReason::Memory, None);
    assert_eq!(served.word().await, "memory");
    assert_eq!(read_all(&mut client).await, b"");
}
