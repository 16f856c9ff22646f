//! Clients that are slow, or too many: none of them is in the way of the next.

use terima::Server;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
#[cfg(unix)]
use tokio::net::TcpStream;

use crate::client::Reply;
use crate::common::{Client, listener, within};
use crate::start;

#[tokio::test]
async fn a_new_client_is_answered_however_many_there_are() {
    let setup =
        start(Server::builder(), "connections = 4\ntimeout = \"1h\"", &listener("crowd", "echo", "")).await;
    let admin = &setup.admin;
    let mut silent = Vec::new();
    for n in 0..12 {
        let mut stream = admin.connect().await;
        // Some say nothing, some a part of a request.
        if n % 2 == 0 {
            stream.write_all(b"GET /live HTTP/1.1\r\nhost: loc").await.unwrap();
        }
        silent.push(stream);
        assert_eq!(admin.get("/live").await.status, 200, "beside {}", n + 1);
    }
    // Who made room is gone; the latest ones are there.
    let mut first = silent.remove(0);
    assert!(!matches!(within("the first to be sent away", first.read(&mut [0])).await, Ok(1..)));
    let mut last = silent.pop().unwrap();
    last.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(Reply::read(&mut last).await.unwrap().status, 200);
}

#[tokio::test]
async fn who_is_too_slow_is_not_waited_for() {
    let setup = start(Server::builder(), "timeout = \"100ms\"", &listener("slow", "echo", "")).await;
    let admin = &setup.admin;
    for half in ["", "GET /li", "GET /live HTTP/1.1\r\nhost: localhost\r\n"] {
        let mut stream = admin.connect().await;
        stream.write_all(half.as_bytes()).await.unwrap();
        let ended = within("the end", stream.read(&mut [0; 1024])).await;
        assert!(!matches!(ended, Ok(1..)), "{half:?}: {ended:?}");
    }
    let head = format!(
        "POST /v1/drain HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n{{",
        admin.token
    );
    let reply = admin.raw(&head).await.unwrap();
    assert_eq!(reply.status, 408);
    assert!(setup.server.is_ready());
}

#[tokio::test]
async fn who_does_not_read_is_not_waited_for() {
    let setup = start(Server::builder(), "timeout = \"100ms\"", &listener("unread", "echo", "")).await;
    let admin = &setup.admin;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = within("a connection", socket.connect(admin.address)).await.unwrap();
    // As many answers as no buffer takes; at last they are not even asked for any more.
    let question = format!(
        "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
        admin.token
    );
    let asked = async { while stream.write_all(question.repeat(100).as_bytes()).await.is_ok() {} };
    within("to be cut off", asked).await;
    assert_eq!(admin.get("/live").await.status, 200);
}

#[tokio::test]
async fn one_client_may_ask_again_and_again() {
    let setup = start(Server::builder(), "", &listener("again", "echo", "")).await;
    let mut stream = setup.admin.connect().await;
    for _ in 0..100 {
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(Reply::read(&mut stream).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_crowd_without_the_token_drives_out_nobody_who_has_it() {
    let setup =
        start(Server::builder(), "connections = 4\ntimeout = \"1h\"", &listener("mob", "echo", "")).await;
    let admin = &setup.admin;
    let mut known = admin.connect().await;
    let question = format!(
        "GET /v1/status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
        admin.token
    );
    let mut asked = async || {
        known.write_all(question.as_bytes()).await.unwrap();
        Reply::read(&mut known).await.expect("it was sent away").status
    };
    assert_eq!(asked().await, 200);
    let mut crowd = Vec::new();
    for _ in 0..12 {
        let mut stream = admin.connect().await;
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(Reply::read(&mut stream).await.unwrap().status, 200);
        crowd.push(stream);
    }
    assert_eq!(asked().await, 200);
}

/// All of them are in the backlog before the first is accepted. Only here is what has come heard of as soon as it is asked for.
#[cfg(unix)]
#[tokio::test]
async fn who_has_asked_is_answered_before_a_crowd_drives_it_out() {
    use std::io::Write;

    let setup = start(Server::builder(), "connections = 4", &listener("crowded", "echo", "")).await;
    let connect = || std::net::TcpStream::connect(setup.admin.address).unwrap();
    let mut asking = connect();
    let token = &setup.admin.token;
    let head = format!("GET /v1/status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    asking.write_all(head.as_bytes()).unwrap();
    let silent: Vec<_> = (0..32).map(|_| connect()).collect();
    asking.set_nonblocking(true).unwrap();
    let mut asking = TcpStream::from_std(asking).unwrap();
    for _ in 0..2 {
        assert_eq!(Reply::read(&mut asking).await.expect("it was driven out").status, 200);
        // It is known now, and stays.
        asking.write_all(head.as_bytes()).await.unwrap();
    }
    drop(silent);
}

#[tokio::test]
async fn who_watches_a_drain_is_not_silent() {
    let text =
        format!("[server]\ndrain_timeout = \"off\"\n{}", listener("watched", "echo", "codec = \"lines\""));
    let setup = start(Server::builder(), "connections = 4", &text).await;
    let admin = &setup.admin;
    // It keeps the drain from its end.
    let mut client = Client::connect(setup.server.addresses("watched")[0]).await;
    client.send(b"whole\nhal").await;
    client.expect(b"whole\n").await;

    let head = |request: &str| {
        format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\naccept: application/x-ndjson\r\n",
            admin.token
        )
    };
    let mut watcher = admin.connect().await;
    let begin = head("POST /v1/drain") + "content-length: 2\r\n\r\n{}";
    watcher.write_all(begin.as_bytes()).await.unwrap();
    let mut watcher = BufReader::new(watcher).lines();
    let mut told = async || {
        loop {
            let line =
                within("a line on the drain", watcher.next_line()).await.unwrap().expect("it was sent away");
            if line.starts_with('{') {
                return line;
            }
        }
    };
    told().await;
    // More have the token than there are places for such, and all of them have asked later.
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = admin.connect().await;
        stream.write_all(format!("{}\r\n", head("GET /live")).as_bytes()).await.unwrap();
        assert_eq!(Reply::read(&mut stream).await.unwrap().status, 200);
        idle.push(stream);
    }
    // The first of these may have been on its way before.
    for _ in 0..2 {
        told().await;
    }
    assert_eq!(admin.get("/live").await.status, 200);
    assert!(!matches!(within("one to be sent away", idle[0].read(&mut [0])).await, Ok(1..)));
    for _ in 0..2 {
        told().await;
    }
    drop(client);
}
