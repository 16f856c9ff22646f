//! Why a subcommand did not end as asked, told once, on standard error.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::telemetry::log::{self, LogError};
use crate::{Problems, StartError};

use crate::platform::IdentityError;

use super::bind;
use super::exit::Exit;

/// What stopped a subcommand.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration has faults.
    Configuration { file: PathBuf, problems: Problems },
    /// It was asked for something that can't be.
    Usage(String),
    /// A listener could not be bound.
    NotBound(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    /// The exit code for it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Configuration { .. } | Self::Usage(_) => Exit::Usage,
            Self::NotBound(_) => Exit::NotBound,
            Self::Other(_) => Exit::Failure,
        }
    }

    /// Tells it to whoever started the command.
    pub(super) fn report(&self) {
        let mut out = io::stderr().lock();
        // If nobody can read it, the exit code still tells.
        let _ = match self {
            Self::Configuration { file, problems } => {
                let count = match problems.len() {
                    1 => "one problem".to_owned(),
                    more => format!("{more} problems"),
                };
                let text = problems.render(log::colour(&out));
                writeln!(out, "{}\n\nterima: {count} in {}", text.trim_end(), file.display())
            }
            Self::Usage(message) | Self::NotBound(message) => writeln!(out, "terima: {message}"),
            Self::Other(error) => writeln!(out, "terima: {error:#}"),
        };
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Level(_) | LogError::File { .. } => Self::Usage(error.to_string()),
            LogError::Taken => Self::Other(error.into()),
        }
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind { listener, address, source } => {
                Self::NotBound(bind::explain(&listener, &address, &source))
            }
            StartError::Resolve { listener, name, source } => {
                Self::NotBound(bind::unknown_name(&listener, &name, &source))
            }
        }
    }
}
