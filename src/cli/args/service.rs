//! `terima service`, as typed.

use clap::{Args, Error, Subcommand};

use super::{Place, Task};
use crate::cli::service::{Action, Installing};

/// What is to be done with the service.
#[derive(Debug, Subcommand)]
pub(super) enum Service {
    /// Have Windows run the configuration as a service
    ///
    /// The configuration is checked, and its path stored with the service. It starts with the system; to start it at once:
    /// terima service start
    Install {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        place: Place,
        /// Run it as ACCOUNT, which needs no password: a built-in account, NT SERVICE\NAME, or a managed one
        #[arg(long, value_name = "ACCOUNT", default_value = r"NT AUTHORITY\LocalService")]
        account: String,
        /// Start it by hand alone, not with the system
        #[arg(long)]
        manual: bool,
    },
    /// Stop the service, and take it off the list
    Uninstall(Name),
    /// Start the service, and wait until it serves
    Start(Name),
    /// Stop the service, and wait until it has drained
    Stop(Name),
    /// Tell whether the service runs; the exit code is 0 if it does
    Status(Name),
    /// What the service manager runs; nobody else can
    Run {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        place: Place,
    },
}

/// Which service.
#[derive(Debug, Args)]
pub(super) struct Name {
    /// The service's name
    #[arg(long, value_name = "NAME", default_value = "terima", value_parser = name)]
    name: String,
}

/// As CreateService has it; and it is a key of the registry, by which the event log knows the service.
fn name(typed: &str) -> Result<String, &'static str> {
    const LONGEST: usize = 256;
    match typed {
        _ if typed.trim() != typed || typed.is_empty() => {
            Err("it must begin and end with something that can be seen")
        }
        _ if typed.encode_utf16().count() > LONGEST => Err("it must not be longer than 256 characters"),
        _ if typed.contains(['/', '\\']) || typed.contains(char::is_control) => {
            Err("it must have no slash, no backslash and no control character")
        }
        _ => Ok(typed.to_owned()),
    }
}

impl Service {
    /// Says what is to be done; `before` stood before the subcommand.
    pub(super) fn into_task(self, before: Place) -> Result<Task, Error> {
        let action = match self {
            Self::Install { name: Name { name }, place, account, manual } => {
                let source = before.and(place);
                return Ok(Task::Service {
                    name,
                    action: Action::Install(Installing { source, account, automatic: !manual }),
                });
            }
            Self::Run { name: Name { name }, place } => {
                return Ok(Task::Service { name, action: Action::Run(before.and(place)) });
            }
            Self::Uninstall(name) => (name, Action::Uninstall),
            Self::Start(name) => (name, Action::Start),
            Self::Stop(name) => (name, Action::Stop),
            Self::Status(name) => (name, Action::Status),
        };
        before.unused(&["config", "set"])?;
        let (Name { name }, action) = action;
        Ok(Task::Service { name, action })
    }
}
