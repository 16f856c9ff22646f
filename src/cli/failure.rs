//! Why a subcommand did not end as asked, told once, on standard error.

use std::io::{self, Write};

use crate::telemetry::escape::Escaped;
use crate::telemetry::log::{self, LogError};
use crate::{Problems, StartError};

use crate::platform::IdentityError;

use super::bind;
use super::exit::Exit;

/// What stopped a subcommand.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration has faults; `origin` is what it was read from.
    Configuration { origin: String, problems: Problems },
    /// It was asked for something that can't be.
    Usage { message: String, help: Option<String> },
    /// A listener could not be bound.
    NotBound(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    /// It was asked for something that can't be, and this is what to do about it.
    pub(super) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// The exit code for it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Configuration { .. } | Self::Usage { .. } => Exit::Usage,
            Self::NotBound(_) => Exit::NotBound,
            Self::Other(_) => Exit::Failure,
        }
    }

    /// Tells it to whoever started the command.
    pub(super) fn report(&self) {
        let mut out = io::stderr().lock();
        let text = self.text(log::colour(&out));
        // If nobody can read it, the exit code still tells.
        let _ = writeln!(out, "{text}");
    }

    /// All that there is to say, which may be many lines.
    pub(super) fn text(&self, colour: bool) -> String {
        match self {
            Self::Configuration { origin, problems } => {
                let count = match problems.len() {
                    1 => "one problem".to_owned(),
                    more => format!("{more} problems"),
                };
                format!("{}\n\nterima: {count} in {origin}", problems.render(colour).trim_end())
            }
            Self::Usage { message, help: Some(help) } => format!("terima: {message}\n  help: {help}"),
            Self::Usage { message, help: None } | Self::NotBound(message) => format!("terima: {message}"),
            Self::Other(error) => format!("terima: {error:#}"),
        }
    }

    /// The same as one line of a log.
    pub(super) fn line(&self) -> String {
        let text = self.text(false).replace("\n  help: ", "; help: ");
        Escaped(text.trim_start_matches("terima: ")).to_string()
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
            LogError::Level(_) => Self::Usage { message: error.to_string(), help: None },
            LogError::File { .. } => Self::usage(
                error.to_string(),
                "its folder must be there, and the file be writable for who starts terima",
            ),
            LogError::Taken => Self::Other(error.into()),
        }
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::Usage { message: error.to_string(), help: None }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind { listener, address, source } => {
                Self::NotBound(bind::explain(&listener, &address, &source))
            }
            StartError::Activation { listener, name, source } => {
                Self::NotBound(bind::not_activated(&listener, &name, &source))
            }
            StartError::Access { listener, source } => Self::Usage {
                message: format!("listener `{listener}`: {source}"),
                help: Some("write a name that is there, or its number".to_owned()),
            },
            StartError::Admin(error) => Self::NotBound(bind::explain_admin(&error)),
            StartError::Resolve { listener, name, source } => {
                Self::NotBound(bind::unknown_name(&listener, &name, &source))
            }
        }
    }
}
