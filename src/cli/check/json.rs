//! `terima check --json`: the same for machines.

use serde_json::{Map, Value, json};

use crate::config::Choice;
use crate::config::meant::{Config, ListenerConfig};
use crate::config::shown::{Row, access, admin, limits, log, proxy_protocol, server, socket, timeouts};
use crate::{Builder, Problem, Ready};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::{Source, load};
use crate::cli::output;
use crate::cli::run::identity;

/// Answers in one object on standard output, whatever there is to say of the configuration.
pub(in crate::cli) fn check(builder: Builder, source: &Source) -> Result<Exit, Failure> {
    let file = source.configuration.to_string();
    let loaded = load(builder, source).and_then(|ready| identity(ready.config()).map(|_| ready));
    let (answer, exit) = match loaded {
        Ok(ready) => (meant(&file, &ready), Exit::Ended),
        Err(failure) => {
            let exit = failure.exit();
            (json!({ "file": file, "ok": false, "problems": problems(&file, failure)? }), exit)
        }
    };
    output::print(format!("{answer:#}\n").as_bytes())?;
    Ok(exit)
}

/// What is wrong with the configuration. What is wrong with something else stays a failure.
fn problems(file: &str, failure: Failure) -> Result<Vec<Value>, Failure> {
    match failure {
        Failure::Configuration { problems, .. } => Ok(problems.iter().map(problem).collect()),
        Failure::Usage { message, help } => Ok(vec![
            json!({ "origin": file, "line": null, "column": null, "message": message, "help": help }),
        ]),
        other => Err(other),
    }
}

fn problem(problem: &Problem) -> Value {
    json!({
        "origin": problem.origin(),
        "line": problem.line(),
        "column": problem.column(),
        "message": problem.reason(),
        "help": problem.help(),
    })
}

fn meant(file: &str, ready: &Ready) -> Value {
    let Config { server: process, log: lines, admin: interface, listeners, .. } = ready.config();
    json!({
        "file": file,
        "ok": true,
        "warnings": ready.warnings().iter().map(problem).collect::<Vec<_>>(),
        "process": {
            "server": section(server(process)),
            "log": section(log(lines)),
            "admin": interface.as_ref().map(|interface| section(admin(interface))),
        },
        "listeners": listeners.iter().map(listener).collect::<Vec<_>>(),
    })
}

fn listener(config: &ListenerConfig) -> Value {
    let ListenerConfig {
        name,
        addresses,
        codec,
        handler,
        socket: options,
        access: who,
        limits: most,
        timeouts: deadlines,
        proxy_protocol: proxies,
    } = config;
    json!({
        "name": **name,
        "addresses": addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "codec": codec.as_ref().map(choice),
        "handler": choice(handler),
        "socket": section(socket(options)),
        "access": section(access(who)),
        "limits": section(limits(most)),
        "timeouts": section(timeouts(deadlines)),
        "proxy_protocol": proxies.as_ref().map(|config| section(proxy_protocol(Some(config)))),
    })
}

/// The table that a codec or a handler is in its long form.
fn choice(choice: &Choice) -> Value {
    let options = choice.options.entries().map(|(key, value)| (key.to_owned(), json!(value)));
    let name = ("type".to_owned(), json!(choice.name));
    Value::Object(std::iter::once(name).chain(options).collect())
}

/// The table that a section is, without its name before each key.
fn section<const N: usize>(rows: [Row; N]) -> Map<String, Value> {
    let inside = |key: &str| key.split_once('.').map_or(key, |(_, key)| key).to_owned();
    rows.into_iter().map(|(key, shown)| (inside(key), json!(shown))).collect()
}
