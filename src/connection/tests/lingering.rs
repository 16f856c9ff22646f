//! Closing destroys nothing that is owed, and does not wait for a client forever.

use super::raw::socket;
use super::*;

const MIB: usize = 1024 * 1024;

/// Answers the first frame with a mebibyte and returns, whatever else is in the input.
async fn answer_at_length(mut conn: Connection<Framing>) -> Handled {
    conn.recv().await?;
    Ok(conn.send(bytes_of(MIB)).await?)
}

#[tokio::test(start_paused = true)]
async fn a_long_reply_arrives_whole_though_input_is_unread() {
    let (mut client, served) = Setup::new().serve(Framing::default(), answer_at_length);
    write(&mut client, bytes_of(60_000)).await;
    served.settle().await;
    write(&mut client, bytes_of(60_000)).await;
    let reply = read_all(&mut client).await;
    assert_eq!(reply.len(), MIB);
    // Its end was told by a FIN; the connection still waits for ours.
    served.settle().await;
    assert!(!served.is_over());
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!((&*over.word, &over.line["bytes_in"]), ("handler_done", "120000"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_writes_everything_before_it_reads() {
    let (mut client, server) = duplex(1000);
    let served =
        Setup::new().serve_over(ByteStream::Boxed(Box::new(server)), Framing::default(), answer_at_length);
    // Far more than fits: nobody reads the reply until all of it is gone.
    write(&mut client, bytes_of(MIB / 2)).await;
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut client).await.len(), MIB);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_half_close_which_a_trickle_does_not_put_off() {
    let setup = Setup::new().timeouts(|t| t.half_close = Some(secs(10)));
    let (client, served) = setup.serve(lines(), |_conn| std::future::ready(Handled::Ok(())));
    let (mut reader, mut writer) = tokio::io::split(client);
    tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(secs(1)).await;
        }
    });
    let mut all = Vec::new();
    reader.read_to_end(&mut all).await.unwrap();
    assert!(served.started.elapsed() < secs(1), "the FIN comes at once");
    served.over().await.was("handler_done", secs(10));
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_a_mebibyte() {
    let (mut client, served) = Setup::new().serve(lines(), |_conn| std::future::ready(Handled::Ok(())));
    let mut sent = 0;
    while client.write_all(&[b'x'; 1000]).await.is_ok() {
        sent += 1000;
        assert!(sent < 2 * MIB, "the flood is never cut");
    }
    assert!(sent + 1000 >= MIB, "{sent}");
    let over = served.over().await;
    assert_eq!((&*over.word, over.line["bytes_in"].parse()), ("handler_done", Ok(MIB)));
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_the_clients_reset() {
    let (script, served) = Setup::new().serve_scripted(lines(), |_conn| std::future::ready(Handled::Ok(())));
    served.settle().await;
    assert!(script.lock().shut);
    assert!(!served.is_over());
    script.input_error(std::io::ErrorKind::ConnectionReset);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn there_is_none_where_nothing_was_on_its_way() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(secs(10)));
    let (script, served) = setup.serve_scripted(lines(), echo);
    script.input("a\n");
    served.over().await.was("idle", secs(10));
    assert!(script.lock().shut);
}

#[tokio::test(start_paused = true)]
async fn there_is_one_where_unread_input_is_found() {
    let setup = Setup::new().timeouts(|t| {
        t.idle = Some(secs(10));
        t.half_close = Some(secs(5));
    });
    let (script, served) =
        setup.serve_scripted(lines(), |_conn: Connection<Framing>| std::future::pending::<Handled>());
    script.input("never read\n");
    let over = served.over().await;
    over.was("idle", secs(15));
    assert_eq!(&over.line["bytes_in"], "11");
}

#[tokio::test(start_paused = true)]
async fn the_last_reply_of_an_idle_connection_is_waited_for() {
    let setup = Setup::new().timeouts(|t| t.idle = Some(secs(10)));
    let (mut client, served) = setup.serve(lines(), |mut conn: Connection<Framing>| async move {
        let error = conn.recv().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Ended(EndReason::Idle)));
        Err(error.into())
    });
    assert_eq!(read_all(&mut client).await, b"");
    served.over().await.was("idle", secs(10));
}

/// Ends when it is told to, or must be cut.
async fn outlives(cut: bool, mut conn: Connection<Framing>) -> Handled {
    conn.send("half of the ans").await?;
    conn.drain().begun().await;
    if cut { std::future::pending().await } else { Ok(()) }
}

#[tokio::test(start_paused = true)]
async fn what_a_lifetime_cut_off_does_not_look_finished() {
    for cut in [true, false] {
        let mut setup = Setup::new().timeouts(|t| t.lifetime = Some(secs(10)));
        setup.drain_timeout = Some(secs(5));
        let (script, served) = setup.serve_scripted(lines(), move |conn| outlives(cut, conn));
        tokio::time::sleep(secs(12)).await;
        script.input("");
        served.over().await.was("lifetime", secs(if cut { 15 } else { 12 }));
        let script = script.lock();
        assert_eq!((script.shut, script.dropped), (!cut, true));
    }
}

#[tokio::test]
async fn what_a_lifetime_cut_off_is_reset() {
    for cut in [true, false] {
        let mut setup = Setup::new().timeouts(|t| t.lifetime = Some(Duration::from_millis(10)));
        setup.drain_timeout = cut.then_some(Duration::ZERO);
        let (mut client, stream) = socket().await;
        let served = setup.serve_over(stream, lines(), move |conn| outlives(cut, conn));
        let read = client.read_to_end(&mut Vec::new()).await.map_err(|error| error.kind());
        // Wine tells many a reader of a reset as of an end.
        if !(cut && cfg!(wine)) {
            assert_eq!(read.is_ok(), !cut, "{read:?}");
        }
        drop(client);
        assert_eq!(served.word().await, "lifetime");
    }
}
