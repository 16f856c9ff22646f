//! A service of tower's as a handler, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use terima::{BoxError, Builder, Framing, NoOptions, Server, service_handler};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower_service::Service;

use common::{Client, ended, listener, on_both_runtimes, start};

/// Answers one request at a time, whoever asks: who is ready holds the place until it was answered. A request may say to
/// fail.
struct OneAtATime {
    places: PollSemaphore,
    place: Option<OwnedSemaphorePermit>,
    called: Arc<AtomicUsize>,
}

impl Clone for OneAtATime {
    fn clone(&self) -> Self {
        Self { places: self.places.clone(), place: None, called: Arc::clone(&self.called) }
    }
}

impl Service<Bytes> for OneAtATime {
    type Response = String;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.place.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.places.poll_acquire(cx).map(|place| {
            self.place = place;
            Ok(())
        })
    }

    fn call(&mut self, request: Bytes) -> Self::Future {
        let place = self.place.take().expect("called before it was ready");
        let called = self.called.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::task::yield_now().await;
            drop(place);
            match &request[..] {
                b"fail" => Err("as asked".into()),
                request => Ok(format!("{called} {}", String::from_utf8_lossy(request))),
            }
        })
    }
}

fn builder() -> Builder {
    Server::builder().handler("one", |_: NoOptions| {
        let places = PollSemaphore::new(Arc::new(Semaphore::new(1)));
        let service = OneAtATime { places, place: None, called: Arc::default() };
        Ok(service_handler::<Framing, _>(service))
    })
}

on_both_runtimes! {
    async fn requests_are_answered_in_order() {
        let server = start(builder(), &listener("order", "one", "codec = \"lines\"")).await;
        let mut client = Client::connect(server.addresses("order")[0]).await;
        client.send("a\nb\nc\n").await;
        client.expect("0 a\n1 b\n2 c\n").await;
    }

    async fn who_waits_for_a_request_holds_no_place() {
        let server = start(builder(), &listener("idle", "one", "codec = \"lines\"")).await;
        let mut idle = Client::connect(server.addresses("idle")[0]).await;
        idle.send("first\n").await;
        idle.expect("0 first\n").await;
        let mut other = Client::connect(server.addresses("idle")[0]).await;
        other.send("second\n").await;
        other.expect("1 second\n").await;
        idle.send("third\n").await;
        idle.expect("2 third\n").await;
    }

    async fn an_error_ends_the_connection() {
        let server = start(builder(), &listener("fail", "one", "codec = \"lines\"")).await;
        let mut client = Client::connect(server.addresses("fail")[0]).await;
        client.send("ok\nfail\nnever\n").await;
        assert_eq!(client.rest().await.unwrap(), b"0 ok\n");
        let peer = client.address();
        drop(client);
        let line = ended("fail", peer).await;
        assert_eq!([&line["reason"], &line["error"]], ["handler_error", "as asked"]);
    }
}
