//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A TCP service: listeners, limits, codecs and handlers from one server.toml
///
/// Without a subcommand, terima runs the service.
#[derive(Debug, Parser)]
#[command(name = "terima", version, after_long_help = AFTER_HELP, disable_help_subcommand = true)]
pub(super) struct Arguments {
    /// Read the configuration from FILE
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "TERIMA_CONFIG",
        default_value = "config/server.toml",
        hide_env_values = true,
        global = true
    )]
    pub(super) config: PathBuf,

    #[command(flatten)]
    assignments: Assignments,

    #[command(subcommand)]
    command: Option<Command>,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the service until a signal ends it (the default)
    ///
    /// SIGTERM or SIGINT (Ctrl+C, Ctrl+Break on Windows) drains the service: nothing new is accepted, connections in
    /// progress may finish until server.drain_timeout. A second signal aborts them.
    Run(Assignments),
    /// Check the configuration, and tell what would listen and what is on
    ///
    /// Every problem is reported at once. Nothing is bound.
    Check(Assignments),
}

/// Keys set on the command line.
#[derive(Debug, Default, Args)]
pub(super) struct Assignments {
    /// Set one key of the configuration, like listener.echo.address=127.0.0.1:7; may be repeated
    ///
    /// It comes before the environment, which comes before the file. Words of the key are joined with dots; a listener
    /// is named by its name.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<String>,
}

impl Arguments {
    /// Splits the line into where the configuration comes from and what to do with it.
    pub(super) fn into_parts(self) -> (Source, Command) {
        let Self { config, assignments, command } = self;
        let mut set = assignments.set;
        let mut command = command.unwrap_or(Command::Run(Assignments::default()));
        let (Command::Run(more) | Command::Check(more)) = &mut command;
        set.append(&mut more.set);
        (Source { file: config, set }, command)
    }
}

/// Where the configuration comes from, beside the environment.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    /// Assignments in the order in which they were typed.
    pub(super) set: Vec<String>,
}

fn assignment(typed: &str) -> Result<String, &'static str> {
    match typed.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(typed.to_owned()),
        _ => Err("it must look like KEY=VALUE"),
    }
}

const AFTER_HELP: &str = "\
Environment:
  TERIMA_CONFIG       the configuration, where --config is not given
  TERIMA_LOG          log.level, in the filter syntax of tracing: info, terima=debug,info
  TERIMA__KEY__NAME   any other key, like TERIMA__LISTENER__ECHO__ADDRESS=127.0.0.1:7
  NO_COLOR            no colour, even on a terminal
  RUST_BACKTRACE      1: the log shows where a panic came from

Exit codes:
   0  ended as asked
   1  failure
  64  wrong usage or configuration
  69  a listener could not be bound
  75  the drain timed out or was cut short: connections were aborted";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parts(line: &str) -> (Source, Command) {
        Arguments::try_parse_from(line.split(' ')).unwrap().into_parts()
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_is_the_default() {
        for line in ["terima", "terima run", "terima run --config a.toml", "terima --config a.toml"] {
            assert!(matches!(parts(line).1, Command::Run(_)), "{line}");
        }
        assert!(matches!(parts("terima check").1, Command::Check(_)));
    }

    #[test]
    fn config_may_stand_on_either_side() {
        for line in ["terima -c a.toml check", "terima check --config a.toml", "terima --config=a.toml"] {
            assert_eq!(parts(line).0.file, PathBuf::from("a.toml"), "{line}");
        }
    }

    #[test]
    fn assignments_of_both_sides_are_kept_in_order() {
        let (source, _) = parts("terima --set a=1 run --set b.c=2=3 --set d=");
        assert_eq!(source.set, ["a=1", "b.c=2=3", "d="]);
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for typed in ["--set=port", "--set==1", "--set= =1"] {
            assert!(Arguments::try_parse_from(["terima", typed]).is_err(), "{typed}");
        }
    }
}
