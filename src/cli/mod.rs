//! The command line of the service: `run` and `check`.
//!
//! A program that registers handlers of its own has the same command line with one call of [`main`].

mod args;
mod bind;
mod check;
mod exit;
mod failure;
mod load;
mod notation;
mod run;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use crate::Builder;

use self::args::{Arguments, Command};
use self::exit::Exit;

/// The whole of a `main` function: reads the command line, does what it says, and tells how that ended.
///
/// It makes a runtime and a log of its own, so it must be called neither on a runtime nor beside another `tracing`
/// subscriber. What went wrong is printed to standard error. The exit codes are
///
/// - 0: ended as asked,
/// - 1: failure,
/// - 64: wrong usage or configuration,
/// - 69: a listener could not be bound,
/// - 75: the drain timed out or was cut short, connections were aborted.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     terima::cli::main(terima::Server::builder())
/// }
/// ```
pub fn main(builder: Builder) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return print(&answer).into(),
    };
    let (source, command) = arguments.into_parts();
    let ended = match command {
        Command::Run(_) => run::run(builder, &source),
        Command::Check(_) => check::check(builder, &source),
    };
    ended
        .unwrap_or_else(|failure| {
            failure.report();
            failure.exit()
        })
        .into()
}

/// Prints help, the version, or what is wrong with the command line.
fn print(answer: &clap::Error) -> Exit {
    // If nobody can read it, the exit code still tells.
    let _ = answer.print();
    if answer.use_stderr() { Exit::Usage } else { Exit::Ended }
}
