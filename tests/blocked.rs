//! A server stops though its own runtime is of no help: every worker of it is blocked, or who asked is gone.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};

use terima::{Connection, Framing, HandlerError, NoOptions, Server, Shutdown, handler_fn};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use common::{Client, ended, listener, start, within};

const WORKERS: usize = 2;

/// The runtime of the server, and that of whoever stops it.
fn runtimes() -> (Runtime, Runtime) {
    let theirs = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().unwrap();
    (theirs, passing())
}

fn passing() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

// === workers that are blocked ===

/// How far the handlers are.
struct Stages {
    started: Semaphore,
    go: Semaphore,
    blocked: Semaphore,
    lock: Mutex<()>,
}

/// Each handler blocks its thread until the lock is free, but not before all have started: a worker that is blocked may keep
/// what the next one would need to start.
async fn serve_blocking(name: &str, keys: &str, stages: Arc<Stages>) -> Server {
    let builder = Server::builder().handler("blocking", move |_: NoOptions| {
        let stages = Arc::clone(&stages);
        Ok(handler_fn(move |_conn: Connection<Framing>| {
            let stages = Arc::clone(&stages);
            async move {
                stages.started.add_permits(1);
                stages.go.acquire().await?.forget();
                stages.blocked.add_permits(1);
                drop(stages.lock.lock());
                Ok::<_, HandlerError>(())
            }
        }))
    });
    start(builder, &format!("[server]\n{keys}\n{}", listener(name, "blocking", ""))).await
}

/// Blocks every worker, then stops the server from elsewhere.
fn stops_from_elsewhere(name: &str, keys: &str, before: impl FnOnce(&Server)) {
    let (theirs, ours) = runtimes();
    let none = || Semaphore::new(0);
    let stages = Arc::new(Stages { started: none(), go: none(), blocked: none(), lock: Mutex::new(()) });
    let server = theirs.block_on(serve_blocking(name, keys, Arc::clone(&stages)));
    // Dropped before the runtimes, whose end waits for the threads.
    let held = stages.lock.lock().unwrap();
    let address = server.addresses(name)[0];
    let clients: Vec<Client> = (0..WORKERS)
        .map(|_| {
            ours.block_on(async {
                let client = Client::connect(address).await;
                within("the handler", stages.started.acquire()).await.unwrap().forget();
                client
            })
        })
        .collect();
    stages.go.add_permits(WORKERS);
    let all = u32::try_from(WORKERS).unwrap();
    ours.block_on(within("every worker to block", stages.blocked.acquire_many(all))).unwrap().forget();
    before(&server);
    let cut_off = Shutdown::TimedOut { aborted: WORKERS };
    assert_eq!(ours.block_on(within("the end of the shutdown", server.shutdown())), cut_off);
    assert_eq!(server.connections().len(), WORKERS, "the handlers are blocked still");
    assert_eq!(ours.block_on(within("the same end", server.shutdown())), cut_off);
    drop(held);
    for mut client in clients {
        ours.block_on(async {
            client.expect_reset().await;
            assert_eq!(&ended(name, client.address()).await["reason"], "drain_aborted");
        });
    }
}

#[test]
fn the_drain_ends_at_its_deadline_though_every_worker_is_blocked() {
    stops_from_elsewhere("blocked", "drain_timeout = \"200ms\"", |_| ());
}

#[test]
fn an_abort_ends_it_though_every_worker_is_blocked() {
    stops_from_elsewhere("blocked-abort", "lame_duck = \"1h\"\ndrain_timeout = \"off\"", Server::abort);
}

// === a caller that is gone ===

#[test]
fn a_shutdown_outlives_the_runtime_that_asked_for_it() {
    let (theirs, ours) = runtimes();
    let text =
        format!("[server]\ndrain_timeout = \"off\"\n{}", listener("gone", "parting", "codec = \"lines\""));
    let builder = Server::builder().handler("parting", |_: NoOptions| {
        Ok(handler_fn(|mut conn: Connection<Framing>| async move {
            while let Some(line) = conn.recv().await? {
                conn.send(line).await?;
            }
            Ok::<_, HandlerError>(conn.send("bye").await?)
        }))
    });
    let server = theirs.block_on(start(builder, &text));
    let mut client = ours.block_on(async {
        let mut client = Client::connect(server.addresses("gone")[0]).await;
        client.is_echoed("once\n").await;
        client
    });

    let passing = passing();
    passing.block_on(async {
        tokio::select! {
            biased;
            _ = server.shutdown() => panic!("it does not wait for the client"),
            () = tokio::task::yield_now() => {}
        }
    });
    drop(passing);
    assert!(!server.is_ready());
    ours.block_on(async {
        // It goes on before anybody asks again.
        client.expect("bye\n").await;
        client.expect_end().await;
        assert_eq!(server.connections().len(), 1, "it waits for the client's close");
        let (ended, ()) = tokio::join!(within("the end of the shutdown", server.shutdown()), async {
            tokio::task::yield_now().await;
            drop(client);
        });
        assert_eq!(ended, Shutdown::Drained);
    });
}
