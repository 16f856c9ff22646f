//! `terima service`, under the service manager.
//!
//! Wine has one. On Windows only administrators may use it: `cargo test --test cli windows_service -- --include-ignored`.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};
use windows_registry::LOCAL_MACHINE;
use windows_service::service::{ServiceAccess, ServiceStatus};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use crate::command::{ECHO, Ended, PATIENCE, ended, ended_with, terima};
use crate::log::until;
use crate::signals::{patient_echo, stuck_client};

/// Held by each of these tests. Wine's service manager has one pipe for whichever program says that it is a service: while one
/// starts, another would take it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// An installed service, which is uninstalled with the test.
struct Installed {
    name: String,
    folder: TempDir,
}

impl Installed {
    async fn new(name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let installed = Self { name: format!("terima-test-{name}-{}", std::process::id()), folder };
        fs::write(installed.configuration(), text).unwrap();
        let path = installed.configuration();
        // It reads what belongs to whoever runs the tests.
        let arguments = ["--manual", "--account", "LocalSystem", "--set", "log.format=json", "--config"];
        let mut command = installed.command("install");
        // Its environment is not the service's.
        let ended = ended(command.args(arguments).arg(path).env("TERIMA_LOG", "off")).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains(&format!("log: {}", installed.log().display())), "{}", ended.stdout);
        installed
    }

    fn command(&self, action: &str) -> tokio::process::Command {
        let mut command = terima();
        command.args(["service", action, "--name", &self.name]);
        command
    }

    async fn service(&self, action: &str) -> Ended {
        ended(&mut self.command(action)).await
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("server.toml")
    }

    /// Where nothing else is said, the log is beside the configuration.
    fn log(&self) -> PathBuf {
        self.configuration().with_extension("log")
    }

    /// Starts it; tells where its first listener is.
    async fn start(&self) -> SocketAddr {
        let started = self.service("start").await;
        assert_eq!((started.code, started.stderr.as_str()), (Some(0), ""));
        let listening = until(&self.log(), |event| event["message"] == "listening").await;
        listening["address"].as_str().unwrap().parse().unwrap()
    }

    async fn logged(&self, message: &str) -> Value {
        until(&self.log(), |event| event["message"] == message).await
    }

    fn status(&self) -> ServiceStatus {
        let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT).unwrap();
        manager.open_service(&self.name, ServiceAccess::QUERY_STATUS).unwrap().query_status().unwrap()
    }

    fn is_known_to_the_event_log(&self) -> bool {
        let key = format!("SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\{}", self.name);
        LOCAL_MACHINE.open(key).is_ok()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_terima"));
        let _ = command.args(["service", "uninstall", "--name", &self.name]).output();
    }
}

#[tokio::test]
#[cfg_attr(not(wine), ignore = "only administrators may install a service")]
async fn it_is_installed_serves_drains_and_is_uninstalled() {
    let _alone = ALONE.lock().await;
    let installed = Installed::new("life", ECHO).await;
    assert!(installed.is_known_to_the_event_log());
    let again = ended(installed.command("install").arg("--config").arg(installed.configuration())).await;
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("there is such a service already\n  help: "), "{}", again.stderr);
    let stopped = installed.service("status").await;
    assert_eq!(stopped.stdout, format!("the service {} has stopped\n", installed.name));
    assert_eq!(stopped.code, Some(1));

    let mut client = TcpStream::connect(installed.start().await).await.unwrap();
    client.write_all(b"halo\n").await.unwrap();
    let mut answer = [0; 5];
    timeout(PATIENCE, client.read_exact(&mut answer)).await.expect("no answer").unwrap();
    assert_eq!(&answer, b"halo\n");
    let runs = installed.service("status").await;
    assert!(runs.stdout.starts_with(&format!("the service {} runs, process ", installed.name)), "{runs:?}");
    assert_eq!(runs.code, Some(0));
    assert_eq!(installed.service("start").await.code, Some(0), "it runs already");

    let stop = installed.service("stop").await;
    assert_eq!(stop.stdout, format!("the service {} has stopped\n", installed.name));
    assert_eq!(stop.code, Some(0));
    assert_eq!(timeout(PATIENCE, client.read(&mut [0; 1])).await.expect("not closed").unwrap(), 0);
    let draining = installed.logged("draining").await;
    assert_eq!((&draining["signal"], &draining["connections"]), (&"SERVICE_STOP".into(), &1.into()));
    installed.logged("drained").await;
    assert_eq!(installed.service("stop").await.code, Some(0), "it has stopped already");

    assert_eq!(installed.service("uninstall").await.code, Some(0));
    assert!(!installed.is_known_to_the_event_log());
    let gone = installed.service("status").await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("there is no such service\n  help: "), "{}", gone.stderr);
}

