//! The service manager's list of services, for those who administer it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use windows_service::Error;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceDependency, ServiceErrorControl,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType,
    ServiceState, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// What a service is installed as.
#[derive(Debug)]
pub(crate) struct Installation<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Whom it runs as.
    pub(crate) account: &'a str,
    /// Started with the system, not by hand.
    pub(crate) automatic: bool,
    /// How long a shutdown of the system waits for it.
    pub(crate) preshutdown: Duration,
}

/// A service that is installed.
pub(crate) struct Installed(Service);

/// How an installed service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Running,
    Stopping,
    /// With its exit code; 0 also where it has not run yet.
    Stopped {
        code: u32,
    },
}

/// Why something can't be done to a service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("access denied")]
    Denied,
    #[error("there is no such service")]
    Unknown,
    #[error("there is such a service already")]
    Exists,
    #[error("it is being removed, which waits for whoever has it open: Services, Task Manager")]
    BeingRemoved,
    #[error("it runs another program")]
    Foreign,
    #[error("it shows no sign of life")]
    Hung,
    #[error(transparent)]
    System(io::Error),
}

impl Installation<'_> {
    /// Enters the service into the list.
    pub(crate) fn install(&self) -> Result<(), ServiceError> {
        let info = ServiceInfo {
            name: self.name.into(),
            display_name: self.name.into(),
            service_type: ServiceType::OWN_PROCESS,
            start_type: if self.automatic { ServiceStartType::AutoStart } else { ServiceStartType::OnDemand },
            error_control: ServiceErrorControl::Normal,
            executable_path: self.program.clone(),
            launch_arguments: self.arguments.clone(),
            // Without the network there is nothing to listen on.
            dependencies: vec![ServiceDependency::Service("Tcpip".into())],
            account_name: (!self.account.eq_ignore_ascii_case("LocalSystem")).then(|| self.account.into()),
            account_password: None,
        };
        let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::DELETE;
        let service = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?
            .create_service(&info, access)?;
        let completed = self.complete(&service);
        if completed.is_err() {
            // All of it or nothing.
            let _ = service.delete();
        }
        completed
    }

    fn complete(&self, service: &Service) -> Result<(), ServiceError> {
        service.set_description(self.description)?;
        service.set_preshutdown_timeout(self.preshutdown)?;
        // One that crashed is started again; one that says why it ended is not: that needs somebody to change something.
        let again = |delay| ServiceAction { action_type: ServiceActionType::Restart, delay };
        service.update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(24 * 3600)),
            reboot_msg: None,
            command: None,
            actions: Some([1, 5, 60].map(|seconds| again(Duration::from_secs(seconds))).into()),
        })?;
        Ok(())
    }
}

impl Installed {
    /// Finds the service of that name, which must be one that was installed with arguments like `mark`: nobody else's is
    /// touched.
    pub(crate) fn find(name: &str, access: ServiceAccess, mark: &str) -> Result<Self, ServiceError> {
        let access = access | ServiceAccess::QUERY_CONFIG | ServiceAccess::QUERY_STATUS;
        let service = manager(ServiceManagerAccess::CONNECT)?.open_service(name, access)?;
        let command_line = service.query_config()?.executable_path;
        match command_line.to_string_lossy().contains(mark) {
            true => Ok(Self(service)),
            false => Err(ServiceError::Foreign),
        }
    }

    /// How it is, and its process.
    pub(crate) fn state(&self) -> Result<(State, Option<u32>), ServiceError> {
        let status = self.0.query_status()?;
        let state = match status.current_state {
            ServiceState::StartPending | ServiceState::ContinuePending => State::Starting,
            ServiceState::Running | ServiceState::Paused => State::Running,
            ServiceState::StopPending | ServiceState::PausePending => State::Stopping,
            ServiceState::Stopped => State::Stopped {
                code: match status.exit_code {
                    ServiceExitCode::Win32(code) if code == NEVER_STARTED => 0,
                    ServiceExitCode::Win32(code) | ServiceExitCode::ServiceSpecific(code) => code,
                },
            },
        };
        Ok((state, status.process_id.filter(|id| *id != 0)))
    }

    /// Starts it, unless it runs, and waits until it is clear whether it does.
    pub(crate) fn start(&self) -> Result<State, ServiceError> {
        match self.0.start::<&OsStr>(&[]) {
            Err(Error::Winapi(error)) if error.raw_os_error() == Some(ALREADY_RUNNING) => {}
            started => started?,
        }
        self.after(|state| state == State::Starting)
    }

    /// Stops it, unless it has, and waits until it has drained.
    pub(crate) fn stop(&self) -> Result<State, ServiceError> {
        // As long as it starts, it can't be told.
        self.after(|state| state == State::Starting)?;
        match self.0.stop() {
            Err(Error::Winapi(error))
                if matches!(error.raw_os_error(), Some(NOT_ACTIVE | CANNOT_ACCEPT_CONTROLS)) => {}
            stopped => {
                stopped?;
            }
        }
        // It is told, but runs on for a moment until it says that it stops.
        self.after(|state| !matches!(state, State::Stopped { .. }))
    }

    pub(crate) fn remove(self) -> Result<(), ServiceError> {
        Ok(self.0.delete()?)
    }

    /// Waits as long as it is in such a state; tells the one after. While the service tells of progress in the time that it has
    /// named, that may take as long as it likes.
    #[expect(clippy::disallowed_methods, reason = "a command that waits; there is no runtime")]
    fn after(&self, passing: impl Fn(State) -> bool) -> Result<State, ServiceError> {
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        const PATIENCE: Duration = Duration::from_secs(20);
        let (mut checkpoint, mut silence) = (0, Duration::ZERO);
        loop {
            let now = self.state()?.0;
            if !passing(now) {
                return Ok(now);
            }
            let status = self.0.query_status()?;
            if status.checkpoint != checkpoint {
                (checkpoint, silence) = (status.checkpoint, Duration::ZERO);
            }
            if silence > status.wait_hint + PATIENCE {
                return Err(ServiceError::Hung);
            }
            sleep(LOOK_EVERY);
            silence += LOOK_EVERY;
        }
    }
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    Ok(ServiceManager::local_computer(None::<&str>, access)?)
}

/// What the system said, where it was the system.
pub(super) fn cause(error: Error) -> io::Error {
    match error {
        Error::Winapi(error) => error,
        other => io::Error::other(other),
    }
}

// winerror.h, `ERROR_…` and `ERROR_SERVICE_…`.
const ACCESS_DENIED: i32 = 5;
const ALREADY_RUNNING: i32 = 1056;
const DOES_NOT_EXIST: i32 = 1060;
const CANNOT_ACCEPT_CONTROLS: i32 = 1061;
const NOT_ACTIVE: i32 = 1062;
const MARKED_FOR_DELETE: i32 = 1072;
const EXISTS: i32 = 1073;
const NEVER_STARTED: u32 = 1077;

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        let error = cause(error);
        match error.raw_os_error() {
            Some(ACCESS_DENIED) => Self::Denied,
            Some(DOES_NOT_EXIST) => Self::Unknown,
            Some(EXISTS) => Self::Exists,
            Some(MARKED_FOR_DELETE) => Self::BeingRemoved,
            _ => Self::System(error),
        }
    }
}
