//! This process as a Windows service: its status, and the controls that it is sent.
//!
//! [Service Control Handler Function](https://learn.microsoft.com/windows/win32/services/service-control-handler-function).
//! A process is one service at most, so what belongs to it is global, as the interface is.

use std::ffi::OsString;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use windows_registry::LOCAL_MACHINE;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_dispatcher;

use super::event_log::{self, Event};
use super::service_manager::cause;
use crate::platform::{Notice, Stop};

/// What the process does as a service; returns the exit code.
type Body = Box<dyn FnOnce() -> u8 + Send>;

/// What a process is to be.
struct Calling {
    name: String,
    /// What the event log is told once it serves.
    started: String,
    body: Body,
}

/// From [`run`] to the thread that the dispatcher starts.
static CALLING: Mutex<Option<Calling>> = Mutex::new(None);

static SERVICE: OnceLock<Service> = OnceLock::new();

/// A service that the manager has started.
struct Service {
    status: ServiceStatusHandle,
    name: String,
    /// Until the event log has been told.
    started: Mutex<Option<String>>,
    controls: Mutex<Option<Receiver<Stop>>>,
    /// Rises with each sign of life of a start or a stop.
    checkpoint: AtomicU32,
}

/// Whom the handler of controls tells. It must not capture anything: windows-service 0.8 frees the closure after the first
/// stop, but the manager may call it again (`INTERROGATE`, or `SHUTDOWN` while a stop goes on). One that captures nothing
/// has nothing that could be freed.
static STOPS: OnceLock<(String, Sender<Stop>)> = OnceLock::new();

/// So many may wait to be heard; after the first, others are of no consequence.
const STOPS_WAITING: usize = 4;

/// The time that a start may take until it tells more: names are looked up, files are read.
const STARTING: Duration = Duration::from_secs(30);

/// What the manager's limits leave for the end of the process: connections that are cut off, threads that end, the log's last
/// lines.
const RESERVE: Duration = Duration::from_secs(2);

// === this process ===

/// Runs `body` as the service `name`, which the service manager must have started this process for; returns once the service
/// has ended.
///
/// # Errors
///
/// `NotConnected`: nobody but a user has started it. Or what the system says.
pub(crate) fn run(name: &str, started: String, body: impl FnOnce() -> u8 + Send + 'static) -> io::Result<()> {
    let calling = Calling { name: name.to_owned(), started, body: Box::new(body) };
    *CALLING.lock().unwrap_or_else(PoisonError::into_inner) = Some(calling);
    service_dispatcher::start(name, entry::MAIN).map_err(|error| {
        const ERROR_FAILED_SERVICE_CONTROLLER_CONNECT: i32 = 1063;
        let error = cause(error);
        match error.raw_os_error() {
            Some(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) => io::ErrorKind::NotConnected.into(),
            _ => error,
        }
    })
}

#[allow(
    unsafe_code,
    reason = "the macro makes a function that the system calls, and reads the arguments that it is given"
)]
mod entry {
    use super::started;

    windows_service::define_windows_service!(service_main, started);

    pub(super) const MAIN: extern "system" fn(u32, *mut *mut u16) = service_main;
}

fn started(_arguments: Vec<OsString>) {
    let Some(calling) = CALLING.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let Calling { name, started, body } = calling;
    let (stops, controls) = channel(STOPS_WAITING);
    let _ = STOPS.set((name.clone(), stops));
    // Without a handler there is no status either: the manager sees the process end.
    let Ok(status) = service_control_handler::register(&name, handle) else { return };
    let service = SERVICE.get_or_init(|| Service {
        status,
        name,
        started: Mutex::new(Some(started)),
        controls: Mutex::new(Some(controls)),
        checkpoint: AtomicU32::new(0),
    });
    // Whether or not the manager knows: it has asked for the service.
    let _ = service.pending(ServiceState::StartPending, STARTING);
    let code = body();
    let _ = service.stopped(code);
}

/// What the manager sends. Called on a thread of its own, which nothing may hold up.
fn handle(control: ServiceControl) -> ServiceControlHandlerResult {
    let Some((name, stops)) = STOPS.get() else { return ServiceControlHandlerResult::NotImplemented };
    let stop = match control {
        ServiceControl::Stop => Stop { name: "SERVICE_STOP", within: None },
        ServiceControl::Preshutdown => {
            Stop { name: "SERVICE_PRESHUTDOWN", within: Some(less(preshutdown_timeout(name))) }
        }
        ServiceControl::Shutdown => Stop { name: "SERVICE_SHUTDOWN", within: Some(less(shutdown_timeout())) },
        ServiceControl::Interrogate => return ServiceControlHandlerResult::NoError,
        _ => return ServiceControlHandlerResult::NotImplemented,
    };
    // Where the service has ended, or is told already, there is nobody to be told.
    let _ = stops.try_send(stop);
    ServiceControlHandlerResult::NoError
}

