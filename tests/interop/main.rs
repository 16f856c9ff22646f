//! The built service and what others wrote, side by side. `.ci/interop` installs what is needed and runs them.
#![cfg(all(unix, feature = "cli"))]
#![allow(dead_code, reason = "the command and the service are shared with the tests of the command line")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../cli/command.rs"]
mod command;
#[path = "../common/control.rs"]
mod control;
#[path = "../cli/service.rs"]
mod service;

mod clients;
mod codecs;
mod examples;
mod haproxy;
mod logrotate;
mod openapi;
mod peers;
mod prometheus;
mod replaced;
mod unit;
mod unprivileged;
mod xinetd;
