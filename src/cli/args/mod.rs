//! The command line, as typed.

mod ask;
mod notes;
mod serve;
#[cfg(windows)]
mod service;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Error, Parser, Subcommand};
use clap_complete::Shell;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

use crate::Timeout;

use super::ask::Asking;
use super::load::{Configuration, Source};
#[cfg(windows)]
use super::service::Action;
use ask::Ask;
use serve::Serve;

pub(super) use notes::{ENVIRONMENT, EXIT_CODES, FILES};

/// A TCP service: listeners, limits, codecs and handlers from one server.toml
///
/// Without a subcommand, terima runs the service.
#[derive(Debug, Parser)]
#[command(name = "terima", version, after_long_help = notes::after_help())]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    command: Option<Command>,
}

/// What is to be done, as typed.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service until a signal ends it (the default)
    ///
    /// SIGTERM or SIGINT (Ctrl+C, Ctrl+Break on Windows) drains the service: nothing new is accepted, connections in
    /// progress may finish until server.drain_timeout. A second signal aborts them.
    Run(Place),
    Serve(Serve),
    /// Check the configuration, and tell what would listen and what is on
    ///
    /// Every problem is reported at once. Nothing is bound.
    #[command(after_long_help = notes::CHECK_JSON)]
    Check {
        #[command(flatten)]
        place: Place,
        /// Answer in JSON, on standard output
        #[arg(long)]
        json: bool,
    },
    /// Ask the running service whether its listeners answer
    ///
    /// For the health check of a container. With [admin], the service is asked whether it is ready. Without it, each address of the configuration is connected to, one that is a wildcard over
    /// loopback, and the connection ended at once: a listener answers if it then ends it too, or sends something. An
    /// address with port 0 can't be asked and is skipped. The exit code is 0 if all answered, and 1 if one did not, or if
    /// there was none to ask.
    Health {
        #[command(flatten)]
        place: Place,
        /// How long each address may take to answer
        #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = timeout)]
        timeout: Timeout,
    },
    #[command(flatten)]
    Ask(Ask),
    /// Install, start and stop terima as a service of Windows
    #[cfg(windows)]
    #[command(subcommand)]
    Service(service::Service),
    /// Write the commented default configuration to a new file
    ///
    /// A file that exists is never overwritten.
    Init {
        /// The file; `-` is standard output
        #[arg(default_value = "server.toml")]
        file: PathBuf,
    },
    /// Print the JSON Schema of server.toml, for editors
    ///
    /// With it an editor completes keys, explains them and marks what is wrong. Write it beside the configuration, terima
    /// schema > server.schema.json, and begin server.toml with the line #:schema ./server.schema.json
    Schema,
    /// Print the completions for a shell
    ///
    /// In bash: source <(terima completions bash)
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, terima(1)
    ///
    /// To read it at once: terima man | man -l -
    Man {
        /// Write terima.1 and a page for each subcommand to DIR instead
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// Where the configuration is, and single keys of it.
#[derive(Debug, Default, Args)]
struct Place {
    /// Read the configuration from FILE
    ///
    /// Without it, from the file that TERIMA_CONFIG names, or else from config/server.toml.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    assignments: Assignments,
}

/// Keys set on the command line.
#[derive(Debug, Default, Args)]
struct Assignments {
    /// Set one key of the configuration, like listener.echo.address=127.0.0.1:7; may be repeated
    ///
    /// It comes before the environment, which comes before the file. Words of the key are joined with dots; a listener
    /// is named by its name.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<String>,
}

/// What is to be done, as meant.
#[derive(Debug)]
pub(super) enum Task {
    Run(Source),
    Check {
        source: Source,
        json: bool,
    },
    Health {
        source: Source,
        timeout: Timeout,
    },
    Ask(Asking),
    #[cfg(windows)]
    Service {
        name: String,
        action: Action,
    },
    Init(PathBuf),
    Schema,
    Completions(Shell),
    Man {
        directory: Option<PathBuf>,
    },
}

impl Arguments {
    /// Says what is to be done.
    ///
    /// # Errors
    ///
    /// Something was typed that the subcommand has no use for; or it is help that was asked for.
    pub(super) fn into_task(self) -> Result<Task, Error> {
        let Self { place, command } = self;
        match command.unwrap_or(Command::Run(Place::default())) {
            Command::Run(more) => Ok(Task::Run(place.and(more))),
            Command::Check { place: more, json } => Ok(Task::Check { source: place.and(more), json }),
            Command::Health { place: more, timeout } => Ok(Task::Health { source: place.and(more), timeout }),
            Command::Ask(ask) => Ok(Task::Ask(ask.into_asking(place))),
            Command::Serve(serve) => {
                place.unused(&["config"])?;
                Ok(Task::Run(serve.into_source(place.assignments.set)?))
            }
            #[cfg(windows)]
            Command::Service(service) => service.into_task(place),
            Command::Init { file } => place.unused(&["config", "set"]).map(|()| Task::Init(file)),
            Command::Schema => place.unused(&["config", "set"]).map(|()| Task::Schema),
            Command::Completions { shell } => {
                place.unused(&["config", "set"]).map(|()| Task::Completions(shell))
            }
            Command::Man { directory } => place.unused(&["config", "set"]).map(|()| Task::Man { directory }),
        }
    }
}

impl Place {
    /// This is what stood before the subcommand; `more` stood behind it.
    fn and(self, more: Self) -> Source {
        let file =
            more.config.or(self.config).or_else(variable).unwrap_or_else(|| "config/server.toml".into());
        let mut set = self.assignments.set;
        set.extend(more.assignments.set);
        Source { configuration: Configuration::File(file), set }
    }

    /// Refuses those of the options that were typed before a subcommand which reads no configuration.
    fn unused(&self, options: &[&str]) -> Result<(), Error> {
        let typed = |option: &&&str| match **option {
            "config" => self.config.is_some(),
            _ => !self.assignments.set.is_empty(),
        };
        match options.iter().find(typed) {
            Some(option) => {
                let message = format!("this subcommand has no use for --{option}");
                Err(Arguments::command().error(ErrorKind::ArgumentConflict, message))
            }
            None => Ok(()),
        }
    }
}

fn variable() -> Option<PathBuf> {
    std::env::var_os("TERIMA_CONFIG").filter(|name| !name.is_empty()).map(PathBuf::from)
}

fn assignment(typed: &str) -> Result<String, &'static str> {
    match typed.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(typed.to_owned()),
        _ => Err("it must look like KEY=VALUE"),
    }
}

fn timeout(typed: &str) -> Result<Timeout, String> {
    Timeout::deserialize(typed.into_deserializer())
        .map_err(|error: ValueError| error.to_string().replace('\n', "; "))
}
