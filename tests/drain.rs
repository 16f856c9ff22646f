//! How a server stops: what had arrived is answered, what was owed arrives, and nobody is waited for without end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::sync::Arc;

use terima::{Connection, Framing, Handler, HandlerError, NoOptions, Server, Shutdown, handler_fn};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use common::{Client, assert_same, ended, listener, on_both_runtimes, start, within};

/// Stops a server beside what goes on.
fn stop(server: &Server) -> tokio::task::JoinHandle<Shutdown> {
    let server = server.clone();
    tokio::spawn(async move { server.shutdown().await })
}

async fn drained(stopping: tokio::task::JoinHandle<Shutdown>) {
    assert_eq!(within("the end of the drain", stopping).await.unwrap(), Shutdown::Drained);
}

/// The two ends of a handler's step: it says that it has come so far, and goes on when it is let.
#[derive(Clone)]
struct Step {
    come: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

impl Step {
    fn new() -> Self {
        Self { come: Arc::new(Semaphore::new(0)), go_on: Arc::new(Semaphore::new(0)) }
    }

    async fn wait(&self) {
        self.come.add_permits(1);
        self.go_on.acquire().await.unwrap().forget();
    }

    async fn has_come(&self) {
        within("the handler", self.come.acquire()).await.unwrap().forget();
    }

    fn let_go(&self) {
        self.go_on.add_permits(1);
    }
}

/// After the first line it waits for its step; then it answers that line and all that follow, and says good-bye.
fn busy(step: Step) -> impl Handler<Codec = Framing> {
    handler_fn(move |mut conn: Connection<Framing>| {
        let step = step.clone();
        async move {
            if let Some(first) = conn.recv().await? {
                step.wait().await;
                conn.send(first).await?;
            }
            while let Some(line) = conn.recv().await? {
                conn.send(line).await?;
            }
            let drain = conn.drain();
            conn.send(if drain.is_begun() { "drained, bye" } else { "closed, bye" }).await?;
            Ok::<_, HandlerError>(())
        }
    })
}

async fn serve_busy(name: &str, server: &str, step: &Step) -> Server {
    let step = step.clone();
    let builder = Server::builder().handler("busy", move |_: NoOptions| Ok(busy(step.clone())));
    start(builder, &format!("[server]\n{server}\n{}", listener(name, "busy", "codec = \"lines\""))).await
}

on_both_runtimes! {
    async fn idle_connections_close_at_once() {
        let text = listener("idle", "echo", "codec = \"lines\"");
        let server = start(Server::builder(), &format!("[server]\ndrain_timeout = \"off\"\n{text}")).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = Client::connect(server.addresses("idle")[0]).await;
            client.is_echoed("once\n").await;
            clients.push(client);
        }
        assert!(server.is_ready());
        // No client does anything for it, and none is waited for.
        drained(stop(&server)).await;
        assert!(!server.is_ready());
        assert_eq!(server.connections().len(), 0);
        for client in &mut clients {
            client.expect_end().await;
            assert_eq!(&ended("idle", client.address()).await["reason"], "drained");
        }
    }

    async fn a_busy_handler_gets_what_had_arrived_and_its_replies_arrive() {
        let step = Step::new();
        let server = serve_busy("busy", "drain_timeout = \"off\"", &step).await;
        let address = server.addresses("busy")[0];
        let mut client = Client::connect(address).await;
        client.send("one\n").await;
        step.has_come().await;
        client.send("two\nthree\nfour, unfini").await;

        let stopping = stop(&server);
        within("the listener to be closed", async {
            while TcpStream::connect(address).await.is_ok() {}
        })
        .await;
        assert!(!stopping.is_finished());
        step.let_go();
        client.expect("one\ntwo\nthree\ndrained, bye\n").await;
        client.expect_end().await;
        let peer = client.address();
        drop(client);
        drained(stopping).await;
        let line = ended("busy", peer).await;
        assert_eq!([&line["reason"], &line["frames_in"], &line["frames_out"]], ["drained", "3", "4"]);
    }

