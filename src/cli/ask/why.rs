//! `terima why`: whether a client would be served now, and by which rule.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::client::Unanswered;
use super::{Client, print_json, runtime, text};
use crate::admission::why::{self, Facts, Limit, Places, Whom};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::{Configuration, Source, missing, overrides};
use crate::cli::output;
use crate::config::meant::{Config, ListenerConfig, MaxConnections};
use crate::config::{self, quoted};

pub(super) fn why(
    source: &Source,
    json: bool,
    address: &str,
    listener: Option<&str>,
    offline: bool,
) -> Result<Exit, Failure> {
    let whom = Whom::parse(address).ok_or_else(|| {
        Failure::usage(
            format!("{} is no address", quoted(address)),
            "write one as 192.0.2.1 or 2001:db8::1, or `unix`",
        )
    })?;
    let answer = match ask(source, address, listener, offline)? {
        Some(answer) => answer,
        None => reckon(source, whom, address, listener)?,
    };
    if json {
        print_json(&answer)?;
    } else {
        output::print(told(&answer).as_bytes())?;
    }
    let served = |listener: &Value| matches!(text(listener, "verdict"), "admitted" | "depends");
    Ok(if listeners(&answer).any(served) { Exit::Ended } else { Exit::Failure })
}

/// What the running service says; `None` where it can't be asked.
fn ask(
    source: &Source,
    address: &str,
    listener: Option<&str>,
    offline: bool,
) -> Result<Option<Value>, Failure> {
    let Some(client) = (if offline { None } else { Client::find(source)? }) else { return Ok(None) };
    let listener = listener.map(|name| ("listener", name.to_owned()));
    let path = super::path("/v1/why", [("address", address.to_owned())].into_iter().chain(listener));
    match runtime()?.block_on(client.get(&path)) {
        Ok(answer) => Ok(Some(answer)),
        Err(Unanswered::Silent(error)) => {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            // If nobody can read it, the answer still says what it does not know.
            let _ = writeln!(io::stderr(), "terima: {reason}: from the configuration alone\n");
            Ok(None)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// What the configuration alone says.
fn reckon(source: &Source, whom: Whom, address: &str, listener: Option<&str>) -> Result<Value, Failure> {
    let Configuration::File(file) = &source.configuration else {
        return Err(Failure::usage("there is no file to reckon from", "name it with --config FILE"));
    };
    if !file.try_exists().unwrap_or(true) {
        return Err(missing(file));
    }
    let (config, faults) = config::read_file(file, &overrides(&source.set));
    if !faults.is_empty() {
        let origin = source.configuration.to_string();
        return Err(Failure::Configuration { origin, problems: faults.into_problems() });
    }
    let asked = config.listeners.iter().filter(|one| listener.is_none_or(|name| *one.name == *name));
    let answers: Vec<why::Answer> = asked.map(|one| why::why(whom, &facts(&config, one))).collect();
    if answers.is_empty() {
        let names: Vec<&str> = config.listeners.iter().map(|listener| &*listener.name).collect();
        let name = quoted(listener.unwrap_or_default());
        return Err(Failure::usage(
            format!("no listener is called {name}"),
            config::advice(listener.unwrap_or_default(), &names, "listener"),
        ));
    }
    Ok(json!({ "address": address, "listeners": answers }))
}

fn facts<'a>(config: &'a Config, listener: &'a ListenerConfig) -> Facts<'a> {
    let unknown = |limit| Places { limit, taken: None };
    Facts {
        name: &listener.name,
        addresses: &listener.addresses,
        only_v6: listener.socket.only_v6,
        stand: None,
        when_full: listener.limits.when_full,
        listener: unknown(listener.limits.connections.map_or(Limit::None, Limit::At)),
        server: unknown(match config.server.max_connections {
            MaxConnections::Auto => Limit::Unknown,
            MaxConnections::Unlimited => Limit::None,
            MaxConnections::At(limit) => Limit::At(limit),
        }),
        limits: &listener.limits,
        own: None,
        in_time: None,
    }
}

fn listeners(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["listeners"].as_array().into_iter().flatten()
}

fn told(answer: &Value) -> String {
    let mut told = Vec::new();
    for listener in listeners(answer) {
        let by = listener["rule"].as_str().map(|rule| format!(", by {rule}")).unwrap_or_default();
        let mut lines = format!("{}: {}{by}\n", text(listener, "listener"), text(listener, "verdict"));
        let names = listener["rules"].as_array().into_iter().flatten().map(|rule| text(rule, "rule").len());
        let width = names.max().unwrap_or_default().max(24);
        for rule in listener["rules"].as_array().into_iter().flatten() {
            let mark = match rule["passes"].as_bool() {
                Some(true) => "passes",
                Some(false) => "stops",
                None => "depends",
            };
            lines += &format!("  {:<width$}  {mark:<8}  {}\n", text(rule, "rule"), text(rule, "because"));
        }
        told.push(lines);
    }
    told.join("\n")
}
