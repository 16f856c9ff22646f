//! What the service manager is told, read as it reads it.

use std::path::Path;

use tokio::net::{TcpStream, UnixDatagram};
use tokio::time::timeout;

use crate::command::{ECHO, PATIENCE};
use crate::service::Service;

/// The socket that a service manager listens on.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        Self(UnixDatagram::bind(path).unwrap())
    }

    /// The lines of the next message.
    async fn told(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = timeout(PATIENCE, self.0.recv(&mut buffer)).await.expect("nothing is told").unwrap();
        std::str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect()
    }

    /// The first message that has this line, whatever comes before it.
    async fn until(&self, line: &str) -> Vec<String> {
        loop {
            let told = self.told().await;
            if told.iter().any(|one| one == line) {
                return told;
            }
        }
    }
}

fn environment(socket: &str) -> [(&str, &str); 2] {
    // The signs of life come twice in that time.
    [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "100000")]
}

#[tokio::test]
async fn from_ready_to_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let (mut service, address) = Service::start_in(ECHO, &[], &environment(path.to_str().unwrap())).await;
    assert_eq!(manager.told().await, ["READY=1", "STATUS=serving 0 connections on 1 listener"]);
    manager.until("WATCHDOG=1").await;

    let client = TcpStream::connect(address).await.unwrap();
    manager.until("STATUS=serving 1 connection on 1 listener").await;

    service.signal("HUP").await;
    let told = manager.until("RELOADING=1").await;
    let time = told[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0, "{told:?}");
    manager.until("READY=1").await;

    service.signal("TERM").await;
    service.logged("draining").await;
    let told = manager.until("STOPPING=1").await;
    assert_eq!(told[1], "EXTEND_TIMEOUT_USEC=30000000");
    assert!(told[2].starts_with("STATUS=stopping, "), "{told:?}");
    drop(client);
    assert_eq!(service.code().await, Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_without_a_file_will_do() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram as Datagram};

    let name = format!("terima-notify-{}", std::process::id());
    let socket = Datagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let manager = Manager(UnixDatagram::from_std(socket).unwrap());
    let (service, _) = Service::start_in(ECHO, &[], &environment(&format!("@{name}"))).await;
    assert_eq!(manager.told().await[0], "READY=1");
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn a_manager_that_is_gone_is_nobodys_concern() {
    let (service, _) = Service::start_in(ECHO, &[], &environment("/no-such-folder/notify")).await;
    service.signal("HUP").await;
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn who_cannot_listen_is_never_ready() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = ECHO.replace("127.0.0.1:0", &held.local_addr().unwrap().to_string());
    let service = Service::spawn_in(&text, &[], &environment(path.to_str().unwrap()));
    assert_eq!(service.code().await, Some(69));
    assert!(manager.0.try_recv(&mut [0; 64]).is_err(), "it was told something");
}