    async fn the_deadline_cuts_off_what_does_not_end() {
        let step = Step::new();
        let server = serve_busy("deadline", "drain_timeout = \"100ms\"", &step).await;
        let mut idle = Client::connect(server.addresses("deadline")[0]).await;
        let mut client = Client::connect(server.addresses("deadline")[0]).await;
        client.send("one\n").await;
        step.has_come().await;
        let ended_so = within("the deadline", server.shutdown()).await;
        assert_eq!(ended_so, Shutdown::TimedOut { aborted: 1 });
        client.expect_reset().await;
        idle.expect("drained, bye\n").await;
        idle.expect_end().await;
        assert_eq!(&ended("deadline", client.address()).await["reason"], "drain_aborted");
        assert_eq!(server.connections().len(), 0);
        // Whoever asks later learns the same.
        assert_eq!(within("the same end", server.shutdown()).await, ended_so);
    }

    async fn a_lame_duck_accepts_but_is_not_ready() {
        let text = format!("[server]\nlame_duck = \"1h\"\n{}", listener("lame", "echo", ""));
        let server = start(Server::builder(), &text).await;
        let stopping = stop(&server);
        within("the lame duck", async {
            while server.is_ready() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let mut client = Client::connect(server.addresses("lame")[0]).await;
        client.is_echoed("are you there?").await;
        assert!(!stopping.is_finished());
        // There is something to cut off, but nothing is owed.
        server.abort();
        within("the end", stopping).await.unwrap();
        assert!(TcpStream::connect(server.addresses("lame")[0]).await.is_err());
    }

    async fn every_call_of_shutdown_resolves() {
        let step = Step::new();
        let server = serve_busy("calls", "", &step).await;
        let mut client = Client::connect(server.addresses("calls")[0]).await;
        client.send("one\n").await;
        step.has_come().await;
        // One that is dropped goes on.
        tokio::select! {
            biased;
            _ = server.shutdown() => panic!("it does not wait for the handler"),
            () = tokio::task::yield_now() => {}
        }
        assert!(!server.is_ready());
        let calls = [stop(&server), stop(&server)];
        step.let_go();
        client.expect("one\n").await;
        drop(client);
        for call in calls {
            drained(call).await;
        }
        drained(stop(&server)).await;
    }

    async fn abort_cuts_everything_off() {
        let step = Step::new();
        let server = serve_busy("abort", "lame_duck = \"1h\"\ndrain_timeout = \"off\"", &step).await;
        let mut client = Client::connect(server.addresses("abort")[0]).await;
        client.send("one\n").await;
        step.has_come().await;
        let stopping = stop(&server);
        server.abort();
        let ended_so = within("the end", stopping).await.unwrap();
        assert_eq!(ended_so, Shutdown::TimedOut { aborted: 1 });
        client.expect_reset().await;
        assert_eq!(&ended("abort", client.address()).await["reason"], "drain_aborted");
    }
}

#[tokio::test]
async fn nothing_listens_once_it_was_aborted() {
    let server = start(Server::builder(), &listener("closed", "echo", "")).await;
    let address = server.addresses("closed")[0];
    server.abort();
    // On one thread the accept loops run only while this waits for them.
    within("the end", server.shutdown()).await;
    assert!(std::net::TcpStream::connect(address).is_err());
}

on_both_runtimes! {
    async fn a_reply_still_on_its_way_survives_what_the_client_sends_next() {
        // It does not fit into what the client's system takes unread, but into the server's.
        let answer = "x".repeat(48 * 1024);
        let drained_now = Step::new();
        let told = drained_now.clone();
        let telling = move |_: NoOptions| {
            let told = told.clone();
            Ok(handler_fn(move |mut conn: Connection<Framing>| {
                let told = told.clone();
                async move {
                    while let Some(line) = conn.recv().await? {
                        conn.send(line).await?;
                    }
                    told.come.add_permits(1);
                    Ok(())
                }
            }))
        };
        let builder = Server::builder().handler("telling", telling);
        let server = start(builder, &listener("crossing", "telling", "codec = \"lines\"")).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let address = server.addresses("crossing")[0];
        let stream = within("a connection", socket.connect(address)).await.unwrap();
        let mut client = Client::from_tcp(stream).unwrap();
        client.send(format!("{answer}\n")).await;
        within("the beginning of the answer", client.tcp().unwrap().readable()).await.unwrap();
        let stopping = stop(&server);
        drained_now.has_come().await;
        client.send("one more, which is not taken\n").await;
        assert_same(&client.rest().await.unwrap(), format!("{answer}\n").as_bytes());
        drop(client);
        drained(stopping).await;
    }
}

#[tokio::test]
async fn who_waits_in_the_backlog_is_served() {
    const CLIENTS: usize = 300;
    let server = start(Server::builder(), &listener("backlog", "echo", "codec = \"lines\"")).await;
    let address = server.addresses("backlog")[0];
    // Nothing else runs on this thread's runtime meanwhile, so nobody is accepted before the server stops.
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.write_all(format!("client {n}\n").as_bytes()).unwrap();
            client.set_nonblocking(true).unwrap();
            client
        })
        .collect();
    assert_eq!(server.connections().len(), 0);
    let stopping = stop(&server);
    for (n, client) in clients.into_iter().enumerate() {
        let mut client = Client::from_tcp(TcpStream::from_std(client).unwrap()).unwrap();
        client.expect(format!("client {n}\n")).await;
        client.expect_end().await;
    }
    drained(stopping).await;
}

