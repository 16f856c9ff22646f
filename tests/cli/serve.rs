//! `terima serve`: a listener without a file.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::command::{PATIENCE, ended, terima};
use crate::service::Service;

async fn answer(address: SocketAddr, question: &[u8]) -> Vec<u8> {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(question).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("it does not end").unwrap();
    answer
}

#[tokio::test]
async fn it_serves_until_a_signal_ends_it() {
    let (service, address) = Service::serve(&["echo", "127.0.0.1:0", "--codec", "lines"]).await;
    for _ in 0..2 {
        assert_eq!(answer(address, b"halo\n").await, b"halo\n");
    }
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn options_reach_the_codec_and_the_handler() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quotes.txt");
    std::fs::write(&file, "halo\n").unwrap();
    let file = file.to_str().unwrap();
    let (_service, address) = Service::serve(&["quote", "127.0.0.1:0", "--file", file]).await;
    assert_eq!(answer(address, b"").await, b"halo\r\n");

    let echo = ["echo", "127.0.0.1:0", "--codec-max-frame=4B", "--codec", "lines"];
    let (_service, address) = Service::serve(&echo).await;
    assert_eq!(answer(address, b"halo\n").await, b"halo\n");
    assert_eq!(answer(address, b"halo!\n").await, b"");
}

#[tokio::test]
async fn one_connection_is_served_once_and_no_other() {
    let addresses = "[\"127.0.0.1:0\", \"127.0.0.1:0\"]";
    let (service, address) = Service::serve(&["echo", addresses, "--once"]).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"halo").await.unwrap();
    let mut read = [0; 4];
    timeout(PATIENCE, client.read_exact(&mut read)).await.expect("no answer").unwrap();
    // It is answered, so the sockets are closed.
    TcpStream::connect(address).await.unwrap_err();

    client.write_all(b"more").await.unwrap();
    timeout(PATIENCE, client.read_exact(&mut read)).await.expect("no answer").unwrap();
    drop(client);
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn a_signal_ends_it_before_its_one_connection() {
    let (service, _) = Service::serve(&["discard", "127.0.0.1:0", "--once"]).await;
    service.signal("INT").await;
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn a_signal_drains_the_one_connection() {
    let (service, address) = Service::serve(&["echo", "127.0.0.1:0", "--once"]).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"halo").await.unwrap();
    let mut read = [0; 4];
    timeout(PATIENCE, client.read_exact(&mut read)).await.expect("no answer").unwrap();
    service.signal("TERM").await;
    assert_eq!(timeout(PATIENCE, client.read(&mut read)).await.expect("no end").unwrap(), 0);
    drop(client);
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn what_is_wrong_is_underlined_where_it_was_typed() {
    for (arguments, place, help) in [
        (&["ehco", ":0"][..], "HANDLER:1:1", "did you mean `echo`?"),
        (&["echo", "7007"], "ADDRESS:1:1", "write \":7007\""),
        (&["echo", ":0", "--codec", "linse"], "--codec:1:9", "did you mean `lines`?"),
        (
            &["echo", ":0", "--codec", "lines", "--codec-max-farme", "1KiB"],
            "--codec-max-farme:1:9",
            "`max_frame`",
        ),
        (&["quote", ":0", "--flie", "a"], "--flie:1:3", "did you mean `file`?"),
        (&["echo", ":0", "--set", "log.level=inof"], "--set log.level:1:11", "write \"error\""),
    ] {
        let ended = ended(terima().arg("serve").args(arguments)).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{arguments:?}");
        for word in [&format!("--> {place}\n"), help, "terima: one problem in the command line\n"] {
            assert!(ended.stderr.contains(word), "{arguments:?}: no {word:?} in {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn no_file_is_read_and_variables_hold() {
    let arguments = ["serve", "echo", "127.0.0.1:0"];
    let wrong = [("TERIMA__LISTENER__ECHO__TIMEOUTS__IDEL", "5s"), ("TERIMA_CONFIG", "no-such.toml")];
    let ended = ended(terima().args(arguments).envs(wrong)).await;
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    assert!(ended.stderr.contains("IDEL") && !ended.stderr.contains("no-such"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_help_has_every_handler_and_every_codec() {
    let help = ended(terima().args(["serve", "--help"])).await.stdout;
    // A name like no other is answered with all that there are.
    for (arguments, noun) in
        [(&["??????????", ":0"][..], "handlers"), (&["echo", ":0", "--codec=??????????"], "codecs")]
    {
        let ended = ended(terima().arg("serve").args(arguments)).await;
        let (_, known) = ended.stderr.split_once(&format!("known {noun}: ")).expect(noun);
        let names: Vec<_> =
            known.lines().next().unwrap().split(", ").map(|name| name.trim_matches('`')).collect();
        assert!(names.len() > 1, "{names:?}");
        for name in names {
            assert!(help.lines().any(|line| line.starts_with(&format!("  {name} "))), "no {name}: {help}");
        }
    }
}
