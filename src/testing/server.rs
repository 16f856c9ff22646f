//! Servers that end with the test.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicU16, Ordering};

use super::accept::AcceptError;
use super::client::Client;
use super::ended::{Endings, with_causes};
use super::pipe::pipe;
use crate::establish::Stream;
use crate::listener::{Accepted, Address, Local, Peer, Script};
use crate::server::{Builder, Probe, Ready, Server};

/// Starts what a `server.toml` says, on loopback and at ports of the system's choice.
///
/// Every address of TCP in it, and every socket of systemd, is treated so, whatever it says: the file that is shipped can be tested as it is, with
/// `include_str!`, beside a server that runs from it. Unix sockets stay where they are; `[admin]` is left out.
///
/// Not under a paused clock: while the test waits for the system, the clock would jump to the next deadline.
///
/// Cancel safe: dropped before it resolved, it has accepted nobody, and what was bound is given back.
///
/// # Panics
///
/// If the file has problems, all of which are shown, or an address cannot be listened on.
#[track_caller]
pub fn serve(builder: Builder, toml: &str) -> impl Future<Output = TestServer> {
    let (ready, at) = (parse(builder, toml), Location::caller());
    async move {
        let mut probes = Probes::default();
        match ready.start_probed(|name| probes.add(name)).await {
            Ok(server) => probes.watch(server),
            Err(error) => panic!("{at}: {}", with_causes(&error)),
        }
    }
}

/// Starts what a `server.toml` says without any socket: clients come through memory, so the clock can be paused.
///
/// A pipe holds 64 KiB each way; a client that reads nothing lets the server wait beyond that. A client's address is one of
/// 127.0.0.1, another for each, unless it [has one](TestServer::connect_from). What a server resets looks closed: only a
/// client of memory can [reset](Client::reset).
///
/// # Panics
///
/// If the file has problems, all of which are shown.
#[track_caller]
pub fn serve_in_memory(builder: Builder, toml: &str) -> TestServer {
    let ready = parse(builder, toml);
    let mut probes = Probes::default();
    match ready.start_unbound(|name| probes.add(name)) {
        Ok(server) => probes.watch(server),
        Err(error) => panic!("{}", with_causes(&error)),
    }
}

#[track_caller]
fn parse(builder: Builder, toml: &str) -> Ready {
    match builder.parse(toml) {
        Ok(ready) => ready,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

/// A server for a test: dropped, it ends every connection at once. Beyond that it is a [`Server`].
pub struct TestServer {
    server: Server,
    probes: Probes,
}

/// What the test has in each listener.
#[derive(Default)]
struct Probes {
    scripts: BTreeMap<String, Script>,
    endings: Endings,
    /// The last port that a client of memory was given.
    port: AtomicU16,
}

impl TestServer {
    /// Connects a client to the first listener. Cancel safe as [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    #[track_caller]
    pub fn client(&self) -> impl Future<Output = Client> {
        let listener = self.server.listeners().into_iter().next();
        self.connect(&listener.map(|listener| listener.name).unwrap_or_default())
    }

    /// Connects a client to a listener: to its first address of TCP, or through memory where it has none.
    ///
    /// That does not say that it is served: at a limit it waits, or is turned away, as clients are.
    ///
    /// Cancel safe: dropped, it gives its connection up. The server may have accepted it already, and sees it go.
    ///
    /// # Panics
    ///
    /// If there is no such listener.
    #[track_caller]
    pub fn connect<'a>(&'a self, listener: &str) -> impl Future<Output = Client> + use<'a> {
        let (listener, at) = (listener.to_owned(), Location::caller());
        self.script(&listener);
        async move {
            let Some(&address) = self.server.addresses(&listener).first() else {
                let port = self.probes.port.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
                return self.connect_from(&listener, (Ipv4Addr::LOCALHOST, port));
            };
            let before = self.probes.endings.count();
            let client = Client::dial(address, at).await;
            let ending = self.probes.endings.of(&listener, Peer(Address::Tcp(client.address())), before);
            client.watched(ending)
        }
    }

    /// Connects a client through memory that seems to come from this address.
    ///
    /// # Panics
    ///
    /// If there is no such listener.
    #[track_caller]
    pub fn connect_from(&self, listener: &str, address: impl Into<SocketAddr>) -> Client {
        let (client, stream) = pipe();
        let address = address.into();
        let peer = Peer(Address::Tcp(address));
        let ending = self.probes.endings.of(listener, peer, self.probes.endings.count());
        self.script(listener).push(Ok(Accepted {
            stream: Stream::Boxed(Box::new(stream)),
            peer,
            local: Local(Address::Unnamed),
        }));
        Client::in_memory(client, address).watched(ending)
    }

    /// Makes the listener's next calls of accept(2) fail, each with one of these, before anybody else is accepted.
    ///
    /// ```
    /// use terima::{Server, testing::{self, AcceptError}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let server = testing::serve(Server::builder(), r#"
    ///     [[listener]]
    ///     name    = "echo"
    ///     address = "127.0.0.1:7007"
    ///     handler = "echo"
    /// "#).await;
    /// server.fail_accept("echo", [AcceptError::OutOfDescriptors, AcceptError::Gone]);
    /// server.connect("echo").await.is_echoed("served all the same").await;
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such listener.
    #[track_caller]
    pub fn fail_accept<E: Into<AcceptError>>(&self, listener: &str, errors: impl IntoIterator<Item = E>) {
        let script = self.script(listener);
        for error in errors {
            script.push(Err(error.into().into()));
        }
    }

    /// How many of the errors of [`fail_accept`](Self::fail_accept), and clients of memory, have not been accepted yet.
    ///
    /// # Panics
    ///
    /// If there is no such listener.
    #[track_caller]
    pub fn unaccepted(&self, listener: &str) -> usize {
        self.script(listener).left()
    }

    #[track_caller]
    fn script(&self, listener: &str) -> &Script {
        let known = || self.probes.scripts.keys();
        self.probes
            .scripts
            .get(listener)
            .unwrap_or_else(|| panic!("no listener {listener:?} among {:?}", known()))
    }
}

impl Deref for TestServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestServer").field(&self.server).finish()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Probes {
    fn add(&mut self, listener: &str) -> Probe {
        let script = Script::default();
        self.scripts.insert(listener.to_owned(), script.clone());
        Probe { script, on_end: self.endings.told() }
    }

    fn watch(self, server: Server) -> TestServer {
        TestServer { server, probes: self }
    }
}
