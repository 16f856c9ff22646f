//! terima: a TCP service that never stops accepting.

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

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub use crate::codec::{Codec, Framing};
pub use crate::config::{NoOptions, Overrides, Problem, Problems, Size, Timeout};
pub use crate::connection::{
    Address, Client, Connection, ConnectionError, Drain, EndReason, Info, Local, Peer, RawStream, Receiver,
    Sender, TrySendError,
};
pub use crate::handler::{Handler, HandlerError, HandlerFn, handler_fn};
pub use crate::server::{Builder, ListenerStatus, Ready, Server, Shutdown, StartError};
