//! One frame for many clients.

use std::sync::Mutex;

use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use super::*;
use crate::codec::{Length, LengthOptions};
use crate::connection::mark::Mark;

/// The senders of all clients whose handlers have started.
type Senders<C> = Arc<Mutex<Vec<Sender<C>>>>;

/// A handler that leaves its sender here and receives until the end.
fn joining<C: Codec>(senders: &Senders<C>) -> impl Handler<Codec = C> {
    let senders = Arc::clone(senders);
    crate::handler_fn(move |conn: Connection<C>| {
        let (mut receiver, sender) = conn.split();
        senders.lock().unwrap().push(sender);
        async move {
            while receiver.recv().await?.is_some() {}
            Ok(())
        }
    })
}

fn all<C>(senders: &Senders<C>) -> Vec<Sender<C>> {
    senders.lock().unwrap().clone()
}

/// Clients of one listener, all of whose handlers have started.
async fn clients<C>(setup: Setup, codec: C, count: usize, senders: &Senders<C>) -> Vec<(Script, Served)>
where
    C: Codec + Clone + Sync,
{
    let accept = setup.open(codec, joining(senders));
    let clients = (0..count).map(|_| {
        let (script, stream) = Script::new();
        (script, accept(ByteStream::Boxed(Box::new(stream))))
    });
    let clients = clients.collect();
    settle().await;
    clients
}