fn less(limit: Duration) -> Duration {
    limit.saturating_sub(RESERVE)
}

/// How long the manager waits for this service before it shuts the system down. Where nothing is set, 10 s since Windows 10
/// 1703.
fn preshutdown_timeout(service: &str) -> Duration {
    let key = format!("SYSTEM\\CurrentControlSet\\Services\\{service}");
    let limit = LOCAL_MACHINE.open(key).and_then(|key| key.get_u32("PreshutdownTimeout"));
    Duration::from_millis(limit.unwrap_or(10_000).into())
}

/// How long the system waits for services when it shuts down; they are killed then. It is text in the registry.
fn shutdown_timeout() -> Duration {
    let key = LOCAL_MACHINE.open("SYSTEM\\CurrentControlSet\\Control");
    let limit = key.and_then(|key| key.get_string("WaitToKillServiceTimeout"));
    Duration::from_millis(limit.ok().and_then(|limit| limit.parse().ok()).unwrap_or(5_000))
}

// === what the service tells ===

/// Whether this process is a service: there is a manager to be told, and no console.
pub(crate) fn has_manager() -> bool {
    SERVICE.get().is_some()
}

/// The controls that end the service, for the first who asks; `None` where the process is no service.
pub(crate) fn controls() -> Option<Receiver<Stop>> {
    SERVICE.get()?.controls.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Tells the manager; nobody where there is none.
///
/// # Errors
///
/// The manager does not take it. It knows states and progress alone, nothing for people.
pub(crate) fn notify(notices: &[Notice<'_>]) -> io::Result<()> {
    let Some(service) = SERVICE.get() else { return Ok(()) };
    for notice in notices {
        match notice {
            Notice::Ready => service.running()?,
            Notice::MoreTime(time) => service.pending(ServiceState::StopPending, *time)?,
            _ => {}
        }
    }
    Ok(())
}

impl Service {
    fn running(&self) -> io::Result<()> {
        self.checkpoint.store(0, Ordering::Relaxed);
        let accepted =
            ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN | ServiceControlAccept::PRESHUTDOWN;
        self.tell(ServiceState::Running, accepted, Duration::ZERO, ServiceExitCode::NO_ERROR)?;
        match self.started.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(text) => event_log::write(&self.name, Event::Started, &text),
            None => Ok(()),
        }
    }

    /// A start or a stop makes progress, and tells so again within `time`. Meanwhile it can't be told anything.
    fn pending(&self, state: ServiceState, time: Duration) -> io::Result<()> {
        self.checkpoint.fetch_add(1, Ordering::Relaxed);
        self.tell(state, ServiceControlAccept::empty(), time, ServiceExitCode::NO_ERROR)
    }

    fn stopped(&self, code: u8) -> io::Result<()> {
        self.checkpoint.store(0, Ordering::Relaxed);
        let exit_code = match code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(code.into()),
        };
        self.tell(ServiceState::Stopped, ServiceControlAccept::empty(), Duration::ZERO, exit_code)
    }

    fn tell(
        &self,
        current_state: ServiceState,
        controls_accepted: ServiceControlAccept,
        wait_hint: Duration,
        exit_code: ServiceExitCode,
    ) -> io::Result<()> {
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state,
            controls_accepted,
            exit_code,
            checkpoint: self.checkpoint.load(Ordering::Relaxed),
            wait_hint,
            process_id: None,
        };
        self.status.set_service_status(status).map_err(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_the_service_tells_how_long_the_system_waits() {
        let (stops, mut told) = channel(STOPS_WAITING);
        let no_such = "terima-test-no-such-service".to_owned();
        assert!(STOPS.set((no_such, stops)).is_ok());
        let answer = |control| handle(control).to_raw();
        let [taken, unknown] =
            [ServiceControlHandlerResult::NoError, ServiceControlHandlerResult::NotImplemented]
                .map(|answer| answer.to_raw());
        assert_eq!([ServiceControl::Interrogate, ServiceControl::Pause].map(answer), [taken, unknown]);
        for control in [ServiceControl::Stop, ServiceControl::Preshutdown, ServiceControl::Shutdown] {
            assert_eq!(answer(control), taken);
        }
        let told: Vec<Stop> = std::iter::from_fn(|| told.try_recv().ok()).collect();
        let names: Vec<&str> = told.iter().map(|stop| stop.name).collect();
        assert_eq!(names, ["SERVICE_STOP", "SERVICE_PRESHUTDOWN", "SERVICE_SHUTDOWN"]);
        assert_eq!(told[0].within, None);
        assert_eq!(told[1].within, Some(Duration::from_secs(8)));
        // It is the machine's.
        assert!(told[2].within.is_some_and(|within| within >= Duration::from_secs(1)), "{told:?}");
    }
}
