//! What the integration tests share: servers on ports of the system's choice, clients that check every byte, the log.
#![allow(dead_code, unused_macros, unused_imports, reason = "each test program uses a part of it")]

mod client;
mod log;
mod scrape;
#[cfg(all(unix, feature = "cli"))]
mod service;

use std::time::Duration;

use terima::{Builder, Server};
use tokio::time::timeout;

pub(crate) use self::client::{Client, assert_same};
pub(crate) use self::log::{Event, ended, ended_as, ended_with_id, logged};
pub(crate) use self::scrape::{Scrape, scraped};
#[cfg(all(unix, feature = "cli"))]
pub(crate) use self::service::{Service, access};

/// Nothing that is waited for may take longer; a test that gets here has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what must come; `what` says what that is.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Starts what a `server.toml` says; its events are recorded.
pub(crate) async fn start(builder: Builder, text: &str) -> Server {
    log::record();
    builder.parse(text).unwrap().start().await.unwrap()
}

/// A listener of `server.toml` on a port of the system's choice.
pub(crate) fn listener(name: &str, handler: &str, keys: &str) -> String {
    format!("[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\nhandler = \"{handler}\"\n{keys}\n")
}

/// Makes two tests of each function: one on a `current_thread` runtime, one on a `multi_thread` one.
macro_rules! on_both_runtimes {
    ($($(#[$attribute:meta])* async fn $name:ident() $body:block)*) => {
        $(
            $(#[$attribute])*
            mod $name {
                use super::*;

                async fn test() $body

                #[tokio::test]
                async fn current_thread() {
                    test().await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn multi_thread() {
                    test().await;
                }
            }
        )*
    };
}
pub(crate) use on_both_runtimes;
