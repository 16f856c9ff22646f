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
//! # The map
//!
//! In the order in which a connection meets them:
//!
//! - `config`: `server.toml` as written, then as meant; all [`Problems`] at once
//! - `listener`: bind, accept, and what to do when that fails
//! - `admission`: who is served, decided before a task is spawned
//! - `establish`: the layers that come off a stream before the first frame
//! - [`codec`]: how the stream is cut into frames, one file a codec
//! - [`handler`]: what answers frames, one file a handler
//! - `connection`: one connection's life: [`Connection`], its task, deadlines, close, [`EndReason`]
//! - `server`: [`Builder`], start, accept loops, drain
//! - `telemetry`: the log and its access line
//! - `platform`: what only Unix or Windows has
//! - `admin`, with the feature of that name: what runs is asked, and told what to do, over HTTP
//! - `cli`, with the feature of that name, which is on by default: the command line
//!
//! The entry point is [`Server::builder`].
//!
//! # Cancel safety
//!
//! Every async function here is cancel safe, and says what a dropped call has done: `recv` has taken nothing, `send` has
//! sent nothing, [`Server::shutdown`] goes on.
//!
//! # Foreign types
//!
//! On purpose in this API: `Bytes` (frames), tokio-util's `Decoder` and `Encoder` (codecs), tokio's `TcpStream`
//! ([`RawStream::try_into_tcp`]), `AsyncRead` and `AsyncWrite`, the `Stream` and `Sink` of futures, serde's
//! `DeserializeOwned` (options).

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

// The examples of README.md are tested too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(feature = "admin")]
pub use crate::admin::{AdminError, TokenError};
pub use crate::codec::{Codec, Framing};
pub use crate::config::{FilePath, NoOptions, Overrides, Problem, Problems, Size, Timeout};
pub use crate::connection::{
    Connection, ConnectionError, ConnectionHandle, ConnectionState, ConnectionStatus, Connections, Drain,
    EndReason, Info, RawStream, Receiver, Sender, SharedFrame, SlowConsumer, TrySendError,
};
pub use crate::handler::{Handler, HandlerError, HandlerFn, handler_fn};
pub use crate::listener::{Address, Client, Credentials, ListenAddress, Local, Peer};
pub use crate::server::{
    Builder, ListenerState, ListenerStatus, Ready, Server, Shutdown, StartError, UnknownListener,
};
