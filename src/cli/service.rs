//! `terima service`: the service as Windows runs it.

use std::env;
use std::ffi::OsString;
use std::path::{self, Path};
use std::time::Duration;

use anyhow::{Context, anyhow};
use windows_service::service::ServiceAccess;

use crate::Builder;
use crate::config::meant::ServerConfig;
use crate::platform;
use crate::platform::event_log::{self, Event};
use crate::platform::service_manager::{Installation, Installed, ServiceError, State};

use super::exit::Exit;
use super::failure::Failure;
use super::load::{Configuration, Source, load};
use super::output::print;
use super::run;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Action {
    Install(Installing),
    Uninstall,
    Start,
    Stop,
    Status,
    /// Be the service.
    Run(Source),
}

/// How a service is to be installed.
#[derive(Debug)]
pub(super) struct Installing {
    pub(super) source: Source,
    pub(super) account: String,
    pub(super) automatic: bool,
}

/// What the arguments of every service of this program begin with; its name is next.
const RUN: [&str; 3] = ["service", "run", "--name"];

/// Does it with the service `name`.
pub(super) fn service(builder: Builder, name: &str, action: Action) -> Result<Exit, Failure> {
    let answer = match action {
        Action::Run(source) => return run_as_service(builder, name, source),
        Action::Status => return status(name),
        Action::Install(installing) => install(builder, name, &installing)?,
        Action::Uninstall => uninstall(name).map_err(|error| failed(name, &error))?,
        Action::Start => match find(name, ServiceAccess::START).and_then(|service| service.start()) {
            Ok(State::Running) => format!("the service {name} runs\n"),
            Ok(state) => return Err(anyhow!(
                "the service {name} did not start: it {}\n  help: the event log tells why, under Application, source \
                 {name}", told(state)
            ).into()),
            Err(error) => return Err(failed(name, &error)),
        },
        Action::Stop => match find(name, ServiceAccess::STOP).and_then(|service| service.stop()) {
            Ok(State::Stopped { code }) if code == u32::from(Exit::DrainTimedOut as u8) => {
                print(format!("the service {name} has stopped; connections were aborted\n").as_bytes())?;
                return Ok(Exit::DrainTimedOut);
            }
            Ok(state) => format!("the service {name} {}\n", told(state)),
            Err(error) => return Err(failed(name, &error)),
        },
    };
    print(answer.as_bytes())
}

fn find(name: &str, access: ServiceAccess) -> Result<Installed, ServiceError> {
    Installed::find(name, access, &RUN.join(" "))
}

fn failed(name: &str, error: &ServiceError) -> Failure {
    let help = match error {
        ServiceError::Denied => "\n  help: only administrators may: use a terminal that was started as one",
        ServiceError::Unknown => "\n  help: `terima service install` makes one; --name NAME tells which",
        ServiceError::Exists => {
            "\n  help: remove it with `terima service uninstall`, or choose another with --name NAME"
        }
        ServiceError::Foreign => "\n  help: only services that `terima service install` has made are touched",
        ServiceError::BeingRemoved | ServiceError::Hung | ServiceError::System(_) => "",
    };
    anyhow!("the service {name}: {error}{help}").into()
}

fn told(state: State) -> String {
    match state {
        State::Starting => "is starting".to_owned(),
        State::Running => "runs".to_owned(),
        State::Stopping => "is stopping".to_owned(),
        State::Stopped { code: 0 } => "has stopped".to_owned(),
        State::Stopped { code } => format!("has stopped, with exit code {code}"),
    }
}

fn status(name: &str) -> Result<Exit, Failure> {
    let found = find(name, ServiceAccess::empty()).and_then(|service| service.state());
    let (state, process) = found.map_err(|error| failed(name, &error))?;
    let process = process.map(|id| format!(", process {id}")).unwrap_or_default();
    print(format!("the service {name} {}{process}\n", told(state)).as_bytes())?;
    Ok(if state == State::Running { Exit::Ended } else { Exit::Failure })
}

