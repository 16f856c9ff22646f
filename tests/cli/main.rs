//! The command, as a script or a service manager sees it: arguments in; messages and an exit code out.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod check;
mod command;
mod generated;
mod init;
mod run;
mod schema;

mod ask;
#[path = "../common/control.rs"]
mod control;
mod health;
mod log;
mod serve;
mod service;
mod signals;

#[cfg(unix)]
mod activated;
#[cfg(unix)]
mod notify;
#[cfg(unix)]
mod user;
#[cfg(windows)]
mod windows_service;

use command::{ECHO, File, ended, ended_with, terima};

#[tokio::test]
async fn help_and_version_are_answers() {
    for arguments in [&["--help"][..], &["-h"], &["--version"], &["run", "--help"], &["help", "check"]] {
        let ended = ended_with(arguments).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ended.stdout.contains("terima"), "{arguments:?}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn the_long_help_tells_the_exit_codes() {
    let help = ended_with(["--help"]).await.stdout;
    for code in ["0", "1", "64", "69", "75"] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))),
            "{code}: {help}"
        );
    }
}

#[tokio::test]
async fn wrong_usage_is_64() {
    for arguments in
        [&["--no-such-option"][..], &["no-such-command"], &["run", "--set", "no-value"], &["--config"]]
    {
        let ended = ended_with(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(ended.stderr.contains("--help"), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_missing_file_is_64_and_names_the_option() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["run"], &["check"], &["check", "--config", "no-such.toml"]] {
        let ended = ended(terima().args(arguments).current_dir(folder.path())).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with("terima: there is no "), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("--config"), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_file_may_be_named_on_either_side_and_in_the_environment() {
    let file = File::new(ECHO);
    let path = file.path();
    let after = ended(terima().arg("check").arg("--config").arg(&path)).await;
    let before = ended(terima().arg("--config").arg(&path).arg("check")).await;
    let environment = ended(terima().arg("check").env("TERIMA_CONFIG", &path)).await;
    for ended in [after, before, environment] {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_1() {
    let file = File::new(ECHO);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = terima().arg("check").arg("--config").arg(file.path()).stdout(full).status().await.unwrap();
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn wrong_usage_is_told_as_all_else_is() {
    let ended = ended_with(["no-such-command"]).await;
    assert!(ended.stderr.starts_with("terima: unrecognized subcommand"), "{}", ended.stderr);
    assert!(!ended.stderr.contains('\u{1b}'), "colour, and no terminal: {}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test]
async fn who_stops_reading_has_seen_enough() {
    for arguments in [&["--help"][..], &["init", "-"], &["schema"], &["man"], &["completions", "zsh"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = terima();
        let child = child.args(arguments).stdout(writer).stderr(std::process::Stdio::piped());
        let output = child.output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
