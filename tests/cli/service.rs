//! The built binary as a service: started, watched and signalled.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::command::{File, PATIENCE, terima};
use crate::control;

/// A running service, which logs as JSON.
pub(crate) struct Service {
    child: Child,
    /// Gone once nobody is to read it any more.
    log: Option<Lines<BufReader<ChildStderr>>>,
    _file: Option<File>,
}

impl Service {
    /// Starts it; what it logs is still to be read.
    pub(crate) fn spawn(text: &str, arguments: &[&str]) -> Self {
        Self::spawn_in(text, arguments, &[])
    }

    /// As [`spawn`](Self::spawn), with more in its environment.
    pub(crate) fn spawn_in(text: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let file = File::new(text);
        let mut command = Self::command("run");
        command.arg("--config").arg(file.path()).args(arguments).envs(environment.iter().copied());
        Self::of(command.spawn().unwrap(), Some(file))
    }

    /// Starts a listener without a file, as [`start`](Self::start) does one with.
    pub(crate) async fn serve(arguments: &[&str]) -> (Self, SocketAddr) {
        let mut service = Self::of(Self::command("serve").args(arguments).spawn().unwrap(), None);
        let address = service.ready().await;
        (service, address)
    }

    fn command(subcommand: &str) -> Command {
        logging(terima(), subcommand)
    }

    /// A child that logs to standard error.
    pub(crate) fn of(mut child: Child, file: Option<File>) -> Self {
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log: Some(log), _file: file }
    }

    /// Starts it and waits until it is ready; tells where its first listener is.
    pub(crate) async fn start(text: &str, arguments: &[&str]) -> (Self, SocketAddr) {
        Self::start_in(text, arguments, &[]).await
    }

    /// As [`start`](Self::start), with more in its environment.
    pub(crate) async fn start_in(
        text: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> (Self, SocketAddr) {
        let mut service = Self::spawn_in(text, arguments, environment);
        let address = service.ready().await;
        (service, address)
    }

    /// Waits until it is ready; tells where its first listener is.
    async fn ready(&mut self) -> SocketAddr {
        let listening = self.logged("listening").await;
        self.logged("ready").await;
        listening["address"].as_str().unwrap().parse().unwrap()
    }

    /// Reads the log until an event with this message.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        self.event(|event| event["message"] == message).await
    }

    /// Reads the log until an event like this.
    pub(crate) async fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let log = self.log.as_mut().expect("nobody reads it any more");
        let found = async {
            while let Some(line) = log.next_line().await.unwrap() {
                let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                if wanted(&event) {
                    return event;
                }
            }
            panic!("the log ended without it");
        };
        timeout(PATIENCE, found).await.expect("it is not logged")
    }

    /// Sends a signal by name.
    pub(crate) async fn signal(&self, name: &str) {
        control::signal(self.id(), name).await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it has ended")
    }

    /// Waits for the end, and tells the exit code; `None` if a signal killed it.
    pub(crate) async fn code(mut self) -> Option<i32> {
        if let Some(mut log) = self.log.take() {
            while let Ok(Ok(Some(_))) = timeout(PATIENCE, log.next_line()).await {}
        }
        timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap().code()
    }

    /// Closes the reading end of its standard error.
    pub(crate) fn stop_reading(&mut self) {
        self.log = None;
    }
}

/// Makes a program log as JSON, for somebody who reads that.
pub(crate) fn logging(mut command: Command, subcommand: &str) -> Command {
    command.args(["--set", "log.format=json", subcommand]).stderr(Stdio::piped());
    control::controllable(&mut command);
    command
}
