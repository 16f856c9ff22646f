//! For the tests of a program that uses the library: servers that end with the test, clients that check every byte, time
//! under a paused clock. It needs the feature `testing`:
//!
//! ```toml
//! [dev-dependencies]
//! terima  = { path = "../terima", default-features = false, features = ["testing"] }
//! tokio   = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! - [`serve`]: a server of a `server.toml`, on loopback, at ports of the system's choice; it stops when it is dropped.
//! - [`serve_in_memory`]: the same without sockets, for a clock that is paused. [`Memory`]: a handler alone, likewise.
//! - [`Client`]: sends, expects, and learns in the end why its connection ended.
//! - [`CodecHarness`]: feeds any codec as badly as a network may, and worse.
//! - [`TestServer::fail_accept`]: what accept(2) answers on a bad day.
//! - [`within`] and [`assert_same`]: to wait, and to compare, as the clients here do.
//!
//! ```
//! use std::time::Duration;
//! use terima::{Connection, Framing, handler_fn, testing::Memory};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // In a test: #[tokio::test(start_paused = true)]
//! let reverse = handler_fn(|mut conn: Connection<Framing>| async move {
//!     while let Some(line) = conn.recv().await? {
//!         conn.send(line.iter().rev().copied().collect::<Vec<u8>>()).await?;
//!     }
//!     Ok(())
//! });
//! let server = Memory::new(reverse)
//!     .settings(r#"
//!         codec         = "lines"
//!         timeouts.idle = "10m"
//!     "#)
//!     .serve();
//! let mut client = server.client().await;
//! client.send("halo\n").await;
//! client.expect("olah\n").await;
//!
//! let begun = Instant::now();
//! let ended = client.ended().await; // at once: the clock jumps where everything waits
//! assert_eq!((ended.reason, ended.frames_in), ("idle", 1));
//! assert!(begun.elapsed() >= Duration::from_secs(600));
//! # }
//! ```
//!
//! A failed expectation panics, as `assert_eq!` does, and names the line of the test.

mod accept;
mod client;
mod codec;
mod ended;
mod memory;
mod patience;
mod pipe;
mod same;
mod server;

pub use self::accept::AcceptError;
pub use self::client::Client;
pub use self::codec::CodecHarness;
pub use self::ended::Ended;
pub use self::memory::Memory;
pub use self::patience::{PATIENCE, within};
pub use self::same::assert_same;
pub use self::server::{TestServer, serve, serve_in_memory};
