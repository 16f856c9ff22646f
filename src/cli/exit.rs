//! How the process ends.

use std::process::ExitCode;

/// The exit codes, which scripts and service managers may rely on. Those above 1 are of sysexits(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Ended as asked.
    Ended = 0,
    /// Something else failed.
    Failure = 1,
    /// Wrong usage or configuration (EX_USAGE): trying again is of no use before something is changed.
    Usage = 64,
    /// A listener could not be bound (EX_UNAVAILABLE).
    NotBound = 69,
    /// The drain ran out of time, or was cut short: connections were aborted (EX_TEMPFAIL).
    DrainTimedOut = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
