//! Live connections from the server's handle, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use terima::{ConnectionHandle, EndReason, Framing, Server, SharedFrame, SlowConsumer};
use tokio::task::JoinSet;

use common::{Client, ended, listener, on_both_runtimes, start, within};

/// A client that was answered, and the handle of its connection.
async fn live(server: &Server, name: &str) -> (Client, ConnectionHandle) {
    let mut client = Client::connect(server.addresses(name)[0]).await;
    client.is_echoed("here\n").await;
    let handles = server.connections().handles();
    let mine = |handle: &&ConnectionHandle| handle.info().peer().to_string() == client.address().to_string();
    let handle = handles.iter().find(mine).expect("it is not there").clone();
    (client, handle)
}

on_both_runtimes! {
    async fn one_is_ended_and_the_others_stay() {
        let server = start(Server::builder(), &listener("end", "echo", "codec = \"lines\"")).await;
        let (mut first, first_handle) = live(&server, "end").await;
        let (mut second, second_handle) = live(&server, "end").await;
        assert_eq!(server.connections().len(), 2);
        first_handle.end();
        first.expect_reset().await;
        assert_eq!(within("its end", first_handle.ended()).await, EndReason::EndedByAdmin);
        assert_eq!(&ended("end", first.address()).await["reason"], "ended_by_admin");
        assert!(server.connections().get(first_handle.info().id()).is_none());
        assert_eq!(server.connections().len(), 1);

        second.is_echoed("still\n").await;
        second_handle.drain();
        second.expect_end().await;
        assert_eq!(within("its end", second_handle.ended()).await, EndReason::EndedByAdmin);
        assert!(server.connections().is_empty());
    }

    async fn all_hear_what_is_said_once() {
        let text = [
            listener("hear-lines", "echo", "codec = \"lines\""),
            listener("hear-length", "echo", "codec = { type = \"length\", width = 2 }"),
        ];
        let server = start(Server::builder(), &text.concat()).await;
        let mut clients = Vec::new();
        for _ in 0..50 {
            clients.push(live(&server, "hear-lines").await.0);
        }
        let mut length = Client::connect(server.addresses("hear-length")[0]).await;
        length.is_echoed("\0\x02ab").await;
        let news = SharedFrame::new("news");
        for handle in server.connections().handles() {
            let sender = handle.sender::<Framing>().unwrap().on_slow(SlowConsumer::DropFrame);
            sender.send_shared(&news).await.unwrap();
        }
        for client in &mut clients {
            client.expect("news\n").await;
        }
        length.expect("\0\x04news").await;
    }

    /// Whoever is first, the connection ends once, and everything is given back.
    async fn an_end_by_hand_meets_one_by_itself() {
        let server = start(Server::builder(), &listener("race", "echo", "codec = \"lines\"")).await;
        let mut races = JoinSet::new();
        for n in 0..200 {
            let server = server.clone();
            races.spawn(async move {
                let (client, handle) = live(&server, "race").await;
                let ender = handle.clone();
                let ends = tokio::spawn(async move {
                    for _ in 0..n % 7 {
                        tokio::task::yield_now().await;
                    }
                    if n % 2 == 0 { ender.drain() } else { ender.end() }
                });
                for _ in 0..n % 5 {
                    tokio::task::yield_now().await;
                }
                let peer = client.address();
                drop(client);
                ends.await.unwrap();
                let reason = within("the end", handle.ended()).await;
                assert!(matches!(reason, EndReason::ClientClosed | EndReason::EndedByAdmin), "{reason}");
                assert_eq!(&ended("race", peer).await["reason"], reason.as_str());
                assert!(server.connections().get(handle.info().id()).is_none());
            });
        }
        races.join_all().await;
        assert!(server.connections().is_empty());
    }
}
