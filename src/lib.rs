//! A TCP service that never stops accepting: listeners, limits, frames and drain, from one `server.toml`.
//!
//! The binary serves the built-in handlers. The library is for a handler that only its user can write: bring the
//! [`Handler`] and, if need be, a codec; everything else is configuration.
//!
//! ```
//! use terima::{Connection, Framing, Server, handler_fn};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reverse = |_: terima::NoOptions| {
//!     Ok(handler_fn(|mut conn: Connection<Framing>| async move {
//!         while let Some(line) = conn.recv().await? {
//!             conn.send(line.iter().rev().copied().collect::<Vec<u8>>()).await?;
//!         }
//!         Ok(())
//!     }))
//! };
//! let server = Server::builder()
//!     .handler("reverse", reverse)
//!     .parse(r#"
//!         [[listener]]
//!         name    = "mirror"
//!         address = "127.0.0.1:0"
//!         codec   = "lines"
//!         handler = "reverse"
//!     "#)?
//!     .start()
//!     .await?;
//!
//! let mut client = tokio::net::TcpStream::connect(server.addresses("mirror")[0]).await?;
//! client.write_all(b"halo\n").await?;
//! let mut answer = [0; 5];
//! client.read_exact(&mut answer).await?;
//! assert_eq!(&answer, b"olah\n");
//!
//! server.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! [`tutorial`] leads from `cargo add` to a handler with tests.
//!
//! # The map
//!
//! The entry point is [`Server::builder`]. The modules, in the order in which a connection meets them:
//!
//! | module | is about | begin with |
//! |---|---|---|
//! | `config` | `server.toml` as written, then as meant | [`Problems`]: all of them at once |
//! | `listener` | bind, accept, and what to do when that fails | [`ListenAddress`], [`Peer`] |
//! | `admission` | who is served, decided before a task is spawned | `limits.*` of the file |
//! | `establish` | the layers that come off a stream before the first frame | |
//! | [`codec`] | how the stream is cut into frames, one file a codec | [`Codec`], [`Framing`] |
//! | [`handler`] | what answers frames, one file a handler | [`Handler`], [`handler_fn`] |
//! | `connection` | one connection's life: its task, deadlines, close | [`Connection`], [`EndReason`] |
//! | `server` | start, accept loops, drain | [`Builder`], [`Server`] |
//! | `telemetry` | the log and its access line, what is counted | target `terima::access`, [`Server::metrics`] |
//! | `platform` | what only Unix or Windows has | |
//! | `admin` | what runs is asked, and told what to do, over HTTP; with the feature of that name, which `cli` has | `[admin]` of the file |
//! | `cli` | the command line, with the feature of that name, which is on by default | `cli::main` |
//! | `testing` | servers, clients and a codec harness for the tests of a program, with the feature of that name | `testing::serve` |
//!
//! # What is where
//!
//! | for | there is |
//! |---|---|
//! | frames in, frames out | [`Connection::recv`], [`Connection::send`] |
//! | a tighter deadline for the next frame | [`Connection::recv_by`], [`Connection::recv_within`] |
//! | sending from other tasks | [`Connection::split`], [`Sender`] |
//! | clients that do not keep up | [`Sender::on_slow`], [`Sender::try_send`] |
//! | one frame for many clients | [`SharedFrame`] |
//! | another codec in mid-connection, or none | [`Connection::map_codec`], [`Connection::into_raw`] |
//! | a word of one's own for why it ended | [`HandlerError::end`] |
//! | learning that the server stops | [`Connection::drain`] |
//! | a codec or a handler of one's own in the file | [`Builder::byte_codec`], [`Builder::codec`], [`Builder::handler`], [`Builder::handler_over`] |
//! | a service of tower's as a handler | `service_handler`, with the feature `tower` |
//! | who is at the other end, by its certificate; STARTTLS | `Info::tls`, `Connection::start_tls`, with the feature `tls` |
//! | who is connected; ending one, sending to one | [`Server::connections`] |
//! | accepting nobody for a while | [`Server::pause`] |
//! | how it is, over HTTP; metrics without | `[admin]`, with the feature `admin`; [`Server::metrics`] |
//! | the end | [`Server::shutdown`], [`Server::ended`], [`Server::abort`] |
//! | the whole command line for a binary of one's own | `cli::main(Server::builder().handler(…))` |
//!
//! # Runtimes
//!
//! The library makes no runtime and runs on the one that it is started on, `current_thread` or `multi_thread`, with I/O and time
//! enabled. Every future is `Send`. Only `cli::main` makes one. Events are `tracing`'s; who installs no subscriber hears
//! nothing.
//!
//! # Cancel safety
//!
//! Every async function here is cancel safe, so all of them may stand in a `select!`. Each says what a call that is dropped
//! before it resolved has done:
//!
//! | dropped | has |
//! |---|---|
//! | [`Connection::recv`], `recv_within`, `recv_by`; the same of a [`Receiver`] | taken nothing. Made anew, `recv_within` counts anew, `recv_by` does not |
//! | [`Connection::send`], [`Sender::send`], [`Sender::send_shared`] | sent nothing |
//! | [`Connection::flush`], [`Sender::flush`] | changed nothing: it is written all the same |
//! | [`Drain::begun`], [`ConnectionHandle::ended`], [`Server::ended`] | changed nothing |
//! | [`Server::shutdown`] | begun the shutdown, which goes on |
//! | `Connection::start_tls` | ended the connection, if the handshake was begun |
//! | [`Ready::start`] | given back what was bound, and accepted nobody |
//!
//! A [`Handler`]'s own future is dropped at an await when its connection ends; see [`Connection`].
//!
//! # Foreign types
//!
//! On purpose in this API, so that their versions are part of its own: `Bytes` and `BytesMut` of bytes (frames), `Decoder` and
//! `Encoder` of tokio-util (codecs), of tokio `TcpStream` ([`RawStream::try_into_tcp`]), `AsyncRead`, `AsyncWrite`, and
//! `Instant` ([`Connection::recv_by`]: it is the one that a paused clock moves), `Stream` and `Sink` of futures, `Deserialize` and
//! `DeserializeOwned` of serde (options); with the feature `tower` the `Service` of tower-service; with the
//! feature `schema`, which `cli` turns on, `JsonSchema` and `Schema` of schemars. [`schemars`] is here again, for deriving with
//! the version that is meant.

