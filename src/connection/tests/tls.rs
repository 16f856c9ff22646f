//! Connections that are encrypted, over memory.

use std::io;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::establish::tls::TlsLayer;
use crate::establish::tls::tests::{Files, read};

/// A listener with TLS from the first byte.
fn encrypted(files: &Files) -> Setup {
    let mut setup = Setup::new().timeouts(|t| t.establish = Some(secs(10)));
    setup.layers.push(Box::new(TlsLayer(Arc::new(read(&files.config())))));
    setup
}

/// A listener whose handler begins TLS.
fn later(files: &Files) -> Setup {
    let mut setup = Setup::new().timeouts(|t| t.establish = Some(secs(10)));
    setup.tls = Some(Arc::new(read(&files.config())));
    setup
}

async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: ClientConfig,
    stream: S,
) -> io::Result<TlsStream<S>> {
    TlsConnector::from(Arc::new(config)).connect("server.test".try_into().unwrap(), stream).await
}

async fn is_echoed<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S, line: &str) {
    client.write_all(line.as_bytes()).await.unwrap();
    let mut read = vec![0; line.len()];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&read), line);
}

#[tokio::test(start_paused = true)]
async fn both_sides_end_as_tls_wants_it() {
    let files = Files::new();
    let (client, served) = encrypted(&files).serve(lines(), echo);
    let mut client = connect(files.client(), client).await.unwrap();
    is_echoed(&mut client, "halo\n").await;
    client.shutdown().await.unwrap();
    // An end without a close_notify would be an error.
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    let over = served.over().await;
    assert_eq!(over.word, "client_closed");
    assert_eq!((&over.line["tls"], &over.line["sni"]), ("1.3", "server.test"));
    assert_eq!((&over.line["bytes_in"], &over.line["bytes_out"]), ("5", "5"));
}

#[tokio::test(start_paused = true)]
async fn after_its_own_end_a_client_still_reads_the_answer() {
    let files = Files::new();
    let (client, served) = encrypted(&files).serve(lines(), |mut conn: Connection<Framing>| async move {
        let mut all = 0;
        while let Some(line) = conn.recv().await? {
            all += line.len();
        }
        tokio::time::sleep(secs(5)).await;
        conn.send(all.to_string()).await?;
        Ok(())
    });
    let mut client = connect(files.client(), client).await.unwrap();
    client.write_all(b"one\ntwo\nthree").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "11\n");
    assert_eq!(served.word().await, "client_closed");
}

/// What came whole before it counts; a last line without its end might be half of one.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_off_is_told_from_one_that_ends() {
    let files = Files::new();
    let (client, served) = encrypted(&files).serve(lines(), echo);
    let mut client = connect(files.client(), client).await.unwrap();
    is_echoed(&mut client, "halo\n").await;
    client.write_all(b"pay 100").await.unwrap();
    let (mut plain, _) = client.into_inner();
    plain.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "client_truncated");
    assert!(over.line["error"].contains("without TLS's close_notify"), "{:?}", over.line);
    assert_eq!((&over.line["frames_in"], &over.line["frames_out"]), ("1", "1"));
}

/// As a man between would: what he changes is no frame.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_ends_it() {
    let files = Files::new();
    let (client, served) = encrypted(&files).serve(lines(), echo);
    let mut client = connect(files.client(), client).await.unwrap();
    is_echoed(&mut client, "halo\n").await;
    let (mut plain, _) = client.into_inner();
    plain.write_all(b"\x17\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "bad_frame");
    assert!(over.line["error"].contains("decrypt"), "{:?}", over.line);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_is_ended_in_time() {
    let files = Files::new();
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let (mut client, served) = encrypted(&files).serve(lines(), echo);
        write(&mut client, begun).await;
        served.over().await.was("establish_tls_timeout", secs(10));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_tls_is_told_by_its_name() {
    let files = Files::new();
    let (mut client, served) = encrypted(&files).serve(lines(), echo);
    write(&mut client, "GET / HTTP/1.1\r\n\r\n").await;
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "establish_tls");
    assert_eq!(
        &over.line["error"],
        "the client sent an HTTP request in the clear, and this listener speaks TLS"
    );
}

#[tokio::test(start_paused = true)]
async fn tls_on_a_plain_port_is_told_by_its_name() {
    let files = Files::new();
    let length = || Framing::new(crate::codec::Length::new(crate::codec::LengthOptions::default()).unwrap());
    let (client, served) = Setup::new().serve(length(), echo);
    connect(files.client(), client).await.unwrap_err();
    let over = served.over().await;
    assert_eq!(over.word, "frame_too_long");
    let said = "frame too long: the client sent a TLS handshake, which is not what this listener speaks: ";
    assert!(over.line["error"].starts_with(said), "{:?}", over.line);

    // What came later is not how it began.
    let (mut client, served) = Setup::new().serve(length(), echo);
    write(&mut client, b"\0\0\0\x01xGET / HTTP/1.1\r\n").await;
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "frame_too_long");
    assert!(!over.line["error"].contains("HTTP"), "{:?}", over.line);
}

