//! Where each key of a configuration is written, for who asks long after it was read.

use std::collections::HashMap;

use super::source::{Origin, Sources};
use super::tree::{Node, Table, Value};

/// Where each key that is written is written. What is not in it is at its default.
#[derive(Debug, Default)]
pub(crate) struct Origins(HashMap<String, Written>);

/// Where one key is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) by: Kind,
    /// The file, the variable, or the argument, as a message names it.
    pub(crate) name: String,
    /// The line, of a file alone.
    pub(crate) line: Option<usize>,
}

/// What a key is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Environment,
    CommandLine,
}

impl Origins {
    /// Of a tree that overrides are merged into.
    pub(super) fn of(root: &Table, sources: &Sources) -> Self {
        let mut origins = Self::default();
        origins.note(root, "", sources);
        origins
    }

    /// Where a key is written: `server.workers`, `listener.echo.address`.
    pub(crate) fn find(&self, key: &str) -> Option<&Written> {
        self.0.get(key)
    }

    fn note(&mut self, table: &Table, prefix: &str, sources: &Sources) {
        for entry in &table.entries {
            let path = format!("{prefix}{}", entry.key);
            match &entry.node.value {
                Value::List(items) if path == "listener" => self.note_listeners(items, sources),
                Value::Table(inner) => {
                    self.insert(&path, &entry.node, sources);
                    self.note(inner, &format!("{path}."), sources);
                }
                _ => self.insert(&path, &entry.node, sources),
            }
        }
    }

    fn note_listeners(&mut self, items: &[Node], sources: &Sources) {
        for table in items.iter().filter_map(Node::table) {
            if let Some(name) = table.get("name").and_then(Node::text) {
                self.note(table, &format!("listener.{name}."), sources);
            }
        }
    }

    fn insert(&mut self, path: &str, node: &Node, sources: &Sources) {
        let Some(source) = sources.find(node.span.start) else { return };
        let by = match source.origin {
            Origin::File(_) => Kind::File,
            Origin::Variable(_) => Kind::Environment,
            Origin::Argument(_) => Kind::CommandLine,
            #[cfg(feature = "cli")]
            Origin::Option(_) => Kind::CommandLine,
        };
        let line = (by == Kind::File).then(|| source.place(&node.span).line);
        self.0.insert(path.to_owned(), Written { by, name: source.origin.name(), line });
    }
}
