//! Every key of the schema says what it is for, and has the default that is built in.

use serde_json::{Map, Value};

use super::shipped::is_built_in;
use super::{keys_of, valid_on_linux};
use crate::config::meant::AdminConfig;
use crate::config::written::{Access, Admin, Limits, Listener, Log, ProxyProtocol, Server, Socket, Timeouts};
use crate::config::{Descriptions, schema};

/// The keys below a table of the schema, by their paths, with what the schema has for each. `codec` and `handler` are left
/// out, as here none is registered.
fn keys(table: &Value, path: &str, keys: &mut Vec<(String, Map<String, Value>)>) {
    for (name, key) in table["properties"].as_object().unwrap() {
        let path = format!("{path}{name}");
        let below = if key["type"] == "array" { &key["items"] } else { key };
        if below["properties"].is_object() {
            self::keys(below, &format!("{path}."), keys);
        }
        keys.push((path, key.as_object().unwrap().clone()));
    }
}

fn all_keys() -> Vec<(String, Map<String, Value>)> {
    let none = || [].into_iter();
    let mut all = Vec::new();
    keys(schema(none(), none(), &Descriptions::default()).as_value(), "", &mut all);
    all
}

/// How many keys the process has, and how many those of a listener that may stand in `[defaults]`.
fn counts() -> (usize, usize) {
    let process = keys_of::<Server>().len() + keys_of::<Log>().len() + keys_of::<Admin>().len();
    assert_eq!(keys_of::<Listener>()[4..], ["socket", "access", "limits", "timeouts", "proxy_protocol"]);
    (
        process,
        keys_of::<Socket>().len()
            + keys_of::<Access>().len()
            + keys_of::<Limits>().len()
            + keys_of::<Timeouts>().len()
            + keys_of::<ProxyProtocol>().len(),
    )
}

#[test]
fn every_key_is_described() {
    let all = all_keys();
    let (process, listener) = counts();
    // Five sections, and what a listener alone has: `codec` and `handler` are among them.
    assert_eq!(all.len(), 5 + process + 2 * (5 + listener) + 4);
    for (path, key) in all {
        let description = key.get("description").and_then(Value::as_str).unwrap_or_default();
        // Those that begin so are of the type, and not of the key.
        let own = ["socket", "access", "limits", "timeouts", "proxy_protocol"]
            .iter()
            .any(|table| path.ends_with(table));
        assert!(!description.is_empty() && (own || !description.starts_with('`')), "{path}: {description:?}");
    }
}

#[test]
fn a_key_has_the_comment_of_the_shipped_file() {
    let all = all_keys();
    let description = |path| {
        let (_, key) = all.iter().find(|(key, _)| key == path).unwrap();
        key["description"].as_str().unwrap()
    };
    assert_eq!(
        description("server.workers"),
        "Threads that serve connections: a number, or \"auto\" for one a core."
    );
    assert_eq!(description("defaults.limits.input"), description("listener.limits.input"));
    assert_eq!(description("server"), "The process");
    assert_eq!(description("listener.handler"), "what answers the frames");
    assert!(
        description("listener.address")
            .contains("```text\n  \"127.0.0.1:27015\" \"[::1]:27015\"  one address")
    );
}

#[test]
fn every_default_is_the_built_in_one() {
    let mut text = String::from("[[listener]]\nname = 'x'\naddress = ':7'\nhandler = 'echo'\n");
    let mut seen = 0;
    let all = all_keys();
    // A table is where its keys are, and so is a list of them.
    let is_table = |key: &Value| key.get("properties").is_some();
    let leaves = all
        .iter()
        .filter(|(_, key)| !key.contains_key("properties") && !key.get("items").is_some_and(is_table));
    let (of_listener, others): (Vec<_>, Vec<_>) = leaves.partition(|(path, _)| path.starts_with("listener."));
    for (path, key) in of_listener.into_iter().chain(others) {
        let path = path.strip_prefix("listener.").unwrap_or(path);
        if matches!(path, "name" | "address" | "codec" | "handler") {
            continue;
        }
        seen += 1;
        match key.get("default") {
            // A string, a number, a boolean, and a list of them are written in TOML as they are in JSON.
            Some(default) => match path.split_once('.') {
                Some(("server" | "log" | "admin" | "defaults", _)) => {
                    text.insert_str(0, &format!("{path} = {default}\n"));
                }
                _ => text += &format!("{path} = {default}\n"),
            },
            None => assert!(!key["examples"][0].is_null(), "{path} has no default, and no example"),
        }
    }
    let (process, listener) = counts();
    assert_eq!(seen, process + 2 * listener);
    let config = valid_on_linux(&text);
    is_built_in(&config);
    // Of the admin interface's address Windows has another.
    assert!(cfg!(windows) || config.admin == Some(AdminConfig::default()), "{:?}", config.admin);
}
