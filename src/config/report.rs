//! A configuration key by key: its value, its default, where it comes from, and how it differs from another.

use std::collections::HashMap;

use super::meant::{
    AccessConfig, AdminConfig, Config, Limits, ListenerConfig, LogConfig, ServerConfig, SocketOptions,
    Timeouts,
};
use super::origins::Written;
use super::shown::{self, Row, Shown};

/// One key of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// With all its steps: `server.workers`, `listener.echo.timeouts.idle`.
    pub(crate) key: String,
    /// What is in force.
    pub(crate) value: Shown,
    /// What would be without anything written; `None` where something has to be.
    pub(crate) default: Option<Shown>,
    /// Where it is written; `None` = it is at its default.
    pub(crate) origin: Option<Written>,
}

/// A key that two configurations have different values for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) key: String,
    /// `None` = there is no such key, as of a listener that is not there.
    pub(crate) one: Option<Shown>,
    /// As `one`.
    pub(crate) other: Option<Shown>,
}

/// Every key of a configuration, in the order of the file.
pub(crate) fn entries(config: &Config) -> Vec<Entry> {
    let mut report = Report { config, entries: Vec::new() };
    report.section(shown::server(&config.server), shown::server(&ServerConfig::default()));
    report.section(shown::log(&config.log), shown::log(&LogConfig::default()));
    if let Some(admin) = &config.admin {
        report.section(shown::admin(admin), shown::admin(&AdminConfig::default()));
    }
    for listener in &config.listeners {
        report.listener(listener);
    }
    report.entries
}

/// The keys whose values differ, in the order of `one`, then those that only `other` has.
pub(crate) fn differences(one: &Config, other: &Config) -> Vec<Difference> {
    let mut theirs: HashMap<String, Entry> =
        entries(other).into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let mut differences = Vec::new();
    for Entry { key, value, .. } in entries(one) {
        let their = theirs.remove(&key).map(|entry| entry.value);
        if their.as_ref() != Some(&value) {
            differences.push(Difference { key, one: Some(value), other: their });
        }
    }
    // Of what is new, only what is written: the rest is at its default, and long.
    let new = entries(other).into_iter().filter(|entry| theirs.contains_key(&entry.key));
    differences.extend(
        new.filter(|entry| entry.origin.is_some() || entry.default.is_none())
            .map(|Entry { key, value, .. }| Difference { key, one: None, other: Some(value) }),
    );
    differences
}

struct Report<'a> {
    config: &'a Config,
    entries: Vec<Entry>,
}

impl Report<'_> {
    fn section<const N: usize>(&mut self, rows: [Row; N], defaults: [Row; N]) {
        for ((key, value), (_, default)) in rows.into_iter().zip(defaults) {
            let origin = self.config.origins.find(key).cloned();
            self.entries.push(Entry { key: key.to_owned(), value, default: Some(default), origin });
        }
    }

    fn listener(&mut self, config: &ListenerConfig) {
        let name = &config.name;
        for (key, value) in shown::listener(config) {
            let key = format!("listener.{name}.{key}");
            let origin = self.config.origins.find(&key).cloned();
            self.entries.push(Entry { key, value, default: None, origin });
        }
        self.of_defaults(name, shown::socket(&config.socket), shown::socket(&SocketOptions::default()));
        self.of_defaults(name, shown::access(&config.access), shown::access(&AccessConfig::default()));
        self.of_defaults(name, shown::limits(&config.limits), shown::limits(&Limits::default()));
        self.of_defaults(name, shown::timeouts(&config.timeouts), shown::timeouts(&Timeouts::default()));
        let proxy_protocol = shown::proxy_protocol(config.proxy_protocol.as_ref());
        self.of_defaults(name, proxy_protocol, shown::proxy_protocol(None));
    }

    /// Keys that a listener has of its own, or from `[defaults]`.
    fn of_defaults<const N: usize>(&mut self, name: &str, rows: [Row; N], defaults: [Row; N]) {
        for ((inner, value), (_, default)) in rows.into_iter().zip(defaults) {
            let key = format!("listener.{name}.{inner}");
            let origins = &self.config.origins;
            let origin = origins.find(&key).or_else(|| origins.find(&format!("defaults.{inner}"))).cloned();
            self.entries.push(Entry { key, value, default: Some(default), origin });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origins::Kind;
    use crate::config::{Overrides, read};

    const TEXT: &str = "[server]\nworkers = 2\n[defaults]\ntimeouts.idle = \"5s\"\n[[listener]]\nname = \"a.b\"\n\
                        address = \"127.0.0.1:7\"\nhandler = \"echo\"\nlimits.connections = 3\n";

    fn config(text: &str, overrides: &Overrides) -> Config {
        let (config, faults) = read("server.toml", text, overrides);
        assert!(faults.is_empty());
        config
    }

    fn entry(entries: &[Entry], key: &str) -> Entry {
        entries.iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("no {key}")).clone()
    }

    #[test]
    fn each_key_tells_where_it_comes_from() {
        let overrides = Overrides::default()
            .set("listener.a.b.timeouts.frame=1s")
            .env([("TERIMA_LOG".to_owned(), "debug".to_owned())]);
        let entries = entries(&config(TEXT, &overrides));
        let written = |by, name: &str, line| Some(Written { by, name: name.to_owned(), line });
        let file = |line| written(Kind::File, "server.toml", Some(line));
        for (key, value, origin) in [
            ("server.workers", Shown::Number(2), file(2)),
            ("server.drain_timeout", Shown::Text("30s".to_owned()), None),
            (
                "log.level",
                Shown::Text("debug".to_owned()),
                written(Kind::Environment, "environment variable TERIMA_LOG", None),
            ),
            ("listener.a.b.address", Shown::List(vec!["127.0.0.1:7".to_owned()]), file(7)),
            ("listener.a.b.timeouts.idle", Shown::Text("5s".to_owned()), file(4)),
            ("listener.a.b.limits.connections", Shown::Number(3), file(9)),
            (
                "listener.a.b.timeouts.frame",
                Shown::Text("1s".to_owned()),
                written(Kind::CommandLine, "--set listener.a.b.timeouts.frame", None),
            ),
        ] {
            let found = entry(&entries, key);
            assert_eq!((found.value, found.origin), (value, origin), "{key}");
        }
        assert_eq!(entry(&entries, "server.workers").default, Some(Shown::Text("auto".to_owned())));
        assert_eq!(entry(&entries, "listener.a.b.handler").default, None);
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let none = Overrides::default();
        assert_eq!(differences(&config(TEXT, &none), &config(TEXT, &none)), []);
        let changed = TEXT.replace("workers = 2", "workers = 3").replace("\"a.b\"", "\"c\"");
        let told: Vec<_> = differences(&config(TEXT, &none), &config(&changed, &none));
        let keys = |wanted: fn(&Difference) -> bool| {
            told.iter().filter(|one| wanted(one)).map(|one| one.key.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(keys(|one| one.one.is_some() && one.other.is_some()), ["server.workers"]);
        let gone = keys(|one| one.other.is_none());
        assert!(
            gone.contains(&"listener.a.b.address") && gone.iter().all(|key| key.starts_with("listener.a.b."))
        );
        let new = ["address", "codec", "handler", "limits.connections", "timeouts.idle"];
        assert_eq!(keys(|one| one.one.is_none()), new.map(|key| format!("listener.c.{key}")));
    }
}
