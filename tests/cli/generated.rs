//! `terima completions` and `terima man`.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::command::{ended, ended_with, terima};

const SUBCOMMANDS: &[&str] = &[
    "run",
    "serve",
    "check",
    "health",
    "status",
    "connections",
    "end",
    "drain",
    "why",
    #[cfg(windows)]
    "service",
    "init",
    "schema",
    "completions",
    "man",
];

#[tokio::test]
async fn every_shell_has_completions_for_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = ended_with(["completions", shell]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{shell}");
        for word in SUBCOMMANDS.iter().chain(&["once"]) {
            assert!(ended.stdout.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(ended_with(["completions", "tcsh"]).await.code, Some(64));
}

#[tokio::test]
async fn bash_takes_its_completions() {
    let script = ended_with(["completions", "bash"]).await.stdout;
    let bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn();
    // Where there is no bash, nobody needs them.
    let Ok(mut bash) = bash else { return };
    bash.stdin.take().unwrap().write_all(script.as_bytes()).await.unwrap();
    assert!(bash.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_manual_page_has_what_the_help_has() {
    let page = ended_with(["man"]).await;
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.lines().any(|line| line.starts_with(".TH terima 1")), "{}", page.stdout);
    for section in ["SYNOPSIS", "OPTIONS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES"] {
        assert!(page.stdout.contains(&format!(".SH {section}\n")), "no {section}: {}", page.stdout);
    }
    for word in ["\\fB75\\fR", "TERIMA_CONFIG", "config/server.toml"] {
        assert!(page.stdout.contains(word), "no {word}: {}", page.stdout);
    }
}

#[tokio::test]
async fn every_subcommand_has_a_page_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    let written = ended(terima().args(["man", "--directory"]).arg(&pages)).await;
    assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""));

    let mut names: Vec<_> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut wanted: Vec<_> = SUBCOMMANDS.iter().map(|name| format!("terima-{name}.1")).collect();
    wanted.push("terima.1".to_owned());
    wanted.sort();
    assert_eq!(names, wanted);
    let main = std::fs::read_to_string(pages.join("terima.1")).unwrap();
    assert_eq!(main, ended_with(["man"]).await.stdout);
    let check = std::fs::read_to_string(pages.join("terima-check.1")).unwrap();
    assert!(check.contains(".TH terima-check 1"), "{check}");
}
