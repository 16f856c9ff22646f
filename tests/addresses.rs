//! Where a server listens: addresses, names, Unix sockets, and the options of their sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, SockRef, Socket, Type};
use terima::codec::Chunks;
use terima::{Connection, HandlerError, NoOptions, Server, StartError, handler_fn};

use common::{Client, listener, start};

/// An echo of lines at these addresses, as the file writes them.
fn echo(name: &str, addresses: &str, keys: &str) -> String {
    listener(name, "echo", &format!("codec = \"lines\"\n{keys}")).replace("\"127.0.0.1:0\"", addresses)
}

/// Whether this machine has IPv6; where it has not, there is nothing to test of it.
fn has_v6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

async fn refused(address: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_err()
}

// === IPv4 and IPv6 ===

#[tokio::test]
async fn both_kinds_of_addresses_may_stand_in_a_list() {
    if !has_v6() {
        return;
    }
    let server = start(Server::builder(), &echo("list", "[\"127.0.0.1:0\", \"[::1]:0\"]", "")).await;
    let addresses = server.addresses("list");
    assert_eq!(addresses[0].ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(addresses[1].ip(), Ipv6Addr::LOCALHOST);
    for address in addresses {
        Client::connect(*address).await.is_echoed("here\n").await;
    }
}

#[tokio::test]
async fn an_ipv6_wildcard_takes_ipv4_too() {
    if !has_v6() {
        return;
    }
    for (name, address) in [("wildcard", "\"[::]:0\""), ("every", "\":0\"")] {
        let server = start(Server::builder(), &echo(name, address, "")).await;
        let [bound] = server.addresses(name) else { panic!("one socket") };
        assert_eq!(bound.ip(), Ipv6Addr::UNSPECIFIED);
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            Client::connect((ip, bound.port()).into()).await.is_echoed("here\n").await;
        }
    }
}

#[tokio::test]
async fn beside_an_ipv4_twin_it_takes_ipv6_alone() {
    if !has_v6() {
        return;
    }
    // A port that is free for both kinds.
    let port = std::net::TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let text =
        [echo("four", &format!("\"127.0.0.1:{port}\""), ""), echo("six", &format!("\"[::]:{port}\""), "")];
    let server = start(Server::builder(), &text.concat()).await;
    Client::connect((Ipv4Addr::LOCALHOST, port).into()).await.is_echoed("four\n").await;
    Client::connect((Ipv6Addr::LOCALHOST, port).into()).await.is_echoed("six\n").await;
    // 127.0.0.2 is nobody's: the wildcard left IPv4 alone.
    assert!(refused((Ipv4Addr::new(127, 0, 0, 2), port).into()).await);
    drop(server);
}

#[tokio::test]
async fn only_v6_can_be_said() {
    if !has_v6() {
        return;
    }
    let server = start(Server::builder(), &echo("only", "\"[::]:0\"", "socket.only_v6 = true")).await;
    let port = server.addresses("only")[0].port();
    Client::connect((Ipv6Addr::LOCALHOST, port).into()).await.is_echoed("here\n").await;
    assert!(refused((Ipv4Addr::LOCALHOST, port).into()).await);
}

// === names ===

#[tokio::test]
async fn a_name_is_every_address_that_it_stands_for() {
    let server = start(Server::builder(), &echo("name", "\"localhost:0\"", "")).await;
    let addresses = server.addresses("name");
    assert!(!addresses.is_empty());
    for address in addresses {
        assert!(address.ip().is_loopback(), "{address}");
        Client::connect(*address).await.is_echoed("here\n").await;
    }
}

#[tokio::test]
async fn a_name_that_is_not_known_is_told() {
    // RFC 6761: the names below `invalid` are never there.
    let text = echo("lost", "[\"127.0.0.1:0\", \"terima.invalid:7\"]", "");
    let error = Server::builder().parse(&text).unwrap().start().await.unwrap_err();
    let StartError::Resolve { listener, name, .. } = &error else { panic!("{error:?}") };
    assert_eq!((listener.as_str(), name.as_str()), ("lost", "terima.invalid"));
}

