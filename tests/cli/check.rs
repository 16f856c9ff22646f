//! `terima check`, and where keys may be set.

use serde_json::{Value, json};

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
    let text = ECHO.replace("\"lines\"", "{ type = \"lines\", max_frame = \"4KiB\" }");
    let ended = check(&text, &["--set", "listener.echo.timeouts.idle=off"], &[]).await;
    for (key, value) in [
        ("listener ", "echo"),
        ("address ", "127.0.0.1:0  (any free port)"),
        ("codec ", "lines { max_frame = \"4KiB\" }"),
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

/// What it answers to `--json`.
async fn answer(text: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let ended = check(text, &[&["--json"], arguments].concat(), &[]).await;
    assert_eq!(ended.stderr, "");
    (ended.code, serde_json::from_str(&ended.stdout).unwrap())
}

#[tokio::test]
async fn json_has_every_value_in_the_words_of_the_file() {
    let text = ECHO.replace("\"lines\"", "{ type = \"lines\", max_frame = \"4KiB\" }");
    let (code, answer) = answer(&text, &["--set", "listener.echo.limits.connections=7"]).await;
    assert_eq!(code, Some(0));
    for (path, value) in [
        ("/ok", json!(true)),
        ("/warnings", json!([])),
        ("/process/server/workers", json!("auto")),
        ("/process/server/drain_timeout", json!("30s")),
        ("/process/server/user", json!(null)),
        ("/process/log/access", json!(true)),
        ("/listeners/0/name", json!("echo")),
        ("/listeners/0/addresses", json!(["127.0.0.1:0"])),
        ("/listeners/0/codec", json!({ "type": "lines", "max_frame": "4KiB" })),
        ("/listeners/0/handler", json!({ "type": "echo" })),
        ("/listeners/0/socket/mode", json!("0660")),
        ("/listeners/0/limits/connections", json!(7)),
        ("/listeners/0/limits/input", json!("1MiB")),
        ("/listeners/0/timeouts/lifetime", json!("off")),
    ] {
        assert_eq!(answer.pointer(path), Some(&value), "{path}: {answer:#}");
    }
}

#[tokio::test]
async fn what_json_shows_may_be_written_so() {
    let (_, shown) = answer(ECHO, &["--set", "listener.echo.limits.connections=7"]).await;
    let mut set = Vec::new();
    for section in ["socket", "limits", "timeouts"] {
        for (key, value) in shown["listeners"][0][section].as_object().unwrap() {
            set.extend((!value.is_null()).then(|| format!("--set=listener.echo.{section}.{key}={value}")));
        }
    }
    for section in ["server", "log"] {
        for (key, value) in shown["process"][section].as_object().unwrap() {
            set.extend((!value.is_null()).then(|| format!("--set={section}.{key}={value}")));
        }
    }
    let (code, again) = answer(ECHO, &set.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(code, Some(0), "{again:#}");
    assert_eq!((&again["process"], &again["listeners"]), (&shown["process"], &shown["listeners"]));
}

#[tokio::test]
async fn json_has_every_problem() {
    let (code, found) = answer(&ECHO.replace("codec", "cdoec"), &["--set", "log.level=inof"]).await;
    assert_eq!((code, &found["ok"]), (Some(64), &json!(false)));
    let problems = found["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{found:#}");
    assert_eq!(problems[0]["origin"], found["file"]);
    assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&json!(5), &json!(1)));
    assert_eq!(problems[0]["message"], "unknown key `cdoec`");
    assert_eq!(problems[0]["help"], "did you mean `codec`?");
    assert_eq!(problems[1]["origin"], "--set log.level");

    let missing = ended(terima().args(["check", "--json", "--config", "no-such.toml"])).await;
    assert_eq!((missing.code, missing.stderr.as_str()), (Some(64), ""));
    let missing: Value = serde_json::from_str(&missing.stdout).unwrap();
    assert_eq!(missing["problems"][0]["message"], "there is no no-such.toml");
    assert_eq!(missing["problems"][0]["line"], json!(null));
}
