//! Keys from the environment and the command line.

use std::time::Duration;

use super::{problems, written};
use crate::config::{Config, Overrides, read};

const FILE: &str = "\
[server]
workers = 1

[[listener]]
name = \"echo\"
address = \"127.0.0.1:7\"
codec = \"lines\"
handler = \"echo\"

[[listener]]
name = \"my-app.v2\"
address = \"127.0.0.1:8\"
handler = \"echo\"
";

fn env(vars: &[(&str, &str)]) -> Overrides {
    Overrides::default().env(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn overridden(overrides: &Overrides) -> Config {
    let (config, faults) = read("server.toml", FILE, overrides);
    assert!(faults.is_empty(), "{}", faults.into_problems());
    config
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let workers = |overrides: &Overrides| overridden(overrides).server.workers;
    assert_eq!(workers(&Overrides::default()), Some(1));
    assert_eq!(workers(&env(&[("TERIMA__SERVER__WORKERS", "2")])), Some(2));
    let both =
        Overrides::default().set("server.workers=3").env([("TERIMA__SERVER__WORKERS".into(), "2".into())]);
    assert_eq!(workers(&both), Some(3));
    assert_eq!(workers(&both.set("server.workers = \"auto\"")), None);
}

#[test]
fn a_value_is_toml_or_else_text() {
    let config = overridden(
        &Overrides::default()
            .set("log.access=false")
            .set("log.format=json")
            .set("server.drain_timeout=5m")
            .set("defaults.timeouts.idle=\"1s\"")
            .set("defaults.limits.connections=7")
            .set("defaults.timeouts.lifetime_jitter=50%")
            .set("listener.echo.address=[\"[::1]:9\", \"0.0.0.0:9\"]")
            .set("listener.my-app.v2.address=[::1]:10")
            .set("listener.my-app.v2.limits={input=\"1KiB\"}"),
    );
    assert!(!config.log.access);
    assert_eq!(config.log.format, crate::config::meant::LogFormat::Json);
    assert_eq!(config.server.drain_timeout, Some(Duration::from_secs(300)));
    let [echo, app] = config.listeners.as_slice() else { panic!("{config:?}") };
    assert_eq!(echo.timeouts.idle, Some(Duration::from_secs(1)));
    assert_eq!(echo.limits.connections, Some(7));
    assert_eq!(written(&echo.addresses), ["[::1]:9", "0.0.0.0:9"]);
    assert_eq!(written(&app.addresses), ["[::1]:10"]);
    assert_eq!(app.limits.input, 1024);
}

#[test]
fn variables_spell_names_in_upper_case() {
    let config = overridden(&env(&[
        ("TERIMA__LISTENER__MY_APP_V2__ADDRESS", "127.0.0.1:9"),
        ("TERIMA__LISTENER__ECHO__TIMEOUTS__HALF_CLOSE", "off"),
        ("TERIMA_LOG", "terima=trace"),
        ("TERIMA_CONFIG", "elsewhere"),
        ("PATH", "/bin"),
    ]));
    assert_eq!(written(&config.listeners[1].addresses), ["127.0.0.1:9"]);
    assert_eq!(config.listeners[0].timeouts.half_close, None);
    assert_eq!(config.log.level, "terima=trace");
    assert_eq!(overridden(&env(&[("TERIMA_LOG", "")])).log.level, "info");
    let both = env(&[("TERIMA__LOG__LEVEL", "warn"), ("TERIMA_LOG", "debug")]);
    assert_eq!(overridden(&both).log.level, "warn");
}

#[test]
fn an_option_makes_a_table_of_a_name() {
    let config = overridden(&Overrides::default().set("listener.echo.codec.max_frame=1KiB"));
    let codec = config.listeners[0].codec.as_ref().unwrap();
    assert_eq!(codec.name, "lines");
    let text = format!("{:?}", codec.options);
    assert!(text.contains("max_frame"), "{text}");
}

#[test]
fn faults_name_where_they_come_from() {
    let overrides = env(&[
        ("TERIMA__LISTENER__EHCO__ADDRESS", "127.0.0.1:9"),
        ("TERIMA__LISTENER__ECHO__ADRESS", "127.0.0.1:9"),
        ("TERIMA_LOG", " "),
    ])
    .set("server.workers=many")
    .set("server.workers.count=2")
    .set("server..workers=2")
    .set("listener.nothing.address=x")
    .set("listener.echo=x")
    .set("listener=x")
    .set("=x")
    .set("server.drain_timeout");
    let said = problems(FILE, &overrides);
    assert_eq!(
        said,
        [
            "environment variable TERIMA_LOG: the log level must not be empty (write \"error\", \"warn\", \
             \"info\", \"debug\", \"trace\", \"off\", or a filter as \"info,terima=debug\")",
            "environment variable TERIMA__LISTENER__ECHO__ADRESS: unknown key `adress` (did you mean `address`?)",
            "environment variable TERIMA__LISTENER__EHCO__ADDRESS: no listener is called `ehco` (did you mean `echo`?)",
            "--set server.workers: unknown value `many` (write a number of threads, as 4, or \"auto\" for one a core)",
            "--set server.workers.count: `workers` is a string and has no keys",
            "--set server..workers: this is no key of the file (write the steps to it with dots, as \
             server.drain_timeout=10s)",
            "--set listener.nothing.address: no listener is called `nothing` (known listeners: `echo`, `my-app.v2`)",
            "--set listener.echo: this is not a key of one listener (name the listener and the key, as \
             listener.NAME.address)",
            "--set listener: this is not a key of one listener (name the listener and the key, as \
             listener.NAME.address)",
            "--set : this is no key of the file (write the steps to it with dots, as server.drain_timeout=10s)",
            "--set server.drain_timeout: `server.drain_timeout` sets nothing (write a key, `=` and a value, as \
             server.drain_timeout=10s)",
        ]
    );
}

#[test]
fn an_override_is_underlined_in_its_own_text() {
    let overrides = Overrides::default().set("listener.echo.address = [\"0.0.0.0:7\", \"nowhere\"]");
    let (_, faults) = read("server.toml", FILE, &overrides);
    let problems = faults.into_problems();
    assert_eq!(
        problems.to_string(),
        "\
error: `nowhere` is no address
 --> --set listener.echo.address:1:39
  |
1 | listener.echo.address = [\"0.0.0.0:7\", \"nowhere\"]
  |                                       ^^^^^^^^^
  |
  = help: its port is missing: \"nowhere:27015\""
    );
    let problem = problems.iter().next().unwrap();
    assert_eq!((problem.line(), problem.column()), (Some(1), Some(39)));
}

#[test]
fn one_of_several_names_must_be_meant() {
    let file = FILE.replace("my-app.v2", "ECHO");
    let overrides = env(&[("TERIMA__LISTENER__ECHO__ADDRESS", "127.0.0.1:9")]);
    assert_eq!(
        problems(&file, &overrides),
        ["environment variable TERIMA__LISTENER__ECHO__ADDRESS: `echo` could be several listeners"]
    );
    let longer = FILE.replace("my-app.v2", "echo.b");
    let (config, faults) =
        read("", &longer, &Overrides::default().set("listener.echo.b.address=127.0.0.1:9"));
    assert!(faults.is_empty());
    assert_eq!(written(&config.listeners[1].addresses), ["127.0.0.1:9"]);
}