#[tokio::test]
async fn nobody_else_can_take_the_port() {
    let text = |at: &str| echo("mine", at, "");
    let server = start(Server::builder(), &text("\"127.0.0.1:0\"")).await;
    let address = server.addresses("mine")[0];
    for any in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        // On Windows this takes the port away from whoever does not forbid it.
        let thief = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        thief.set_reuse_address(true).unwrap();
        let at = SocketAddr::from((any, address.port()));
        thief.bind(&at.into()).and_then(|()| thief.listen(1)).unwrap_err();
    }
    let second = Server::builder().parse(&text(&format!("\"{address}\""))).unwrap().start().await;
    let StartError::Bind { listener, .. } = second.unwrap_err() else { panic!("it is not told") };
    assert_eq!(listener, "mine");
    Client::connect(address).await.is_echoed("still here\n").await;
}

// === options ===

/// After how long without a byte the system asks for the client.
#[cfg(unix)]
fn silence(options: &SockRef<'_>) -> std::io::Result<std::time::Duration> {
    options.tcp_keepalive_time()
}

/// Windows does not tell; it is taken to be what it was told.
#[cfg(windows)]
fn silence(_options: &SockRef<'_>) -> std::io::Result<std::time::Duration> {
    Ok(std::time::Duration::from_secs(60))
}

/// A listener whose handler tells what its socket is like.
async fn options_of(keys: &str) -> String {
    let tell = |_: NoOptions| {
        Ok(handler_fn(|conn: Connection<Chunks>| async move {
            let socket = conn.into_raw().try_into_tcp().map_err(|_| "no TCP")?;
            let options = SockRef::from(&socket);
            let told = format!(
                "nodelay {} keepalive {} {:?} buffers {} {}",
                options.tcp_nodelay()?,
                options.keepalive()?,
                silence(&options)?,
                options.send_buffer_size()?,
                options.recv_buffer_size()?
            );
            socket.writable().await?;
            socket.try_write(told.as_bytes())?;
            Ok::<_, HandlerError>(())
        }))
    };
    let server = start(Server::builder().handler("tell", tell), &listener("options", "tell", keys)).await;
    let mut client = Client::connect(server.addresses("options")[0]).await;
    String::from_utf8(client.rest().await.unwrap()).unwrap()
}