/// A protocol with STARTTLS, as mail has it.
async fn mail(mut conn: Connection<Framing>) -> Handled {
    while let Some(line) = conn.recv().await? {
        match &line[..] {
            b"STARTTLS" if conn.can_start_tls() => {
                conn.send("220 go ahead").await?;
                conn.start_tls().await?;
            }
            b"QUIT" => break,
            _ if conn.info().tls().is_none() => conn.send("530 STARTTLS first").await?,
            line => {
                let answer = format!("250 {}", String::from_utf8_lossy(line));
                conn.send(answer).await?;
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_begins_tls() {
    let files = Files::new();
    let (mut client, served) = later(&files).serve(lines(), mail);
    write(&mut client, "MAIL\n").await;
    expect(&mut client, "530 STARTTLS first\n").await;
    write(&mut client, "STARTTLS\n").await;
    expect(&mut client, "220 go ahead\n").await;
    let mut client = connect(files.client(), client).await.unwrap();
    client.write_all(b"MAIL\nSTARTTLS\nQUIT\n").await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "250 MAIL\n250 STARTTLS\n");
    drop(client);
    let over = served.over().await;
    assert_eq!((&*over.word, &over.line["sni"]), ("handler_done", "server.test"));
}

#[tokio::test(start_paused = true)]
async fn what_is_put_behind_the_wish_for_tls_ends_it() {
    let files = Files::new();
    let (mut client, served) = later(&files).serve(lines(), mail);
    write(&mut client, "STARTTLS\nMAIL injected\n").await;
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "establish_tls");
    assert!(over.line["error"].contains("in the clear behind"), "{:?}", over.line);
    assert_eq!(&over.line["frames_in"], "1");

    // What comes a little later is in the handshake's way.
    let (mut client, served) = later(&files).serve(lines(), mail);
    write(&mut client, "STARTTLS\n").await;
    expect(&mut client, "220 go ahead\n").await;
    write(&mut client, "MAIL injected\n").await;
    client.shutdown().await.unwrap();
    let over = served.over().await;
    assert_eq!(over.word, "establish_tls");
    assert!(over.line["error"].contains("plain bytes"), "{:?}", over.line);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_in_mid_connection_has_its_time() {
    let files = Files::new();
    let (mut client, served) = later(&files).serve(lines(), mail);
    tokio::time::sleep(secs(100)).await;
    write(&mut client, "STARTTLS\n").await;
    served.over().await.was("establish_tls_timeout", secs(110));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_dropped_ends_the_connection() {
    let files = Files::new();
    let (mut client, served) = later(&files).serve(lines(), |mut conn: Connection<Framing>| async move {
        conn.recv().await?;
        let begun = timeout(secs(1), conn.start_tls()).await;
        assert!(begun.is_err());
        conn.recv().await?;
        Ok(())
    });
    write(&mut client, "STARTTLS\n").await;
    served.over().await.was("establish_tls", secs(1));
}

#[tokio::test(start_paused = true)]
async fn without_a_certificate_there_is_no_tls() {
    let (mut client, served) = Setup::new().serve(lines(), |mut conn: Connection<Framing>| async move {
        assert!(!conn.can_start_tls());
        let error = conn.start_tls().await.unwrap_err();
        assert!(matches!(error, ConnectionError::StartTls(_)), "{error}");
        echo(conn).await
    });
    write(&mut client, "still here\n").await;
    expect(&mut client, "still here\n").await;
    client.shutdown().await.unwrap();
    assert_eq!(served.word().await, "client_closed");
}

#[tokio::test(start_paused = true)]
async fn a_drain_delivers_what_is_owed() {
    let files = Files::new();
    let (client, served) = encrypted(&files).serve(lines(), echo);
    let mut client = connect(files.client(), client).await.unwrap();
    is_echoed(&mut client, "halo\n").await;
    client.write_all(b"last\n").await.unwrap();
    served.drain();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "last\n");
    drop(client);
    assert_eq!(served.word().await, "drained");
}
