//! `terima why`: whether a client would be served now, and by which rule.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::client::Unanswered;
use super::{Client, print_json, runtime, text};
use crate::admission::Access;
use crate::admission::why::{self, Account, Facts, Limit, Places, Whom};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::{Configuration, Source, missing, overrides};
use crate::cli::output;
use crate::config::meant::{Config, ListenerConfig, MaxConnections};
use crate::config::{self, quoted};
use crate::platform;

/// Who would connect, to what, and whom to ask.
#[derive(Debug)]
pub(in crate::cli) struct WhyQuestion {
    pub(in crate::cli) address: String,
    /// By name or number; so is the group.
    pub(in crate::cli) user: Option<String>,
    pub(in crate::cli) group: Option<String>,
    pub(in crate::cli) listener: Option<String>,
    pub(in crate::cli) offline: bool,
}

pub(super) fn why(source: &Source, json: bool, question: &WhyQuestion) -> Result<Exit, Failure> {
    let WhyQuestion { address, listener, offline, .. } = question;
    let listener = listener.as_deref();
    let whom = Whom::parse(address).ok_or_else(|| {
        Failure::usage(
            format!("{} is no address", quoted(address)),
            "write one as 192.0.2.1 or 2001:db8::1, or `unix`",
        )
    })?;
    let account = account(whom, question)?;
    let answer = match ask(source, address, account, listener, *offline)? {
        Some(answer) => answer,
        None => reckon(source, (whom, account), address, listener)?,
    };
    if json {
        print_json(&answer)?;
    } else {
        output::print(told(&answer).as_bytes())?;
    }
    let served = |listener: &Value| matches!(text(listener, "verdict"), "admitted" | "depends");
    Ok(if listeners(&answer).any(served) { Exit::Ended } else { Exit::Failure })
}

/// Whose process it is, as far as that was said.
fn account(whom: Whom, question: &WhyQuestion) -> Result<Account, Failure> {
    let WhyQuestion { user, group, .. } = question;
    if whom != Whom::Unix && (user.is_some() || group.is_some()) {
        return Err(Failure::usage(
            "a client with an address of IP has no user and no group",
            "leave --user and --group out, or ask for `unix`",
        ));
    }
    let id = |name: &Option<String>, look_up: fn(&str) -> io::Result<Option<u32>>, what: &str| {
        let Some(name) = name else { return Ok(None) };
        match look_up(name) {
            Ok(Some(id)) => Ok(Some(id)),
            Ok(None) => {
                let message = format!("this system has no {what} {}", quoted(name));
                Err(Failure::usage(message, "write a name that is there, or a number"))
            }
            Err(error) => Err(Failure::Other(error.into())),
        }
    };
    Ok(Account { user: id(user, platform::user_id, "user")?, group: id(group, platform::group_id, "group")? })
}

/// What the running service says; `None` where it can't be asked.
fn ask(
    source: &Source,
    address: &str,
    account: Account,
    listener: Option<&str>,
    offline: bool,
) -> Result<Option<Value>, Failure> {
    let Some(client) = (if offline { None } else { Client::find(source)? }) else { return Ok(None) };
    let asked = [
        ("address", Some(address.to_owned())),
        ("user", account.user.map(|user| user.to_string())),
        ("group", account.group.map(|group| group.to_string())),
        ("listener", listener.map(str::to_owned)),
    ];
    let asked = asked.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let path = super::path("/v1/why", asked);
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
fn reckon(
    source: &Source,
    (whom, account): (Whom, Account),
    address: &str,
    listener: Option<&str>,
) -> Result<Value, Failure> {
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
    let mut answers = Vec::new();
    for one in asked {
        let access = Access::new(&one.access).map_err(|error| {
            let message = format!("listener {}: {error}", quoted(&one.name));
            Failure::usage(message, "write a name that is there, or its number")
        })?;
        answers.push(why::why(whom, &Facts { account, ..facts(&config, one, &access) }));
    }
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

fn facts<'a>(config: &'a Config, listener: &'a ListenerConfig, access: &'a Access) -> Facts<'a> {
    let unknown = |limit| Places { limit, taken: None };
    Facts {
        name: &listener.name,
        addresses: &listener.addresses,
        only_v6: listener.socket.only_v6,
        stand: None,
        access,
        account: Account::default(),
        when_full: listener.limits.when_full,
        listener: unknown(listener.limits.connections.map_or(Limit::None, Limit::At)),
        server: unknown(match config.server.max_connections {
            MaxConnections::Auto => Limit::Unknown,
            MaxConnections::Unlimited => Limit::None,
            MaxConnections::At(limit) => Limit::At(limit),
        }),
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
        for rule in listener["rules"].as_array().into_iter().flatten() {
            let mark = match rule["passes"].as_bool() {
                Some(true) => "passes",
                Some(false) => "stops",
                None => "depends",
            };
            lines += &format!("  {:<24}  {mark:<8}  {}\n", text(rule, "rule"), text(rule, "because"));
        }
        told.push(lines);
    }
    told.join("\n")
}
