//! The word for why a connection ended, and that its end harms nobody else.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder, LinesCodec};

use super::*;

/// Panics where it is told to.
#[derive(Clone)]
struct Bomb(&'static str);

impl Decoder for Bomb {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        assert!(self.0 != "decode" || src.is_empty(), "boom");
        Ok((!src.is_empty()).then(|| src.split().freeze()))
    }
}

impl Encoder<Bytes> for Bomb {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&frame);
        assert!(self.0 != "encode" || frame != "bad", "boom");
        Ok(())
    }
}

/// Serves a connection that panics beside one that does not.
async fn panics_alone<F, Fut>(codec: Bomb, handler: F) -> Vec<u8>
where
    F: Fn(Connection<Bomb>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Handled> + Send + 'static,
{
    let setup = Setup::new();
    let (registry, gate) = (Arc::clone(&setup.registry), Arc::clone(&setup.gate));
    let (mut other, served_other) = Setup { registry, gate, ..Setup::new() }.serve(lines(), echo);

    let (mut client, served) = setup.serve(codec, handler);
    write(&mut client, "bad").await;
    let reply = read_all(&mut client).await;
    drop(client);
    served.task.await.expect("the panic was not contained");
    let line = served.log.ended().remove(0);
    assert_eq!((&line["reason"], &line["error"]), ("handler_panic", "boom"));
    assert_eq!(served.log.count(tracing::Level::WARN, "a handler failed"), 1);
    assert_eq!(served_other.gate.inside(), 1, "the permit was given back");

    write(&mut other, "still here\n").await;
    expect(&mut other, "still here\n").await;
    drop(other);
    assert_eq!(served_other.word().await, "client_closed");
    reply
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_handler() {
    let reply = panics_alone(Bomb(""), |mut conn: Connection<Bomb>| async move {
        let frame = conn.recv().await?.unwrap();
        conn.send(frame).await?;
        panic!("boom")
    })
    .await;
    assert_eq!(reply, b"bad", "what was sent before is delivered");
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await() {
    let explode = |_: &Connection<Bomb>| panic!("boom");
    panics_alone(Bomb(""), move |conn: Connection<Bomb>| {
        explode(&conn);
        std::future::pending::<Handled>()
    })
    .await;
}

/// A handler's future with something in it that panics when it is dropped.
struct PanicsWhenDropped {
    returns: bool,
    _conn: Connection<Framing>,
}

impl Future for PanicsWhenDropped {
    type Output = Handled;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Handled> {
        if self.returns { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("boom");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_the_handlers_future() {
    for returns in [true, false] {
        let setup = Setup::new().timeouts(|t| t.idle = Some(secs(10)));
        let (client, served) = setup.serve(lines(), move |_conn| PanicsWhenDropped { returns, _conn });
        tokio::spawn(async move { read_all(&mut { client }).await });
        let over = served.over().await;
        assert_eq!((&*over.word, &over.line["error"]), ("handler_panic", "boom"), "returns: {returns}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_decode() {
    panics_alone(Bomb("decode"), silent).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_encode_sends_no_half_frame() {
    let reply = panics_alone(Bomb("encode"), |mut conn: Connection<Bomb>| async move {
        conn.send(Bytes::from_static(b"good ")).await?;
        let frame = conn.recv().await?.unwrap();
        Ok(conn.send(frame).await?)
    })
    .await;
    assert_eq!(reply, b"good ");
}

#[tokio::test(start_paused = true)]
async fn a_handlers_own_word() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.send("no").await?;
        Err(HandlerError::end("bad_login"))
    });
    assert_eq!(read_all(&mut client).await, b"no\n");
    drop(client);
    let log = served.log.clone();
    assert_eq!(served.word().await, "bad_login");
    assert_eq!(log.count(tracing::Level::WARN, ""), 0, "it is no failure");
}

#[tokio::test(start_paused = true)]
async fn a_handlers_error() {
    let (client, served) = Setup::new().serve(lines(), |_conn: Connection<Framing>| async move {
        Err(HandlerError::from("no such\ntable"))
    });
    drop(client);
    let log = served.log.clone();
    let over = served.over().await;
    assert_eq!(over.word, "handler_error");
    assert!(over.line["error"].starts_with("no such") && !over.line["error"].contains('\n'));
    assert_eq!(log.count(tracing::Level::WARN, "a handler failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_first() {
    let (client, served) =
        Setup::new().serve(lines(), |_conn: Connection<Framing>| std::future::ready(Handled::Ok(())));
    drop(client);
    assert_eq!(served.word().await, "handler_done");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resets_while_it_is_read() {
    let (script, served) = Setup::new().serve_scripted(lines(), echo);
    script.input_error(io::ErrorKind::ConnectionReset);
    assert_eq!(served.word().await, "client_reset");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resets_while_it_is_written() {
    for next in ["recv", "other"] {
        let (script, served) = Setup::new().serve_scripted(lines(), move |mut conn| async move {
            conn.send("a").await?;
            if next == "recv" { silent(conn).await } else { std::future::pending().await }
        });
        script.fail_writes(io::ErrorKind::BrokenPipe);
        assert_eq!(served.word().await, "client_reset", "{next}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resets_while_the_last_reply_is_written() {
    let (script, served) = Setup::new()
        .serve_scripted(lines(), |mut conn: Connection<Framing>| async move { Ok(conn.send("a").await?) });
    script.fail_writes(io::ErrorKind::BrokenPipe);
    assert_eq!(served.word().await, "client_reset");
}

#[tokio::test(start_paused = true)]
async fn a_bad_frame_may_be_answered() {
    let (mut client, served) =
        Setup::new().serve(LinesCodec::new(), |mut conn: Connection<LinesCodec>| async move {
            let error = conn.recv().await.unwrap_err();
            assert!(matches!(error, ConnectionError::BadFrame(_)), "{error:?}");
            assert!(conn.recv().await?.is_none());
            conn.send("that was no UTF-8").await?;
            Err(error.into())
        });
    write(&mut client, b"\xff\xfe\nmore\n").await;
    assert_eq!(read_all(&mut client).await, b"that was no UTF-8\n");
    drop(client);
    assert_eq!(served.word().await, "bad_frame");
}

#[tokio::test(start_paused = true)]
async fn the_first_cause_wins() {
    let (mut client, served) = Setup::new().serve(LinesCodec::new(), |mut conn| async move {
        conn.recv().await.unwrap_err();
        Err(HandlerError::end("something_else"))
    });
    write(&mut client, b"\xff\xfe\n").await;
    drop(client);
    assert_eq!(served.word().await, "bad_frame");
}