#[cfg(feature = "admin")]
mod admin;
mod admission;
#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
mod config;
mod connection;
mod establish;
pub mod handler;
mod listener;
mod platform;
mod server;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

// What `fuzz/` runs; no part of the API.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzed {
    pub use crate::establish::fuzzed::proxy_header;
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/tutorial.md")]
pub mod tutorial {}

// The examples of README.md are tested too. One of them has the command line.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(feature = "schema")]
pub use schemars;

#[cfg(feature = "admin")]
pub use crate::admin::{AdminError, TokenError};
pub use crate::codec::{Codec, Framing};
pub use crate::config::{FilePath, NoOptions, Overrides, Problem, Problems, Size, Timeout};
pub use crate::connection::{
    Connection, ConnectionError, ConnectionHandle, ConnectionState, ConnectionStatus, Connections, Drain,
    EndReason, Info, RawStream, Receiver, Sender, SharedFrame, SlowConsumer, TrySendError,
};
#[cfg(feature = "tls")]
pub use crate::establish::tls::{ClientCertificate, TlsInfo};
pub use crate::establish::{ProxyAddresses, ProxyHeader, ProxySsl, ProxyTlvError, ProxyVersion};
pub use crate::handler::{Handler, HandlerError, HandlerFn, handler_fn};
#[cfg(feature = "tower")]
pub use crate::handler::{ServiceHandler, service_handler};
pub use crate::listener::{ActivationError, Address, Client, Credentials, ListenAddress, Local, Peer};
pub use crate::server::{
    Builder, ListenerState, ListenerStatus, Ready, Server, Shutdown, StartError, UnknownListener,
};
