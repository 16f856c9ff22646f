//! `terima health`.

use std::net::TcpListener;

use tokio::net::TcpSocket;

use crate::command::{ECHO, Ended, File, ended, terima};
use crate::service::Service;

async fn health(text: &str, arguments: &[&str]) -> Ended {
    let file = File::new(text);
    ended(terima().arg("health").arg("--config").arg(file.path()).args(arguments)).await
}

fn echo_at(address: &str) -> String {
    ECHO.replace("127.0.0.1:0", address)
}

#[tokio::test]
async fn listeners_that_answer_are_0() {
    let chargen = ECHO.replace("\"echo\"", "\"chargen\"");
    for text in [ECHO, &chargen] {
        for bound in ["127.0.0.1:0", "0.0.0.0:0"] {
            let (_service, address) = Service::start(&text.replace("127.0.0.1:0", bound), &[]).await;
            // A wildcard is asked on loopback.
            let ended = health(&text.replace("127.0.0.1:0", &address.to_string()), &[]).await;
            assert_eq!(
                (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
                (Some(0), "", ""),
                "{bound}"
            );
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_asked_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("echo.sock").display());
    let addresses = format!("[\"127.0.0.1:0\", \"{path}\"]");
    let (_service, _) = Service::start(&ECHO.replace("\"127.0.0.1:0\"", &addresses), &[]).await;
    assert_eq!(health(&echo_at(&path), &[]).await.code, Some(0));
}

#[tokio::test]
async fn each_listener_that_does_not_answer_is_told_and_is_1() {
    // Nobody accepts what this one is asked: the system connects all the same.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap().to_string();
    // This one only keeps others from listening there.
    let gone = TcpSocket::new_v4().unwrap();
    gone.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone_at = gone.local_addr().unwrap().to_string();
    let (_service, alive) = Service::start(ECHO, &[]).await;

    let listener = |name: &str, address: &str| {
        echo_at(address).replace("name = \"echo\"", &format!("name = \"{name}\""))
    };
    let text =
        [listener("silent", &silent_at), listener("gone", &gone_at), listener("alive", &alive.to_string())]
            .concat();
    let ended = health(&text, &["--timeout", "100ms"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let in_time = format!("terima: listener `silent` does not answer on {silent_at}: nothing came in time");
    assert!(ended.stderr.contains(&in_time), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&format!("terima: listener `gone` does not answer on {gone_at}: ")),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
}

#[tokio::test]
async fn a_port_that_nobody_knows_is_skipped() {
    let (_service, address) = Service::start(ECHO, &[]).await;
    let both =
        format!("{ECHO}{}", echo_at(&address.to_string()).replace("name = \"echo\"", "name = \"known\""));
    let skipped = health(&both, &[]).await;
    assert_eq!(skipped.code, Some(0), "{}", skipped.stderr);
    assert!(
        skipped.stderr.starts_with("terima: listener `echo` is not asked on 127.0.0.1:0"),
        "{}",
        skipped.stderr
    );

    let nothing = health(ECHO, &[]).await;
    assert_eq!(nothing.code, Some(1), "nothing has answered: {}", nothing.stderr);
}

#[tokio::test]
async fn a_wrong_configuration_is_64() {
    assert_eq!(health("[[listener]]", &[]).await.code, Some(64));
}
