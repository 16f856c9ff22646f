//! Who may come in, over real sockets, and lists in files that change under a running server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;

use terima::testing::serve_in_memory;
use terima::{Builder, Server};

use common::{Client, listener, logged, logged_of_file, start};

/// A listener with a list of whom to deny in a file.
fn denying(name: &str, file: &Path) -> String {
    listener(name, "echo", &format!("access.deny_file = '{}'", file.display()))
}

/// What a metric of the file is.
fn figure(server: &Server, metric: &str, file: &Path) -> u64 {
    let escaped = file.display().to_string().replace('\\', "\\\\");
    let (name, label) = metric.split_once('/').unwrap_or((metric, ""));
    let metrics = server.metrics();
    let line = metrics.lines().find(|line| {
        line.starts_with(&format!("{name}{{")) && line.contains(&escaped) && line.contains(label)
    });
    line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_may_not_come_in_is_closed_and_named_in_the_log() {
    let server =
        start(Server::builder(), &listener("denied", "echo", "access.deny = [\"127.0.0.0/8\"]")).await;
    Client::connect(server.addresses("denied")[0]).await.expect_end().await;
    let line = logged("denied", "not let in").await;
    assert_eq!((&line["reason"], &line["rule"]), ("refused_access", "access.deny has 127.0.0.0/8"));
    assert!(line["peer"].starts_with("127.0.0.1:"));
    let refused = "terima_connections_refused_total{listener=\"denied\",reason=\"refused_access\"} 1\n";
    assert!(server.metrics().contains(refused), "{}", server.metrics());
}

/// What a socket for both kinds calls ::ffff:127.0.0.1 is 127.0.0.1.
#[tokio::test]
async fn an_ipv4_client_of_a_socket_of_both_kinds_is_one_of_ipv4() {
    let text = listener("both", "echo", "access.allow = [\"127.0.0.1\"]").replace("127.0.0.1:0", "[::]:0");
    let server = start(Server::builder(), &text).await;
    let port = server.addresses("both")[0].port();
    Client::connect(([127, 0, 0, 1], port).into()).await.is_echoed("of IPv4").await;
    Client::connect((std::net::Ipv6Addr::LOCALHOST, port).into()).await.expect_end().await;
}

#[tokio::test]
async fn a_list_is_read_again_and_a_faulty_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deny.txt");
    fs::write(&file, "# nobody yet\n").unwrap();
    let server = start(Server::builder(), &denying("reread", &file)).await;
    let address = server.addresses("reread")[0];
    let mut inside = Client::connect(address).await;
    inside.is_echoed("welcome").await;
    assert_eq!(figure(&server, "terima_file_reloads_total/reloaded", &file), 0);

    // Renamed over it, as editors do.
    let new = folder.path().join("new");
    fs::write(&new, "# from today on\n127.0.0.1\n").unwrap();
    fs::rename(&new, &file).unwrap();
    logged_of_file(&file, "what it has now is in force", ("file", "")).await;
    Client::connect(address).await.expect_end().await;
    inside.is_echoed("who is inside stays").await;

    fs::write(&file, "# nobody any more?\n\n127.0.0.1/8\n").unwrap();
    let line = logged_of_file(&file, "stays in force", ("error", ":3: `127.0.0.1/8` has bits")).await;
    assert!(line["error"].contains("write \"127.0.0.0/8\""), "{}", &line["error"]);
    Client::connect(address).await.expect_end().await;
    assert_eq!(figure(&server, "terima_file_stale", &file), 1);

    fs::remove_file(&file).unwrap();
    logged_of_file(&file, "stays in force", ("error", "cannot be read")).await;
    Client::connect(address).await.expect_end().await;
    assert_eq!(figure(&server, "terima_file_reloads_total/failed", &file), 2);

    fs::write(&file, "192.0.2.0/24\n# and nobody else: longer than before\n").unwrap();
    while figure(&server, "terima_file_stale", &file) == 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Client::connect(address).await.is_echoed("welcome again").await;
}

#[tokio::test]
async fn a_faulty_list_at_the_start_is_a_fault_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deny.txt");
    fs::write(&file, "192.0.2.0/24\n192.0.2.1/24\n").unwrap();
    // Two listeners have it, and it is said once.
    let text = [denying("one", &file), denying("other", &file)].concat();
    let problems = Server::builder().parse(&text).unwrap_err();
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(&format!("{}:2:1: `192.0.2.1/24` has bits", file.display())), "{said:?}");

    let nowhere = folder.path().join("nowhere.txt");
    let problems = Builder::parse(Server::builder(), &denying("one", &nowhere)).unwrap_err();
    let problem = problems.iter().next().unwrap();
    assert_eq!((problem.line(), problems.len()), (Some(5), 1));
    assert!(problem.reason().contains("nowhere.txt: the file cannot be read"), "{problem}");
}

/// A program's own tests can ask from any address.
#[tokio::test(start_paused = true)]
async fn in_memory_clients_are_asked_too() {
    let keys = "access.allow = [\"2001:db8::/32\"]\naccess.deny = [\"2001:db8:bad::/48\"]";
    let server = serve_in_memory(Server::builder(), &listener("memory", "echo", keys));
    let from =
        |address: &str| server.connect_from("memory", address.parse::<std::net::SocketAddr>().unwrap());
    from("[2001:db8::1]:1").is_echoed("welcome").await;
    from("[2001:db8:bad::1]:1").expect_end().await;
    from("192.0.2.1:1").expect_end().await;
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::MetadataExt;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;
    use crate::common::within;

    #[tokio::test]
    async fn users_and_groups_are_let_in_over_a_unix_socket() {
        let folder = tempfile::tempdir().unwrap();
        let made = fs::metadata(folder.path()).unwrap();
        let (user, group) = (made.uid(), made.gid());
        let other = user + 1;
        for (name, keys, admits) in [
            ("u1", format!("access.allow_users = [{user}]"), true),
            ("u2", format!("access.allow_users = [{other}]"), false),
            ("u3", format!("access.allow_users = [{other}]\naccess.allow_groups = [{group}]"), true),
            ("u4", "access.allow_groups = [4000000000]".to_owned(), false),
            ("u5", "access.allow_groups = [4000000000]\naccess.dry_run = true".to_owned(), true),
            // Networks are not for them.
            ("u6", "access.allow = [\"192.0.2.0/24\"]".to_owned(), true),
        ] {
            let socket = folder.path().join(name);
            let text = listener(name, "echo", &keys)
                .replace("\"127.0.0.1:0\"", &format!("\"unix:{}\"", socket.display()));
            let _server = start(Server::builder(), &text).await;
            let mut client = UnixStream::connect(&socket).await.unwrap();
            let _ = client.write_all(b"x").await;
            let answered = matches!(within("an answer", client.read_u8()).await, Ok(b'x'));
            assert_eq!(answered, admits, "{keys}");
            if !admits {
                let line = logged(name, "not let in").await;
                assert!(line["peer"].starts_with(&format!("unix:uid={user}")), "{}", &line["peer"]);
            }
        }
    }

    #[tokio::test]
    async fn an_account_that_is_not_known_keeps_it_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("\"unix:{}\"", folder.path().join("s").display());
        let text = listener("unknown", "echo", "access.allow_users = [\"no-such-user\"]")
            .replace("\"127.0.0.1:0\"", &address);
        let error = Server::builder().parse(&text).unwrap().start().await.unwrap_err();
        assert_eq!(error.to_string(), "listener `unknown` cannot tell whom to let in");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "`access.allow_users` has `no-such-user`, which this system does not know");
    }
}