#[tokio::test]
async fn connections_have_what_their_listener_says() {
    let told = options_of("").await;
    assert!(told.starts_with("nodelay true keepalive true 60s "), "{told}");

    let keys = "socket.nodelay = false\nsocket.keepalive = \"off\"\nsocket.send_buffer = \"16KiB\"\n\
                socket.receive_buffer = \"32KiB\"\n";
    let told = options_of(keys).await;
    assert!(told.starts_with("nodelay false keepalive false "), "{told}");
    // Linux sets aside the double of it for its own use: socket(7).
    #[cfg(target_os = "linux")]
    assert!(told.ends_with(" buffers 32768 65536"), "{told}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn several_servers_can_share_a_port() {
    let one = start(Server::builder(), &echo("shared", "\"127.0.0.1:0\"", "socket.reuse_port = true")).await;
    let address = format!("\"{}\"", one.addresses("shared")[0]);
    let two = start(Server::builder(), &echo("shared", &address, "socket.reuse_port = true")).await;
    assert_eq!(one.addresses("shared"), two.addresses("shared"));
    let alone = Server::builder().parse(&echo("shared", &address, "")).unwrap();
    assert!(alone.start().await.is_err());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_is_not_there_yet_can_be_bound() {
    // RFC 5737: no machine has an address of TEST-NET-1.
    let text = |keys| echo("later", "\"192.0.2.1:0\"", keys);
    assert!(Server::builder().parse(&text("")).unwrap().start().await.is_err());
    start(Server::builder(), &text("socket.freebind = true")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_is_held_back_until_it_has_something_to_say() {
    let text =
        [listener("deferred", "echo", "socket.defer_accept = \"30s\""), listener("at-once", "echo", "")];
    let server = start(Server::builder(), &text.concat()).await;
    let mut silent = Client::connect(server.addresses("deferred")[0]).await;
    // Whoever came later is served, so the first would have been.
    Client::connect(server.addresses("at-once")[0]).await.is_echoed("now").await;
    assert_eq!(server.listeners()[0].connections, 0);
    silent.is_echoed("at last").await;
}

#[tokio::test]
async fn what_does_nothing_is_a_warning() {
    let text = listener("warned", "echo", "socket.mode = \"0600\"");
    let ready = Server::builder().parse(&text).unwrap();
    let [warning] = ready.warnings() else { panic!("{:?}", ready.warnings()) };
    assert!(warning.is_warning() && warning.reason().contains("socket.mode"), "{warning}");
}

// === Unix sockets ===

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use terima::{Address, Credentials, Framing, ListenAddress, Shutdown};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{UnixListener, UnixStream};

    use super::common::{ended_as, within};
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn socket(&self) -> PathBuf {
            self.0.path().join("echo.sock")
        }

        fn address(&self) -> String {
            format!("\"unix:{}\"", self.socket().display())
        }
    }

    async fn is_echoed(path: &Path, line: &[u8]) {
        let mut client = UnixStream::connect(path).await.unwrap();
        client.write_all(line).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        within("an answer", client.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer, line);
    }

    #[tokio::test]
    async fn a_path_is_served_until_the_server_stops() {
        let folder = Folder::new();
        let server = start(Server::builder(), &echo("path", &folder.address(), "")).await;
        assert_eq!(server.listeners()[0].addresses, [ListenAddress::Unix(folder.socket())]);
        assert!(server.addresses("path").is_empty());
        is_echoed(&folder.socket(), b"one\n").await;
        is_echoed(&folder.socket(), &[b"a long line", vec![b'x'; 60_000].as_slice(), b"\n"].concat()).await;

        let mut idle = UnixStream::connect(folder.socket()).await.unwrap();
        idle.write_all(b"idle\n").await.unwrap();
        within("an answer", idle.read_exact(&mut [0; 5])).await.unwrap();
        assert!(matches!(server.shutdown().await, Shutdown::Drained));
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(!folder.socket().exists());
    }

    #[tokio::test]
    async fn beside_a_port() {
        let folder = Folder::new();
        let both = format!("[{}, \"127.0.0.1:0\"]", folder.address());
        let server = start(Server::builder(), &echo("beside", &both, "")).await;
        is_echoed(&folder.socket(), b"by path\n").await;
        Client::connect(server.addresses("beside")[0]).await.is_echoed("by port\n").await;
    }

    #[tokio::test]
    async fn its_file_has_the_permissions_that_the_listener_says() {
        let folder = Folder::new();
        for (keys, expected) in
            [("", 0o660), ("socket.mode = \"0600\"", 0o600), ("socket.mode = \"666\"", 0o666)]
        {
            let server = start(Server::builder(), &echo("mode", &folder.address(), keys)).await;
            let file = fs::metadata(folder.socket()).unwrap();
            assert!(file.file_type().is_socket());
            assert_eq!(file.permissions().mode() & 0o777, expected, "{keys}");
            server.shutdown().await;
        }
    }

    #[tokio::test]
    async fn only_root_can_give_it_away() {
        let folder = Folder::new();
        let text = echo("owner", &folder.address(), "socket.owner = 12345\nsocket.group = 23456");
        let started = Server::builder().parse(&text).unwrap().start().await;
        if fs::metadata(folder.0.path()).unwrap().uid() == 0 {
            let _server = started.unwrap();
            let file = fs::metadata(folder.socket()).unwrap();
            assert_eq!((file.uid(), file.gid()), (12_345, 23_456));
        } else {
            started.unwrap_err();
            assert!(!folder.socket().exists(), "it is left behind");
        }
    }

    #[tokio::test]
    async fn an_owner_that_is_not_known_is_told() {
        let folder = Folder::new();
        let text = echo("nobody", &folder.address(), "socket.owner = \"no-such-user\"");
        let error = Server::builder().parse(&text).unwrap().start().await.unwrap_err();
        let StartError::Bind { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.to_string(), "socket.owner: there is no user `no-such-user` on this machine");
    }

    #[tokio::test]
    async fn who_listens_there_is_not_pushed_aside() {
        let folder = Folder::new();
        let server = start(Server::builder(), &echo("first", &folder.address(), "")).await;
        let second = Server::builder().parse(&echo("second", &folder.address(), "")).unwrap().start().await;
        let StartError::Bind { source, .. } = second.unwrap_err() else { panic!("another error") };
        assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
        is_echoed(&folder.socket(), b"still the first\n").await;
        drop(server);
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_replaced() {
        let folder = Folder::new();
        drop(UnixListener::bind(folder.socket()).unwrap());
        start(Server::builder(), &echo("stale", &folder.address(), "")).await;
        is_echoed(&folder.socket(), b"here\n").await;
    }

    #[tokio::test]
    async fn who_connects_is_known() {
        let folder = Folder::new();
        let whoami = |_: NoOptions| {
            Ok(handler_fn(|mut conn: Connection<Framing>| async move {
                assert_eq!(conn.info().local().0, Address::Unix(None));
                let Address::Unix(Some(Credentials { user, process, .. })) = conn.info().peer().0 else {
                    return Err(HandlerError::end("unknown"));
                };
                Ok::<_, HandlerError>(conn.send(format!("{user} {process:?}")).await?)
            }))
        };
        let text = listener("whoami", "whoami", "").replace("\"127.0.0.1:0\"", &folder.address());
        let server = start(Server::builder().handler("whoami", whoami), &text).await;
        let mut client = UnixStream::connect(folder.socket()).await.unwrap();
        let mut told = String::new();
        within("an answer", client.read_to_string(&mut told)).await.unwrap();
        let user = fs::metadata(folder.0.path()).unwrap().uid();
        assert!(told.starts_with(&format!("{user} ")), "{told}");
        #[cfg(target_os = "linux")]
        assert!(told.ends_with(&format!("Some({})", std::process::id())), "{told}");
        drop((client, server));
        let line = ended_as("whoami", &format!("unix:uid={user}")).await;
        assert_eq!(&line["reason"], "handler_done");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_name_without_a_file_is_served() {
        use std::os::linux::net::SocketAddrExt;

        let name = format!("terima-test-{}", std::process::id());
        let server = start(Server::builder(), &echo("abstract", &format!("\"unix:@{name}\""), "")).await;
        assert_eq!(server.listeners()[0].addresses, [ListenAddress::Abstract(name.clone())]);
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let client = std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
        client.set_nonblocking(true).unwrap();
        let mut client = UnixStream::from_std(client).unwrap();
        client.write_all(b"here\n").await.unwrap();
        let mut answer = [0; 5];
        within("an answer", client.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"here\n");
    }

    #[test]
    fn a_path_that_is_too_long_is_a_fault_of_the_file() {
        let text = echo("long", &format!("\"unix:/run/{}.sock\"", "x".repeat(100)), "");
        let problems = Server::builder().parse(&text).unwrap_err();
        let problem = problems.iter().next().unwrap();
        assert_eq!(problem.reason(), "a path of 110 bytes is too long for a Unix socket");
        assert_eq!(problem.line(), Some(3));
    }

    #[tokio::test]
    async fn a_slow_reader_of_a_unix_socket_gets_everything() {
        let folder = Folder::new();
        let text = listener("bulk", "echo", "").replace("\"127.0.0.1:0\"", &folder.address());
        let server = start(Server::builder(), &text).await;
        let client = UnixStream::connect(folder.socket()).await.unwrap();
        let (mut reads, mut writes) = client.into_split();
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
        let bytes = sent.clone();
        let writing = tokio::spawn(async move {
            writes.write_all(&bytes).await.unwrap();
            writes.shutdown().await.unwrap();
        });
        let mut got = Vec::new();
        within("all of it", reads.read_to_end(&mut got)).await.unwrap();
        writing.await.unwrap();
        assert!(got == sent, "{} bytes", got.len());
        assert!(matches!(server.shutdown().await, Shutdown::Drained));
    }
}
