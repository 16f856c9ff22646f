//! Live connections from the server's handle, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use terima::{ConnectionHandle, EndReason, Framing, Server, SharedFrame, Shutdown, SlowConsumer};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use common::{Client, ended, ended_with_id, listener, on_both_runtimes, start, within};

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
        let name = format!("race-{:?}", Handle::current().runtime_flavor());
        let server = start(Server::builder(), &listener(&name, "echo", "codec = \"lines\"")).await;
        let mut races = JoinSet::new();
        for n in 0..200 {
            let (server, name) = (server.clone(), name.clone());
            races.spawn(async move {
                let (client, handle) = live(&server, &name).await;
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
                drop(client);
                ends.await.unwrap();
                let reason = within("the end", handle.ended()).await;
                assert!(matches!(reason, EndReason::ClientClosed | EndReason::EndedByAdmin), "{reason}");
                let line = ended_with_id(&name, handle.info().id()).await;
                assert_eq!(&line["reason"], reason.as_str());
                assert!(server.connections().get(handle.info().id()).is_none());
            });
        }
        races.join_all().await;
        assert!(server.connections().is_empty());
    }
}

// === a listener that is paused ===

on_both_runtimes! {
    /// Who connects after `pause` has returned waits for `resume`, whatever the loop was doing.
    async fn a_pause_meets_accepting() {
        let text = [listener("pause", "echo", "codec = \"lines\""), listener("other", "echo", "codec = \"lines\"")];
        let server = start(Server::builder(), &text.concat()).await;
        let address = server.addresses("pause")[0];
        for n in 0..50 {
            let mut racing = JoinSet::new();
            for _ in 0..4 {
                racing.spawn(async move { Client::connect(address).await });
            }
            for _ in 0..n % 5 {
                tokio::task::yield_now().await;
            }
            server.pause("pause").unwrap();
            let mut late = Client::connect(address).await;
            let mut racing = racing.join_all().await;
            late.send("late\n").await;
            // The other listener goes on, and gives the paused one time to go wrong.
            Client::connect(server.addresses("other")[0]).await.is_echoed("here\n").await;
            let peers: Vec<_> = server.connections().list().iter().map(|one| one.info.peer().to_string()).collect();
            assert!(!peers.contains(&late.address().to_string()), "{n}: it was accepted");
            server.resume("pause").unwrap();
            late.expect("late\n").await;
            for client in &mut racing {
                client.is_echoed("racing\n").await;
            }
        }
    }

    async fn a_stop_answers_whom_a_pause_has_kept_waiting() {
        let server = start(Server::builder(), &listener("stop", "echo", "codec = \"lines\"")).await;
        server.pause("stop").unwrap();
        let mut client = Client::connect(server.addresses("stop")[0]).await;
        client.send("waits\n").await;
        let stopping = tokio::spawn(async move { server.shutdown().await });
        client.expect("waits\n").await;
        client.expect_end().await;
        drop(client);
        assert_eq!(within("the end", stopping).await.unwrap(), Shutdown::Drained);
    }
}
