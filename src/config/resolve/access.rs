//! `access.*`: the listener's own or `[defaults]`, and the lists that are in files.

use std::collections::HashMap;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::fault::Faults;
use crate::config::meant::{AccessConfig, Endpoint};
use crate::config::networks::{ListError, ListErrorKind, ListFile};
use crate::config::source::{Origin, Span};
use crate::config::tree::{Node, Table};
use crate::config::value::{Account, FilePath, Network};
use crate::config::written;

/// The lists, which let in nobody where they are there and empty.
const ALLOW: [&str; 3] = ["allow", "allow_users", "allow_groups"];

/// The keys that only a Unix socket has a use for, and those that only TCP has.
const OF_USERS: [&str; 2] = ["allow_users", "allow_groups"];
const OF_NETWORKS: [&str; 4] = ["allow", "deny", "allow_file", "deny_file"];

/// The files that were read already: several listeners may have the same. `None` = its faults are noted.
#[derive(Default)]
pub(super) struct ListFiles(HashMap<PathBuf, Option<ListFile>>);

/// The listener's own, key by key, else `[defaults]`. `listener` and `root` are the tables that say where things are written.
pub(super) fn access(
    own: &written::Access,
    defaults: &written::Access,
    (listener, root): (&Table, &Table),
    files: &mut ListFiles,
    faults: &mut Faults,
) -> AccessConfig {
    let networks = |own: &Option<Vec<Network>>, default: &Option<Vec<Network>>| {
        let list = own.as_ref().or(default.as_ref())?;
        Some(list.iter().map(|network| network.0).collect::<Vec<IpNet>>())
    };
    let accounts = |own: &Option<Vec<Account>>, default: &Option<Vec<Account>>| {
        let list = own.as_ref().or(default.as_ref())?;
        Some(list.iter().map(|account| account.0.clone()).collect())
    };
    let mut file = |key: &str, own: &Option<FilePath>, default: &Option<FilePath>| {
        let written = listener.at(&["access", key]).or_else(|| root.at(&["defaults", "access", key]));
        let path = own.as_ref().or(default.as_ref())?;
        files.read(path, &written?.span, faults)
    };
    AccessConfig {
        allow: networks(&own.allow, &defaults.allow),
        deny: networks(&own.deny, &defaults.deny).unwrap_or_default(),
        allow_file: file("allow_file", &own.allow_file, &defaults.allow_file),
        deny_file: file("deny_file", &own.deny_file, &defaults.deny_file),
        allow_users: accounts(&own.allow_users, &defaults.allow_users),
        allow_groups: accounts(&own.allow_groups, &defaults.allow_groups),
        dry_run: own.dry_run.or(defaults.dry_run).unwrap_or_default(),
    }
}

/// Notes lists that would let in nobody: whoever leaves one empty means something else, and nobody can tell what. `holder` is
/// the table that `access` stands in.
pub(super) fn check_empty(holder: &Table, faults: &mut Faults) {
    for key in ALLOW {
        if let Some(node) = holder.at(&["access", key]).filter(|node| node.is_empty_list()) {
            faults
                .at(node.span.clone(), format!("with an empty `access.{key}` nobody would be let in"))
                .help("remove the key to let everybody in, or list who may come");
        }
    }
}

/// Warns of keys of a listener that none of its addresses has a use for.
pub(super) fn warn_of_useless(listener: &Table, endpoints: &[Endpoint], faults: &mut Faults) {
    let Some(table) = listener.get("access").and_then(Node::table) else { return };
    let ports = endpoints.iter().any(|endpoint| endpoint.port().is_some());
    let unix = endpoints.iter().any(|endpoint| endpoint.port().is_none());
    for entry in &table.entries {
        let missing = match entry.key.as_str() {
            key if OF_USERS.contains(&key) && !unix => "a Unix socket",
            key if OF_NETWORKS.contains(&key) && !ports => "TCP",
            _ => continue,
        };
        if !endpoints.is_empty() {
            faults.warn(
                entry.key_span.clone(),
                format!(
                    "`access.{}` is for {missing}, which this listener has not: the key does nothing",
                    entry.key
                ),
            );
        }
    }
}

impl ListFiles {
    /// `written` is where the path stands.
    fn read(&mut self, path: &FilePath, written: &Span, faults: &mut Faults) -> Option<ListFile> {
        let path = path.as_path();
        if let Some(read) = self.0.get(path) {
            return read.clone();
        }
        let read = match ListFile::read(path) {
            Ok(list) => Some(list),
            Err(ListError { kind, .. }) => {
                note(path.display().to_string(), kind, written, faults);
                None
            }
        };
        self.0.insert(path.to_owned(), read.clone());
        read
    }
}

/// What is wrong with lines is noted at the lines.
fn note(file: String, kind: ListErrorKind, written: &Span, faults: &mut Faults) {
    let ListErrorKind::Faulty { text, faults: lines, count } = kind else {
        let reason = format!("{file}: {}", kind.reason());
        faults.at(written.clone(), reason).help("write the path of a file with a network on each line");
        return;
    };
    let base = faults.sources.add(Origin::File(file), &text);
    let more = count - lines.len();
    let last = lines.len() - 1;
    for (index, line) in lines.into_iter().enumerate() {
        let (reason, help) = line.reason.split_once('\n').unwrap_or((&line.reason, ""));
        let reason = match more {
            1.. if index == last => format!("{reason}; so it is with {more} lines more"),
            _ => reason.to_owned(),
        };
        faults.at(base + line.span.start..base + line.span.end, reason).help(help);
    }
}
