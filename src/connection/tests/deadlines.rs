//! Each deadline fires when it should, neither early nor late, and only then.

use tokio_util::codec::LengthDelimitedCodec;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn off_is_never() {
    let (mut client, served) = Setup::new().serve(lines(), echo);
    write(&mut client, "half a li").await;
    tokio::time::sleep(secs(365 * 24 * 3600)).await;
    assert!(!served.is_over());
    write(&mut client, "ne\n").await;
    expect(&mut client, "half a line\n").await;
    drop(client);
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn first_frame_without_a_byte() {
    let setup = Setup::new().timeouts(|t| t.first_frame = Some(LIMIT));
    let (_client, served) = setup.serve(lines(), echo);
    served.over().await.was("first_frame_timeout", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn first_frame_is_not_put_off_by_single_bytes() {
    let setup = Setup::new().timeouts(|t| t.first_frame = Some(LIMIT));
    let (client, served) = setup.serve(lines(), echo);
    trickle(client, secs(1));
    served.over().await.was("first_frame_timeout", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn first_frame_is_only_for_the_first() {
    let setup = Setup::new().timeouts(|t| t.first_frame = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), echo);
    tokio::time::sleep(LIMIT - Duration::from_millis(2)).await;
    write(&mut client, "a\n").await;
    expect(&mut client, "a\n").await;
    tokio::time::sleep(100 * LIMIT).await;
    assert!(!served.is_over());
}

#[tokio::test(start_paused = true)]
async fn first_frame_counts_from_where_the_handler_waits_for_it() {
    let setup = Setup::new().timeouts(|t| t.first_frame = Some(LIMIT));
    let (_client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        tokio::time::sleep(secs(100)).await;
        conn.recv().await?;
        Ok(())
    });
    served.over().await.was("first_frame_timeout", secs(100) + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn frame_of_which_the_rest_does_not_come() {
    let setup = Setup::new().timeouts(|t| t.frame = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), echo);
    tokio::time::sleep(secs(100)).await;
    write(&mut client, "whole\nhal").await;
    expect(&mut client, "whole\n").await;
    served.over().await.was("frame_timeout", secs(100) + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn frame_is_not_put_off_by_a_byte_a_second() {
    let setup = Setup::new().timeouts(|t| t.frame = Some(LIMIT));
    let (client, served) = setup.serve(lines(), echo);
    trickle(client, secs(1));
    // The first byte comes at once.
    served.over().await.was("frame_timeout", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn frame_begins_anew_with_each_frame() {
    let setup = Setup::new().timeouts(|t| t.frame = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), echo);
    for _ in 0..20 {
        // Never without a half frame, and no frame takes longer than the limit.
        write(&mut client, "first half,").await;
        tokio::time::sleep(LIMIT - secs(1)).await;
        write(&mut client, " second\nnext: ").await;
    }
    assert!(!served.is_over());
    let begun = served.started.elapsed();
    served.over().await.was("frame_timeout", begun + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn frame_is_not_for_a_handler_that_does_not_receive() {
    let setup = Setup::new().timeouts(|t| t.frame = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.recv().await?;
        tokio::time::sleep(secs(100)).await;
        conn.recv().await?;
        Ok(())
    });
    write(&mut client, "whole\nhal").await;
    served.over().await.was("frame_timeout", secs(100) + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn frame_with_a_codec_of_tokio_util() {
    let setup = Setup::new().timeouts(|t| t.frame = Some(LIMIT));
    let (mut client, served) = setup.serve(LengthDelimitedCodec::new(), silent);
    write(&mut client, [0, 0, 0, 9, 1, 2, 3]).await;
    served.over().await.was("frame_timeout", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn idle_without_anything() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), echo);
    let over = served.over().await;
    over.was("idle", LIMIT);
    assert_eq!(read_all(&mut client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn idle_is_put_off_by_frames_that_come_in() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), silent);
    for _ in 0..20 {
        tokio::time::sleep(LIMIT - secs(1)).await;
        write(&mut client, "still here\n").await;
    }
    let last = served.started.elapsed();
    served.over().await.was("idle", last + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn idle_is_put_off_by_bytes_that_were_written() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(LIMIT));
    let (_client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        for _ in 0..20 {
            tokio::time::sleep(LIMIT - secs(1)).await;
            conn.send("working").await?;
        }
        std::future::pending().await
    });
    served.over().await.was("idle", 20 * (LIMIT - secs(1)) + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn idle_is_not_put_off_by_half_frames() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(LIMIT));
    let (client, served) = setup.serve(lines(), echo);
    trickle(client, secs(1));
    served.over().await.was("idle", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn idle_holds_for_a_handler_that_works() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(LIMIT));
    let (_client, served) =
        setup.serve(lines(), |_conn: Connection<Framing>| std::future::pending::<Handled>());
    served.over().await.was("idle", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn idle_holds_after_a_burst_that_used_up_the_tasks_budget() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(LIMIT));
    let (script, served) = setup.serve_scripted(lines(), echo);
    script.input("\n".repeat(60_000));
    served.over().await.was("idle", LIMIT);
}

#[tokio::test(start_paused = true)]
async fn half_close_of_a_handler_that_says_no_more() {
    let setup = Setup::new().timeouts(|t| t.half_close = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        while conn.recv().await?.is_some() {}
        std::future::pending().await
    });
    tokio::time::sleep(secs(100)).await;
    client.shutdown().await.unwrap();
    served.over().await.was("half_close_timeout", secs(100) + LIMIT);
}

#[tokio::test(start_paused = true)]
async fn half_close_is_put_off_by_bytes_that_were_written() {
    let setup = Setup::new().timeouts(|t| t.half_close = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        while conn.recv().await?.is_some() {}
        for _ in 0..20 {
            tokio::time::sleep(LIMIT - secs(1)).await;
            conn.send("more").await?;
        }
        std::future::pending().await
    });
    client.shutdown().await.unwrap();
    served.over().await.was("half_close_timeout", 20 * (LIMIT - secs(1)) + LIMIT);
    assert_eq!(read_all(&mut client).await, b"more\n".repeat(20));
}

#[tokio::test(start_paused = true)]
async fn lifetime_without_jitter() {
    let setup = Setup::new().timeouts(|t| t.lifetime = Some(LIMIT));
    let (mut client, served) = setup.serve(lines(), echo);
    write(&mut client, "a\n").await;
    served.over().await.was("lifetime", LIMIT);
    assert_eq!(read_all(&mut client).await, b"a\n");
}

#[tokio::test(start_paused = true)]
async fn lifetime_with_jitter_stays_in_its_range() {
    let mut seen = Vec::new();
    for _ in 0..60 {
        let setup = Setup::new().timeouts(|t| {
            t.lifetime = Some(secs(100));
            t.lifetime_jitter = 0.5;
        });
        let (_client, served) = setup.serve(lines(), echo);
        let over = served.over().await;
        assert_eq!(over.word, "lifetime");
        seen.push(over.after);
    }
    let (least, most) = (*seen.iter().min().unwrap(), *seen.iter().max().unwrap());
    assert!(least >= secs(50) && most <= secs(100) + Duration::from_millis(3), "{least:?} to {most:?}");
    // The chance that 60 of them lie this close together is below 1e-6.
    assert!(most - least > secs(20), "{least:?} to {most:?}");
}

#[tokio::test(start_paused = true)]
async fn lifetime_of_a_busy_handler_then_cut() {
    let mut setup = Setup::new().timeouts(|t| t.lifetime = Some(LIMIT));
    setup.drain_timeout = Some(secs(5));
    let (mut client, served) = setup.serve(lines(), |conn: Connection<Framing>| async move {
        conn.drain().begun().await;
        std::future::pending().await
    });
    tokio::spawn(async move { read_all(&mut client).await });
    served.over().await.was("lifetime", LIMIT + secs(5));
}

#[tokio::test(start_paused = true)]
async fn lifetime_of_a_busy_handler_that_uses_its_grace() {
    let mut setup = Setup::new().timeouts(|t| t.lifetime = Some(LIMIT));
    setup.drain_timeout = Some(secs(5));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.recv().await?;
        conn.drain().begun().await;
        tokio::time::sleep(secs(4)).await;
        assert!(conn.recv().await?.is_none());
        Ok(conn.send("bye").await?)
    });
    write(&mut client, "a\n").await;
    let reply = tokio::spawn(async move { read_all(&mut client).await });
    served.over().await.was("lifetime", LIMIT + secs(4));
    assert_eq!(reply.await.unwrap(), b"bye\n");
}

#[tokio::test(start_paused = true)]
async fn the_nearest_deadline_wins() {
    let setup = Setup::new().timeouts(|t| {
        t.first_frame = Some(secs(30));
        t.frame = Some(secs(20));
        t.idle = Some(secs(25));
        t.lifetime = Some(secs(40));
    });
    let (mut client, served) = setup.serve(lines(), echo);
    tokio::time::sleep(secs(3)).await;
    write(&mut client, "hal").await;
    served.over().await.was("frame_timeout", secs(23));
}

/// Sends a byte now and then, forever.
fn trickle(mut client: DuplexStream, every: Duration) {
    tokio::spawn(async move {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(every).await;
        }
    });
}
