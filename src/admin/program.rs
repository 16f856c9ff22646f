//! What the program around a server has to do with its admin interface.

use std::sync::Arc;
use std::time::SystemTime;

use super::bind::Loaded;
use crate::server::Server;

/// The program that a server runs in.
pub(crate) trait Program: Send + Sync + 'static {
    /// What is logged, where that is the program's to say.
    fn log(&self) -> Option<&dyn LogLevel> {
        None
    }

    /// A drain was begun through the admin interface.
    fn drain_begun(&self) {}
}

/// What a program logs, while it runs.
pub(crate) trait LogLevel {
    /// As configured.
    fn configured(&self) -> String;

    /// As it is now.
    fn now(&self) -> String;

    /// Logs as `level` says, in the syntax of `log.level`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    fn set(&self, level: &str) -> Result<(), String>;

    /// Logs as configured.
    fn restore(&self);
}

/// The program of whoever uses the library: it has a log of its own, and asks the server itself.
pub(crate) struct Elsewhere;

impl Program for Elsewhere {}

/// What answers are made of.
pub(super) struct Context {
    pub(super) server: Server,
    pub(super) loaded: Loaded,
    pub(super) program: Box<dyn Program>,
    /// When the server began to serve.
    pub(super) started: SystemTime,
}

impl Context {
    pub(super) fn new(server: Server, loaded: Loaded, program: Box<dyn Program>) -> Arc<Self> {
        Arc::new(Self { server, loaded, program, started: SystemTime::now() })
    }
}