fn length() -> Framing {
    Framing::new(Length::new(LengthOptions::default()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn of_five_thousand_clients_none_has_a_copy() {
    const PAYLOAD: usize = 60_000;
    let senders = Senders::default();
    let clients = clients(Setup::new(), lines(), 5_000, &senders).await;
    let frame = SharedFrame::new(bytes_of(PAYLOAD));
    for (script, _) in &clients {
        script.room(0);
    }
    for sender in all(&senders) {
        sender.try_send_shared(&frame).unwrap();
    }
    settle().await;
    let waits = |served: &Served| {
        let core = served.shared.lock();
        assert_eq!(core.output.len(), PAYLOAD + 1);
        assert!(core.output.capacity() < 200, "{}", core.output.capacity());
        let [piece] = &core.output.pieces()[..] else { panic!("not in one piece") };
        piece.as_ptr()
    };
    let first = waits(&clients[0].1);
    assert!(clients.iter().all(|(_, served)| waits(served) == first));
    for (script, _) in &clients {
        script.room(usize::MAX);
    }
    settle().await;
    for (script, served) in &clients {
        assert_eq!(script.lock().written.len(), PAYLOAD + 1);
        assert_eq!(served.shared.lock().output.capacity(), 0);
        assert_eq!(served.shared.counters().frames_out, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn each_listeners_clients_get_it_in_their_codec() {
    let senders = Senders::default();
    let lines = clients(Setup::new(), lines(), 3, &senders).await;
    let length = clients(Setup::new(), length(), 3, &senders).await;
    let frame = SharedFrame::new("halo".to_owned());
    for sender in all(&senders) {
        sender.send_shared(&frame).await.unwrap();
    }
    settle().await;
    for (clients, expected) in [(lines, &b"halo\n"[..]), (length, b"\0\0\0\x04halo")] {
        for (script, _) in clients {
            assert_eq!(script.lock().written, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_keeps_its_place_among_frames_of_ones_own() {
    let (mut client, served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let (mut receiver, sender) = conn.split();
        let shared = SharedFrame::new("all");
        while let Some(line) = receiver.recv().await? {
            sender.send(line).await?;
            sender.send_shared(&shared).await?;
            sender.send_shared(&shared).await?;
            sender.send(bytes_of(5_000)).await?;
            sender.try_send_shared(&shared).unwrap();
            sender.send("last").await?;
        }
        Ok(())
    });
    let long = "x".repeat(5_000);
    for line in ["a", "b"] {
        write(&mut client, format!("{line}\n")).await;
        expect(&mut client, &format!("{line}\nall\nall\n{long}\nall\nlast\n")).await;
    }
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn it_is_not_encoded_by_what_the_clients_codec_has_learnt() {
    let senders = Senders::default();
    let clients = clients(Setup::new(), lines(), 2, &senders).await;
    for (script, _) in &clients {
        script.input("windows\r\n");
    }
    settle().await;
    let frame = SharedFrame::new("all");
    for sender in all(&senders) {
        sender.try_send("own").unwrap();
        sender.try_send_shared(&frame).unwrap();
    }
    settle().await;
    for (script, _) in clients {
        assert_eq!(script.lock().written, b"own\r\nall\n");
    }
}

#[tokio::test(start_paused = true)]
async fn who_changed_the_codec_gets_it_in_that_one() {
    let (mut client, _served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let (_receiver, sender) = conn.with_codec(length()).split();
        let frame = SharedFrame::new("same type");
        sender.send_shared(&frame).await?;
        std::future::pending().await
    });
    expect(&mut client, "\0\0\0\x09same type").await;

    let (mut client, _served) = Setup::new().serve(lines(), |conn: Connection<Framing>| async move {
        let (_receiver, sender) = conn.with_codec(LengthDelimitedCodec::new()).split();
        let frame = SharedFrame::new(Bytes::from_static(b"another"));
        sender.send_shared(&frame).await?;
        std::future::pending().await
    });
    expect(&mut client, "\0\0\0\x07another").await;
}

#[tokio::test(start_paused = true)]
async fn frames_of_a_byte_do_not_fill_the_memory() {
    let senders = Senders::default();
    let setup = Setup::new().limits(|l| l.output = 10_000);
    let clients = clients(setup, Framing::default(), 1, &senders).await;
    let [(script, served)] = &clients[..] else { unreachable!() };
    script.room(0);
    let frame = SharedFrame::new("x");
    let sender = all(&senders).remove(0);
    let sent = (0..100_000).take_while(|_| sender.try_send_shared(&frame).is_ok()).count();
    assert!((100..1_000).contains(&sent), "{sent}");
    assert!(matches!(sender.try_send_shared(&frame), Err(TrySendError::Full(()))));
    assert!(served.shared.lock().output.capacity() < 2 * 10_000);
    script.room(usize::MAX);
    settle().await;
    sender.try_send_shared(&frame).unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_room_like_any_other() {
    let setup = Setup::new().limits(|l| l.flush_at = 100);
    let (script, served) = setup.serve_scripted(lines(), |conn: Connection<Framing>| async move {
        let (_receiver, sender) = conn.split();
        let long = SharedFrame::new(bytes_of(200));
        sender.send_shared(&long).await?;
        timeout(secs(5), sender.send_shared(&SharedFrame::new("never"))).await.unwrap_err();
        sender.send_shared(&SharedFrame::new("later")).await?;
        Ok(())
    });
    script.room(0);
    tokio::time::sleep(secs(6)).await;
    assert_eq!(served.shared.lock().wakers.waiting(), 1);
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert!(script.lock().written.ends_with(b"x\nlater\n"));
}

/// Counts what it encodes, and refuses some.
#[derive(Clone)]
struct Counting(Arc<AtomicU64>);

impl Decoder for Counting {
    type Item = ();
    type Error = std::io::Error;

    fn decode(&mut self, src: &mut bytes::BytesMut) -> std::io::Result<Option<()>> {
        src.clear();
        Ok(None)
    }
}

impl Encoder<&'static str> for Counting {
    type Error = std::io::Error;

    fn encode(&mut self, frame: &'static str, dst: &mut bytes::BytesMut) -> std::io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        dst.extend_from_slice(frame.as_bytes());
        if frame == "bad" { Err(std::io::Error::other("bad")) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_encoded_once_a_listener_and_left_out_where_that_fails() {
    let (senders, encoded) = (Senders::default(), Arc::new(AtomicU64::new(0)));
    let clients = clients(Setup::new(), Counting(Arc::clone(&encoded)), 100, &senders).await;
    let [good, bad] = ["good", "bad"].map(SharedFrame::new);
    for sender in all(&senders) {
        sender.send_shared(&good).await.unwrap();
        assert!(matches!(sender.send_shared(&bad).await, Err(ConnectionError::Encode(_))));
        sender.send_shared(&good.clone()).await.unwrap();
    }
    settle().await;
    assert_eq!(encoded.load(Ordering::Relaxed), 1 + 100);
    for (script, _) in clients {
        assert_eq!(script.lock().written, b"goodgood");
    }
}

#[tokio::test(start_paused = true)]
async fn a_codec_of_ones_own_sees_only_the_frames_that_are_taken() {
    let encoded = Arc::new(AtomicU64::new(0));
    let counting = Counting(Arc::clone(&encoded));
    let setup = Setup::new().limits(|l| (l.flush_at, l.output) = (10, 10));
    let (script, served) = setup.serve_scripted(lines(), move |conn: Connection<Framing>| {
        let counting = counting.clone();
        let count = Arc::clone(&counting.0);
        let encoded = move || count.load(Ordering::Relaxed);
        async move {
            let (_receiver, sender) = conn.with_codec(counting).split();
            sender.send_shared(&SharedFrame::new("it is full now")).await?;
            let left_out = SharedFrame::new("left out");
            assert!(matches!(sender.try_send_shared(&left_out), Err(TrySendError::Full(()))));
            let dropping = sender.clone().on_slow(SlowConsumer::DropFrame);
            dropping.send_shared(&left_out).await?;
            assert_eq!((sender.dropped(), encoded()), (1, 1));
            timeout(secs(1), sender.send_shared(&left_out)).await.unwrap_err();
            assert_eq!(encoded(), 1, "given up");
            sender.send_shared(&SharedFrame::new(", later")).await?;
            assert_eq!(encoded(), 2);
            Ok(())
        }
    });
    script.room(0);
    tokio::time::sleep(secs(2)).await;
    assert_eq!(encoded.load(Ordering::Relaxed), 1);
    script.room(usize::MAX);
    script.input("");
    assert_eq!(served.word().await, "handler_done");
    assert_eq!(script.lock().written, b"it is full now, later");
}

/// A frame that notes, when it is cloned, whether the connection is locked.
struct Nosy {
    of: Arc<Shared>,
    held: Arc<Mutex<Vec<bool>>>,
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        self.held.lock().unwrap().push(self.of.is_held());
        Self { of: Arc::clone(&self.of), held: Arc::clone(&self.held) }
    }
}

impl Encoder<Nosy> for Counting {
    type Error = std::io::Error;

    fn encode(&mut self, _: Nosy, dst: &mut bytes::BytesMut) -> std::io::Result<()> {
        dst.extend_from_slice(b"nosy");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_locked_while_it_is_cloned() {
    let senders = Senders::default();
    let clients = clients(Setup::new(), Counting(Arc::default()), 1, &senders).await;
    let [(_script, served)] = &clients[..] else { unreachable!() };
    let sender = all(&senders).remove(0);
    let held = Arc::default();
    for reframed in [false, true] {
        if reframed {
            served.shared.lock().mark(Mark::Reframed);
        }
        let frame = || SharedFrame::new(Nosy { of: Arc::clone(&served.shared), held: Arc::clone(&held) });
        sender.try_send_shared(&frame()).unwrap();
        sender.send_shared(&frame()).await.unwrap();
    }
    assert_eq!(*held.lock().unwrap(), [false; 4]);
}
