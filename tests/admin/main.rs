//! The admin interface, as its clients see it: what it answers, whom it refuses, and that nobody is in its way.
#![cfg(feature = "admin")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod access;
mod blocked;
mod client;
mod crowd;
#[cfg(all(target_os = "linux", feature = "cli"))]
mod descriptors;
mod document;
mod lame_duck;
#[cfg(unix)]
mod socket;
mod verbs;

use std::path::PathBuf;

use tempfile::TempDir;
use terima::{Builder, ListenAddress, Server};

use client::Admin;

/// A server with an admin interface on a port of the system's choice.
struct Setup {
    server: Server,
    admin: Admin,
    #[cfg_attr(windows, expect(dead_code, reason = "it is kept; only the tests of Unix look into it"))]
    folder: TempDir,
}

/// Starts one; `keys` are of `[admin]`.
async fn start(builder: Builder, keys: &str, text: &str) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let token = token_file(&folder);
    let text = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = {:?}\n{keys}\n{text}",
        token.display().to_string()
    );
    let server = common::start(builder, &text).await;
    let Some(ListenAddress::Tcp(address)) = server.admin_address() else { panic!("no address") };
    let admin = Admin::new(*address, std::fs::read_to_string(token).unwrap().trim());
    Setup { server, admin, folder }
}

fn token_file(folder: &TempDir) -> PathBuf {
    folder.path().join("admin.token")
}
