//! Sockets that another process has opened: passed as systemd passes them.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::command::{File, PATIENCE, ended, terima};
use crate::service::{Service, logging};

/// The command, with two sockets under these names, by a shell whose process it takes over: `LISTEN_PID` is its own id.
fn passed(names: &str, sockets: [OwnedFd; 2], file: &File) -> Command {
    let built = terima();
    let mut command = Command::new("sh");
    command.arg("-c").arg("LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 4<&1 </dev/null >/dev/null");
    command.arg(built.as_std().get_program());
    command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", names);
    let [first, second] = sockets;
    command.stdin(Stdio::from(first)).stdout(Stdio::from(second)).stderr(Stdio::piped());
    let mut command = logging(command, "run");
    command.arg("--config").arg(file.path()).kill_on_drop(true);
    command
}

fn tcp() -> (OwnedFd, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket.into(), address)
}

fn listener(name: &str, addresses: &str) -> String {
    format!("[[listener]]\nname = \"{name}\"\naddress = {addresses}\nhandler = \"echo\"\n")
}

async fn is_echoed(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(back, *b"hello");
}

#[tokio::test]
async fn both_of_one_name_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    let (one, address) = tcp();
    let sockets = [one, UnixListener::bind(&path).unwrap().into()];
    // Whoever has connected before there was a service is served by it.
    let early = TcpStream::connect(address).await.unwrap();
    let file = File::new(&listener("echo", "\"systemd:echo\""));
    let mut service = Service::of(passed("echo:echo", sockets, &file).spawn().unwrap(), None);
    let listening = [service.logged("listening").await, service.logged("listening").await];
    assert_eq!(listening[0]["address"], address.to_string());
    assert_eq!(listening[1]["address"], format!("unix:{}", path.display()));
    service.logged("ready").await;
    is_echoed(early).await;
    is_echoed(TcpStream::connect(address).await.unwrap()).await;
    is_echoed(UnixStream::connect(&path).await.unwrap()).await;
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
    assert!(path.exists(), "it is not the service's to remove");
}

#[tokio::test]
async fn each_listener_has_its_own() {
    let ((one, first), (two, second)) = (tcp(), tcp());
    let file =
        File::new(&format!("{}{}", listener("b", "\"systemd:two\""), listener("a", "\"systemd:one\"")));
    let mut service = Service::of(passed("one:two", [one, two], &file).spawn().unwrap(), None);
    for (name, address) in [("b", second), ("a", first)] {
        let listening = service.logged("listening").await;
        assert_eq!(
            (&listening["listener"], &listening["address"]),
            (&name.into(), &address.to_string().into())
        );
        is_echoed(TcpStream::connect(address).await.unwrap()).await;
    }
}

#[tokio::test]
async fn what_nobody_names_is_a_warning() {
    let ((one, _), (two, _)) = (tcp(), tcp());
    let file = File::new(&listener("echo", "\"systemd:one\""));
    let mut service = Service::of(passed("one:other", [one, two], &file).spawn().unwrap(), None);
    let said = service.event(|event| event["level"] == "WARN").await;
    assert_eq!(said["socket"], "other", "{said}");
    assert!(said["message"].as_str().unwrap().starts_with("no listener names this socket of systemd"));
    service.logged("ready").await;
}

/// What is said where it can't be served, with the exit code of an address that can't be had.
async fn refused(names: &str, sockets: [OwnedFd; 2], address: &str) -> String {
    let file = File::new(&listener("echo", address));
    let child = passed(names, sockets, &file).spawn().unwrap();
    let ended = timeout(PATIENCE, child.wait_with_output()).await.expect("it does not end").unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(69), "{said}");
    said
}

#[tokio::test]
async fn it_does_not_start_with_something_else() {
    let other = || [tcp().0, tcp().0];
    let said = refused("one:two", other(), "\"systemd:echo\"").await;
    assert!(said.contains(
        "can't listen on systemd:echo: no socket of this name was passed; those that were: one, two"
    ));
    let said = refused("", other(), "\"systemd:echo\"").await;
    assert!(said.contains("those that were: unknown"), "{said}");

    let datagrams = [UdpSocket::bind("127.0.0.1:0").unwrap().into(), tcp().0];
    assert!(
        refused("echo:x", datagrams, "\"systemd:echo\"")
            .await
            .contains("it is no stream: its unit has to say")
    );

    if cfg!(target_os = "linux") {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let sockets = [connected.into(), tcp().0];
        let said = refused("connection:x", sockets, "\"systemd:connection\"").await;
        assert!(said.contains("it does not listen: its unit has to say Accept=no"), "{said}");
    }
}

#[tokio::test]
async fn without_a_manager_it_says_so() {
    let file = File::new(&listener("echo", "\"systemd:echo\""));
    let run = ended(terima().env_remove("LISTEN_FDS").args(["run", "--config"]).arg(file.path())).await;
    assert_eq!(run.code, Some(69), "{}", run.stderr);
    assert!(
        run.stderr.contains("has passed no sockets: there is no LISTEN_FDS\n  help: let systemd"),
        "{}",
        run.stderr
    );
    let mut other = terima();
    other.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").args(["run", "--config"]).arg(file.path());
    let run = ended(&mut other).await;
    assert!(run.stderr.contains("the sockets are for another process: LISTEN_PID is 1"), "{}", run.stderr);

    let check = ended(terima().args(["check", "--config"]).arg(file.path())).await;
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    let row =
        "  address                   systemd:echo  (systemd opens it, and starts the service with it)\n";
    assert!(check.stdout.contains(row), "{}", check.stdout);
}
