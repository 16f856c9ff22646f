//! The command line of the service: `run`, `serve`, `check`, `health`, `init`, `schema`, `completions` and `man`; `status`,
//! `connections`, `end`, `drain` and `why`, which ask a running one; on Windows also `service`.
//!
//! A program that registers handlers of its own has the same command line with one call of [`main`].

mod args;
mod ask;
mod bind;
mod check;
mod completions;
mod control;
mod exit;
mod failure;
mod health;
mod init;
mod load;
mod man;
mod notify;
mod output;
mod run;
mod schema;
#[cfg(windows)]
mod service;
mod workers;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Error, Parser};

use crate::Builder;

use crate::telemetry::log::colour;

use self::args::{Arguments, Task};
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
/// use terima::{Connection, Framing, NoOptions, Server, handler_fn};
///
/// fn main() -> std::process::ExitCode {
///     let hello = |mut conn: Connection<Framing>| async move { Ok(conn.send("hello\n").await?) };
///     terima::cli::main(Server::builder().handler("hello", move |_: NoOptions| Ok(handler_fn(hello))))
/// }
/// ```
pub fn main(builder: Builder) -> ExitCode {
    let task = match Arguments::try_parse().and_then(Arguments::into_task) {
        Ok(task) => task,
        Err(answer) => return tell(&answer).into(),
    };
    let ended = match task {
        Task::Run(source) => run::run(builder, &source),
        Task::Check { source, json: false } => check::check(builder, &source),
        Task::Check { source, json: true } => check::json::check(builder, &source),
        Task::Ask(asking) => ask::ask(&asking),
        Task::Health { source, timeout } => health::health(builder, &source, timeout),
        #[cfg(windows)]
        Task::Service { name, action } => service::service(builder, &name, action),
        Task::Init(file) => init::init(&file),
        Task::Schema => schema::schema(&builder),
        Task::Completions(shell) => completions::completions(shell),
        Task::Man { directory: None } => man::print(),
        Task::Man { directory: Some(directory) } => man::write(&directory),
    };
    ended
        .unwrap_or_else(|failure| {
            failure.report();
            failure.exit()
        })
        .into()
}

/// Tells help, the version, or what is wrong with the command line.
fn tell(answer: &Error) -> Exit {
    if answer.use_stderr() {
        write(answer, io::stderr(), "terima:");
        Exit::Usage
    } else {
        write(answer, io::stdout(), "error:");
        Exit::Ended
    }
}

/// Writes it with colour where that is welcome. `prefix` takes the place of the one that every error of clap's begins with.
fn write(answer: &Error, mut out: impl Write + IsTerminal, prefix: &str) {
    let text = answer.render();
    let text = if colour(&out) { text.ansi().to_string() } else { text.to_string() };
    // If nobody can read it, the exit code still tells.
    let _ = out.write_all(text.replacen("error:", prefix, 1).as_bytes()).and_then(|()| out.flush());
}