#[tokio::test]
#[cfg_attr(not(wine), ignore = "only administrators may install a service")]
async fn a_long_drain_tells_of_progress() {
    let _alone = ALONE.lock().await;
    let installed = Installed::new("progress", &patient_echo("off")).await;
    let client = stuck_client(installed.start().await).await;
    let stops = installed.service("stop");
    let watches = async {
        let mut ticks = interval(Duration::from_millis(50));
        let progress = async {
            loop {
                ticks.tick().await;
                let status = installed.status();
                if status.checkpoint > 1 {
                    return status;
                }
            }
        };
        let status = timeout(PATIENCE, progress).await.expect("no progress");
        assert!(status.wait_hint > Duration::from_secs(5), "{status:?}");
        let told = installed.service("status").await;
        assert!(told.stdout.contains(" is stopping"), "{told:?}");
        // Without anybody to deliver to, it is over.
        drop(client);
    };
    let (stop, ()) = tokio::join!(stops, watches);
    assert_eq!(stop.code, Some(0), "{stop:?}");
}

#[tokio::test]
#[cfg_attr(not(wine), ignore = "only administrators may install a service")]
async fn connections_that_were_aborted_are_75() {
    let _alone = ALONE.lock().await;
    let installed = Installed::new("abort", &patient_echo("200ms")).await;
    let _client = stuck_client(installed.start().await).await;
    let stop = installed.service("stop").await;
    assert_eq!(stop.code, Some(75), "{stop:?}");
    assert!(stop.stdout.ends_with("has stopped; connections were aborted\n"), "{stop:?}");
    let status = installed.service("status").await;
    assert!(status.stdout.ends_with("has stopped, with exit code 75\n"), "{status:?}");
}

#[tokio::test]
#[cfg_attr(not(wine), ignore = "only administrators may install a service")]
async fn a_start_that_fails_is_told() {
    let _alone = ALONE.lock().await;
    let installed = Installed::new("failure", ECHO).await;
    fs::write(installed.configuration(), ECHO.replace("codec", "cdoec")).unwrap();
    let start = installed.service("start").await;
    assert_eq!(start.code, Some(1));
    assert!(start.stderr.contains("did not start: it has stopped, with exit code 64\n  help: "), "{start:?}");
}

#[tokio::test]
#[cfg_attr(not(wine), ignore = "only administrators may install a service")]
async fn what_is_not_of_terima_is_left_alone() {
    let _alone = ALONE.lock().await;
    for action in ["start", "stop", "uninstall"] {
        let ended = ended_with(["service", action, "--name", "Spooler"]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains("the service Spooler: it runs another program"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_not_installed() {
    let _alone = ALONE.lock().await;
    let file = crate::File::new(&ECHO.replace("codec", "cdoec"));
    let arguments = ["service", "install", "--name", "terima-test-wrong", "--config"];
    let ended = ended(terima().args(arguments).arg(file.path())).await;
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
}

#[tokio::test]
async fn a_name_must_be_one() {
    let _alone = ALONE.lock().await;
    for name in ["", " ", "a/b", "a\\b", "a\tb", &"x".repeat(257)] {
        let ended = ended_with(["service", "status", "--name", name]).await;
        assert_eq!(ended.code, Some(64), "{name:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn only_the_service_manager_can_run_it() {
    let _alone = ALONE.lock().await;
    let ended = ended_with(["service", "run"]).await;
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.contains("help: start the service with `terima service start`"), "{}", ended.stderr);
}