fn install(builder: Builder, name: &str, installing: &Installing) -> Result<String, Failure> {
    let Installing { source, account, automatic } = installing;
    let ready = load(builder, source)?;
    let Configuration::File(file) = &source.configuration else {
        return Err(Failure::usage("a service needs a file", "name it with --config FILE"));
    };
    let file = path::absolute(file).context("can't tell the whole path of the configuration")?;
    let source = Source { configuration: Configuration::File(file.clone()), set: source.set.clone() };
    let program = env::current_exe().context("can't tell the path of this program")?;
    let installation = Installation {
        name,
        description: &format!("TCP service; its configuration is {}", file.display()),
        program,
        arguments: arguments(name, &file, &source.set),
        account,
        automatic: *automatic,
        preshutdown: preshutdown(&ready.config().server),
    };
    installation.install().map_err(|error| failed(name, &error))?;
    if let Err(error) = event_log::register(name) {
        // All of it or nothing.
        let _ = find(name, ServiceAccess::DELETE).and_then(Installed::remove);
        return Err(match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::usage(
                format!("the event log has a source {name} already, which is not of terima"),
                "choose another name with --name NAME",
            ),
            _ => anyhow::Error::new(error).context("can't register with the event log").into(),
        });
    }
    let log = run::log_file(ready.config(), &source, false);
    let log = log.map_or_else(String::new, |log| format!("\nlog: {}", log.display()));
    Ok(format!(
        "the service {name} is installed\nconfiguration: {}{log}\nrun as: {account}, which must be able to read the one and \
         write the other\nnext: terima service start{}\n",
        file.display(),
        if name == "terima" { String::new() } else { format!(" --name {name}") }
    ))
}

/// What the service manager starts the program with.
fn arguments(name: &str, file: &Path, set: &[String]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = RUN.iter().map(Into::into).collect();
    arguments.extend([name.into(), "--config".into(), file.into()]);
    arguments.extend(set.iter().flat_map(|assignment| ["--set".into(), assignment.into()]));
    arguments
}

/// How long a shutdown of the system waits: as long as a drain takes, within reason.
fn preshutdown(server: &ServerConfig) -> Duration {
    const MOST: Duration = Duration::from_secs(600);
    const ENDING: Duration = Duration::from_secs(5);
    let drain = server.drain_timeout.unwrap_or(MOST);
    server.lame_duck.saturating_add(drain).saturating_add(ENDING).min(MOST)
}

fn uninstall(name: &str) -> Result<String, ServiceError> {
    let service = find(name, ServiceAccess::STOP | ServiceAccess::DELETE)?;
    service.stop()?;
    service.remove()?;
    // Without it, old events are shown with a remark; that is no reason to fail.
    let _ = event_log::unregister(name);
    Ok(format!("the service {name} is uninstalled; its configuration and its log are where they were\n"))
}

fn run_as_service(builder: Builder, name: &str, source: Source) -> Result<Exit, Failure> {
    let started = format!("{name} has started with {}.", source.configuration);
    let named = name.to_owned();
    let ended = platform::service::run(name, started, move || supervise(builder, &named, &source));
    match ended {
        Ok(()) => Ok(Exit::Ended),
        Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Err(Failure::usage(
            "only the service manager can run this",
            "start the service with `terima service start`; in a console, use `terima run`",
        )),
        Err(error) => Err(anyhow::Error::new(error).context("the service manager").into()),
    }
}

/// The service, from start to exit code. Nobody reads what a service prints, so the event log is told how it ended.
fn supervise(builder: Builder, name: &str, source: &Source) -> u8 {
    let (exit, event, text) = match run::run(builder, source) {
        Ok(Exit::DrainTimedOut) => (
            Exit::DrainTimedOut,
            Event::CutShort,
            format!("{name} has stopped. Not every connection had ended in time: what was left was aborted."),
        ),
        Ok(exit) => (exit, Event::Stopped, format!("{name} has stopped. Every connection had ended.")),
        Err(failure) => {
            let text = format!(
                "{name} has ended with exit code {}.\n\n{}",
                failure.exit() as u8,
                failure.text(false)
            );
            (failure.exit(), Event::Failed, text)
        }
    };
    let _ = event_log::write(name, event, &text);
    exit as u8
}