/// The built binary, which clients give no rest.
#[cfg(feature = "cli")]
mod under_load {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
    use tokio::sync::watch;
    use tokio::task::JoinSet;

    use super::*;
    use crate::common::{Service, access};

    const CLIENTS: usize = 32;
    const IN_FLIGHT: usize = 16;

    fn line(client: usize, n: usize) -> String {
        format!("client {client} line {n}{}", if n.is_multiple_of(3) { "\r\n" } else { "\n" })
    }

    /// Sends lines as fast as they are answered until the service ends the connection; tells how many were.
    async fn load(client: Client, id: usize, answered: watch::Sender<usize>) -> usize {
        let (mut reader, mut writer) = split(client);
        let window = Arc::new(Semaphore::new(IN_FLIGHT));
        let room = Arc::clone(&window);
        let writes = tokio::spawn(async move {
            for n in 0.. {
                room.acquire().await.unwrap().forget();
                // An idle connection is closed at once; what crosses that on its way was never taken.
                if writer.write_all(line(id, n).as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        let mut lines = 0;
        let mut got = Vec::new();
        while within("an answer, or the end", reader.read_buf(&mut got)).await.unwrap() > 0 {
            let mut whole = 0;
            while let Some(length) = got[whole..].iter().position(|byte| *byte == b'\n') {
                assert_same(&got[whole..=whole + length], line(id, lines).as_bytes());
                whole += length + 1;
                lines += 1;
                window.add_permits(1);
                answered.send_modify(|answered| *answered += 1);
            }
            got.drain(..whole);
        }
        assert_same(&got, b"");
        writes.abort();
        lines
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_signal_loses_no_reply() {
        for workers in [1, 2] {
            let text =
                format!("[server]\nworkers = {workers}\n{}", listener("echo", "echo", "codec = \"lines\""));
            let service = Service::start(&text).await;
            let answered = watch::Sender::new(0);
            let mut clients = JoinSet::new();
            for id in 0..CLIENTS {
                clients.spawn(load(service.connect().await, id, answered.clone()));
            }
            within("the load", answered.subscribe().wait_for(|answered| *answered > 10_000)).await.unwrap();
            service.signal("TERM").await;
            let received: usize = within("all clients", clients.join_all()).await.into_iter().sum();

            let (code, log) = service.ended().await;
            assert_eq!(code, Some(0));
            let access = access(&log);
            let sum = |field: &str| access.iter().map(|line| line[field].as_u64().unwrap()).sum::<u64>();
            assert_eq!(access.len(), CLIENTS);
            assert!(access.iter().all(|line| line["reason"] == "drained"), "{access:#?}");
            assert_eq!([sum("frames_in"), sum("frames_out")], [received as u64; 2]);
        }
    }
}
