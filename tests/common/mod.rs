//! What the integration tests share: servers on ports of the system's choice, clients that check every byte, the log.
#![allow(dead_code, unused_macros, unused_imports, reason = "each test program uses a part of it")]

#[cfg(feature = "cli")]
mod control;
mod log;
mod scrape;
#[cfg(feature = "cli")]
mod service;

use terima::{Builder, Server};

pub(crate) use terima::testing::{Client, PATIENCE, assert_same, within};

pub(crate) use self::log::{Event, ended, ended_as, ended_with_id, logged, logged_of_file};
pub(crate) use self::scrape::{Scrape, scraped};
#[cfg(feature = "cli")]
pub(crate) use self::service::{Service, access};

/// Whether it is the reason of a connection that its client has reset. Wine tells many a reader of a reset as of an end.
pub(crate) fn is_reset(reason: &str) -> bool {
    reason == "client_reset" || (cfg!(wine) && reason == "client_closed")
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
