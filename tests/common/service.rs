//! The built binary as a service.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{Client, control, within};

/// A running service. Its log is read all the time; dropped, it is killed.
pub(crate) struct Service {
    child: Child,
    /// Its lines so far; the sender is gone when the log has ended.
    log: watch::Receiver<Vec<String>>,
    /// Where its first listener is.
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Service {
    /// Starts it, with a log in JSON unless `text` says otherwise, and waits until it is ready.
    pub(crate) async fn start(text: &str) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_terima")), text).await
    }

    /// Starts it with so many descriptors, which it can't raise.
    pub(crate) async fn with_descriptors(descriptors: usize, text: &str) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""));
        command.arg(env!("CARGO_BIN_EXE_terima"));
        Self::spawn(command, text).await
    }

    async fn spawn(mut command: Command, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.toml");
        let log = if text.contains("[log]") { "" } else { "[log]\nformat = \"json\"\n" };
        std::fs::write(&file, format!("{log}{text}")).unwrap();
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TERIMA") {
                command.env_remove(name);
            }
        }
        command.arg("run").arg("--config").arg(&file);
        control::controllable(&mut command);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                sender.send_modify(|log| log.push(line));
            }
        });
        let mut service = Self { child, log, address: ([0, 0, 0, 0], 0).into(), _folder: folder };
        let listening = service.logged("listening").await;
        service.logged("ready").await;
        // address=127.0.0.1:7 or "address":"127.0.0.1:7"
        let (_, address) = listening.split_once("127.0.0.1:").unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        service.address = ([127, 0, 0, 1], port.parse().unwrap()).into();
        service
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Waits for the first line of the log with this text in it.
    pub(crate) async fn logged(&mut self, text: &str) -> String {
        self.logged_times(text, 1).await.swap_remove(0)
    }

    /// Waits until so many lines have this text in them.
    pub(crate) async fn logged_times(&mut self, text: &str, times: usize) -> Vec<String> {
        let lines = |log: &Vec<String>| log.iter().filter(|line| line.contains(text)).count();
        let log = within(text, self.log.wait_for(|log| lines(log) >= times)).await;
        let log = log.unwrap_or_else(|_| panic!("the log ended without {text:?}"));
        log.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it has ended")
    }

    /// Sends a signal by name.
    pub(crate) async fn signal(&self, name: &str) {
        control::signal(self.id(), name).await;
    }

    /// Waits for its end; tells the exit code, `None` if a signal killed it, and all that it logged.
    pub(crate) async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let status = within("the end of the service", self.child.wait()).await.unwrap();
        within("the end of the log", async { while self.log.changed().await.is_ok() {} }).await;
        (status.code(), self.log())
    }

    /// Ends it as a service manager does.
    pub(crate) async fn stop(self) -> (Option<i32>, Vec<String>) {
        self.signal("TERM").await;
        self.ended().await
    }
}

/// The access lines of a log in JSON.
pub(crate) fn access(log: &[String]) -> Vec<Value> {
    let parse = |line: &String| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("no JSON, {error}: {line}"))
    };
    log.iter().map(parse).filter(|event| event["target"] == "terima::access").collect()
}
