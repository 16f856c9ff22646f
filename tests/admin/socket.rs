//! The interface on a Unix socket, and its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use terima::{Server, StartError};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::client::Reply;
use crate::common::{self, listener, within};
use crate::{start, token_file};

async fn get(path: &Path, head: &str) -> Reply {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    Reply::read(&mut stream).await.unwrap()
}

fn text(path: &Path, keys: &str) -> String {
    let address = format!("unix:{}", path.display());
    format!("[admin]\naddress = {address:?}\n{keys}\n{}", listener("socket", "echo", ""))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn who_may_write_to_it_may_ask_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let server = common::start(Server::builder(), &text(&path, "")).await;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(server.admin_address().unwrap().to_string(), format!("unix:{}", path.display()));
    assert_eq!(get(&path, "GET /v1/status HTTP/1.1\r\nhost: localhost").await.status, 200);
    // It may be forwarded to a port, where browsers are.
    assert_eq!(get(&path, "GET /v1/status HTTP/1.1\r\nhost: evil.example").await.status, 421);
    let page = "GET /v1/status HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example";
    assert_eq!(get(&path, page).await.status, 403);

    assert!(!folder.path().join("admin.token").exists());
    server.shutdown().await;
    // It goes with the server, whatever is being closed just now.
    within("the file to go", async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn others_may_be_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let _server = common::start(Server::builder(), &text(&path, "mode = \"0660\"\ngroup = 0")).await;
    assert_eq!(mode(&path), 0o660);
}

#[tokio::test]
async fn without_a_folder_or_a_place_in_it_nothing_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "precious").unwrap();
    for path in [folder.path().join("no-such/admin.sock"), taken.clone()] {
        let ready = Server::builder().parse(&text(&path, "")).unwrap();
        let error = ready.start().await.unwrap_err();
        assert!(matches!(error, StartError::Admin(_)), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    assert_eq!(fs::read(&taken).unwrap(), b"precious");
}

#[tokio::test]
async fn a_token_is_made_for_its_owner_alone_and_kept() {
    let setup = start(Server::builder(), "", &listener("made", "echo", "")).await;
    let path = token_file(&setup.folder);
    assert_eq!(mode(&path), 0o600);
    let token = fs::read_to_string(&path).unwrap();
    let again = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = {:?}\n{}",
        path.display().to_string(),
        listener("kept", "echo", "")
    );
    let _second = common::start(Server::builder(), &again).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), token);

    fs::write(&path, "short").unwrap();
    let error = Server::builder().parse(&again).unwrap().start().await.unwrap_err();
    assert!(error.to_string().starts_with("admin.token_file: "), "{error}");
}
