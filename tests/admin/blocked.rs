//! A codec that blocks while it encodes holds its connection's lock. Nobody outside waits for it: not who asks, and not the end
//! of the service.
#![expect(clippy::await_holding_lock, reason = "that is what is looked at: a thread of its own waits for it")]
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use terima::{
    Connection, ConnectionHandle, ConnectionState, HandlerError, NoOptions, Server, Shutdown, handler_fn,
};
use tokio::sync::Semaphore;
use tokio_util::codec::{BytesCodec, Decoder, Encoder};

use crate::common::{Client, listener, within};
use crate::{Setup, start};

/// Encodes when it is let.
#[derive(Clone)]
struct Stubborn {
    inner: BytesCodec,
    encodes: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
}

impl Decoder for Stubborn {
    type Item = BytesMut;
    type Error = std::io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, Self::Error> {
        self.inner.decode(input)
    }
}

impl Encoder<Bytes> for Stubborn {
    type Error = std::io::Error;

    fn encode(&mut self, frame: Bytes, output: &mut BytesMut) -> Result<(), Self::Error> {
        if frame == BLOCKS {
            self.encodes.add_permits(1);
            drop(self.turn.lock());
        }
        self.inner.encode(frame, output)
    }
}

const BLOCKS: &str = "blocks";

impl Stubborn {
    fn new() -> Self {
        Self { inner: BytesCodec::new(), encodes: Arc::new(Semaphore::new(0)), turn: Arc::default() }
    }

    /// A server with two clients, the first of which is sent a frame that is never encoded. From a thread of its own: no worker
    /// blocks but the one that serves it.
    async fn serve(&self, keys: &str) -> (Setup, Client, Client) {
        let codec = self.clone();
        let make = |_: NoOptions| {
            Ok(handler_fn(|mut conn: Connection<Self>| async move {
                while let Some(frame) = conn.recv().await? {
                    conn.send(frame.freeze()).await?;
                }
                Ok::<_, HandlerError>(())
            }))
        };
        let builder = Server::builder().handler_over("stubborn", make, move |_| codec.clone());
        let text = format!("[server]\n{keys}\n{}", listener("held", "stubborn", ""));
        let setup = start(builder, "", &text).await;
        let address = setup.server.addresses("held")[0];
        let (mut client, mut other) = (Client::connect(address).await, Client::connect(address).await);
        for client in [&mut client, &mut other] {
            client.is_echoed("hello").await;
        }
        let peer = client.address();
        let handles = setup.server.connections().handles();
        let handle =
            handles.iter().find(|handle| handle.info().peer().to_string() == peer.to_string()).unwrap();
        let sender = handle.sender::<Self>().unwrap();
        std::thread::spawn(move || drop(sender.try_send(Bytes::from_static(BLOCKS.as_bytes()))));
        within("the codec", self.encodes.acquire()).await.unwrap().forget();
        (setup, client, other)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_looks_and_who_tells_waits_for_no_connection() {
    let stubborn = Stubborn::new();
    let held = stubborn.turn.lock().unwrap();
    let (setup, mut client, mut other) = stubborn.serve("").await;
    let admin = &setup.admin;
    for target in ["/live", "/ready", "/v1/status", "/v1/listeners", "/v1/ended", "/v1/why?address=127.0.0.1"]
    {
        assert_eq!(admin.get(target).await.status, 200, "{target}");
    }
    let scrape = admin.get("/metrics").await.text();
    assert!(scrape.contains("terima_connections_active{listener=\"held\"} 2\n"), "{scrape}");
    let list = admin.json("/v1/connections").await;
    assert_eq!(list["matching"], 2);
    let status = setup.server.connections().list().remove(0);
    assert_eq!((status.state, status.bytes_out, status.frames_out), (ConnectionState::Idle, 5, 1));

    // Telling waits for nobody either. From here on its worker may block, and with it whatever that would have done next.
    let handles = setup.server.connections().handles();
    // The other would close at once.
    handles[0].drain();
    assert_eq!(handles[0].status().state, ConnectionState::Draining);
    handles.iter().for_each(ConnectionHandle::end);
    drop(held);
    for client in [&mut client, &mut other] {
        client.expect_reset().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drain_ends_at_its_deadline() {
    let stubborn = Stubborn::new();
    let held = stubborn.turn.lock().unwrap();
    let (setup, mut client, _other) = stubborn.serve("drain_timeout = \"100ms\"").await;
    let ended = within("the end of the drain", setup.server.shutdown()).await;
    // Whether the other has ended before depends on whose worker is blocked.
    assert!(matches!(ended, Shutdown::TimedOut { aborted: 1 | 2 }), "{ended:?}");
    drop(held);
    client.expect_reset().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_abort_does_not_wait_either() {
    let stubborn = Stubborn::new();
    let held = stubborn.turn.lock().unwrap();
    let (setup, mut client, _other) = stubborn.serve("drain_timeout = \"off\"").await;
    assert_eq!(setup.admin.post("/v1/drain", "{}").await.status, 202);
    setup.server.abort();
    let ended = within("the end of the drain", setup.server.ended()).await;
    // Whether the other has ended before depends on whose worker is blocked.
    assert!(matches!(ended, Shutdown::TimedOut { aborted: 1 | 2 }), "{ended:?}");
    drop(held);
    client.expect_reset().await;
}
