//! `terima check`, and where keys may be set.

use crate::command::{ECHO, Ended, File, ended, terima};

async fn check(text: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let file = File::new(text);
    let environment = environment.iter().copied();
    ended(terima().arg("check").arg("--config").arg(file.path()).args(arguments).envs(environment)).await
}

/// The value that the summary shows for a key, with the note on its default.
fn shown<'a>(ended: &'a Ended, key: &str) -> &'a str {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut lines = ended.stdout.lines().filter_map(|line| line.trim_start().strip_prefix(key));
    lines.next().unwrap_or_else(|| panic!("no {key} in {}", ended.stdout)).trim()
}

#[tokio::test]
async fn it_tells_what_would_listen() {
    let ended = check(ECHO, &["--set", "listener.echo.timeouts.idle=off"], &[]).await;
    for (key, value) in [
        ("listener ", "echo"),
        ("address ", "127.0.0.1:0  (any free port)"),
        ("codec ", "lines"),
        ("handler ", "echo"),
        ("limits.connections ", "unlimited"),
        ("timeouts.first_frame ", "off"),
        ("timeouts.idle ", "off          (default 10m)"),
    ] {
        assert_eq!(shown(&ended, key), value, "{key}");
    }
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn every_problem_is_told_and_is_64() {
    let text = ECHO.replace("codec = \"lines\"", "codec = \"linse\"\ncolour = \"red\"");
    for subcommand in ["check", "run"] {
        let file = File::new(&text);
        let ended = ended(terima().arg(subcommand).arg("--config").arg(file.path())).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{subcommand}");
        for word in ["linse", "colour", "terima: 2 problems in"] {
            assert!(ended.stderr.contains(word), "{subcommand}: no {word:?} in {}", ended.stderr);
        }
        assert!(!ended.stderr.contains('\u{1b}'), "colour, and no terminal: {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_command_line_comes_before_the_environment_before_the_file() {
    const IDLE: &str = "timeouts.idle ";
    let text = format!("{ECHO}timeouts.idle = \"5s\"\n");
    let variable = [("TERIMA__LISTENER__ECHO__TIMEOUTS__IDLE", "7s")];
    let option = ["--set", "listener.echo.timeouts.idle=9s"];

    let file = check(&text, &[], &[]).await;
    assert!(shown(&file, IDLE).starts_with("5s "));
    let environment = check(&text, &[], &variable).await;
    assert!(shown(&environment, IDLE).starts_with("7s "));
    let command_line = check(&text, &option, &variable).await;
    assert!(shown(&command_line, IDLE).starts_with("9s "));
}

#[tokio::test]
async fn the_log_has_a_variable_of_its_own() {
    let ended = check(ECHO, &[], &[("TERIMA_LOG", "terima=debug,warn")]).await;
    assert!(shown(&ended, "log.level ").starts_with("terima=debug,warn"));
}

#[tokio::test]
async fn a_wrong_key_or_value_is_64_wherever_it_is_set() {
    let variable = [("TERIMA__SERVER__WORKESR", "2")];
    for (arguments, environment, word) in [
        (&["--set", "server.workesr=2"][..], &[][..], "workesr"),
        (&["--set", "listener.no-such.address=:7"], &[], "no-such"),
        (&["--set", "server.drain_timeout=soon"], &[], "soon"),
        (&["--set", "log.level=inof"], &[], "inof"),
        (&[], &variable, "WORKESR"),
    ] {
        let ended = check(ECHO, arguments, environment).await;
        assert_eq!(ended.code, Some(64), "{word}: {}", ended.stdout);
        let told = ended.stderr.to_lowercase();
        assert!(told.contains(&word.to_lowercase()), "no {word:?} in {}", ended.stderr);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_environment_that_is_not_unicode_is_no_concern() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let file = File::new(ECHO);
    let odd = OsStr::from_bytes(b"\xff\xfe");
    let ended =
        ended(terima().arg("check").arg("--config").arg(file.path()).env("ODD", odd).env(odd, "1")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
