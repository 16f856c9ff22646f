//! The built binary, run to its end.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

/// An echo of lines on a port of the system's choice.
pub(crate) const ECHO: &str = r#"
[[listener]]
name = "echo"
address = "127.0.0.1:0"
codec = "lines"
handler = "echo"
"#;

/// Nothing that is waited for may take longer; a test that gets here has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(if cfg!(wine) { 120 } else { 20 });

/// A `server.toml` of a test's own.
pub(crate) struct File {
    folder: TempDir,
}

impl File {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.toml"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("server.toml")
    }
}

/// `terima`, with nothing in its environment that could set a key.
pub(crate) fn terima() -> Command {
    program(env!("CARGO_BIN_EXE_terima"))
}

/// A program that has the same command line.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TERIMA") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn ended(command: &mut Command) -> Ended {
    let output = timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) async fn ended_with<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    ended(terima().args(arguments)).await
}
