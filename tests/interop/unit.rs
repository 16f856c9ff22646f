//! The unit, as systemd reads it.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::command::{File, PATIENCE, ended};
use crate::control;
use crate::peers::{client, exchange, free_port};
use crate::service::logging;

const UNIT: &str = include_str!("../../dist/systemd/terima.service");
const SOCKET: &str = include_str!("../../dist/systemd/activation/terima.socket");

/// Exposure in tenths, from 0 to 100: what systemd-analyze calls OK ends at 40. It may not grow by accident.
const MOST_EXPOSED: &str = "20";

/// The unit in a folder of its own, with the built command in the place of the one that the package installs.
fn unit(folder: &Path) -> String {
    let installed = "ExecStart=/usr/bin/terima ";
    assert!(UNIT.contains(installed));
    let file = folder.join("terima.service");
    let built = format!("ExecStart={} ", env!("CARGO_BIN_EXE_terima"));
    fs::write(&file, UNIT.replace(installed, &built)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs systemd-analyze: .ci/interop"]
async fn systemd_has_nothing_to_say_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let told =
        ended(Command::new("systemd-analyze").args(["verify", "--man=no", &unit(folder.path())])).await;
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
#[ignore = "needs systemd-analyze: .ci/interop"]
async fn its_sandbox_is_as_tight_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold, &unit(folder.path())];
    let told = ended(Command::new("systemd-analyze").args(arguments)).await;
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
}

#[tokio::test]
#[ignore = "needs systemd-analyze: .ci/interop"]
async fn nor_about_its_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("terima.socket");
    fs::write(&file, SOCKET).unwrap();
    let arguments = ["verify", "--man=no", &unit(folder.path()), file.to_str().unwrap()];
    let told = ended(Command::new("systemd-analyze").args(arguments)).await;
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
}

/// systemd's own tool for it: it opens the sockets, and starts the service when the first client is there.
#[tokio::test]
#[ignore = "needs systemd-socket-activate: .ci/interop"]
async fn the_first_client_starts_it() {
    let folder = tempfile::tempdir().unwrap();
    let (at, path) = (free_port(), folder.path().join("echo.sock"));
    let file = File::new("[[listener]]\nname = \"echo\"\naddress = \"systemd:echo\"\nhandler = \"echo\"\n");
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &at.to_string(), "-l", path.to_str().unwrap(), "--fdname=echo:echo"]);
    command.arg(env!("CARGO_BIN_EXE_terima"));
    let mut command = logging(command, "run");
    command.arg("--config").arg(file.path()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    // What it says of itself, before it becomes the service.
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line = async || timeout(PATIENCE, said.next_line()).await.unwrap().unwrap().unwrap();
    while !line().await.contains(path.to_str().unwrap()) {}
    assert_eq!(exchange(at, b"hello", 5).await, b"hello");
    while !line().await.contains("\"ready\"") {}
    let socat = ["-t", "20", "-", &format!("UNIX-CONNECT:{}", path.display())];
    assert_eq!(client("socat", &socat, b"hello").await, b"hello");
    control::signal(child.id().unwrap(), "TERM").await;
    assert!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().success());
}
