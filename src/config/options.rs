//! `codec` and `handler`: a string where the defaults do, a table where they don't.

#[cfg(feature = "admin")]
use std::fmt::{self, Display};

use serde::Deserialize;
#[cfg(feature = "admin")]
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::de::{Salvage, salvage};
use super::fault::Faults;
use super::refusal::Keys;
use super::source::Span;
use super::tree::{Node, Table, Value};

/// A codec or a handler as a listener names it, with its options, which only its factory understands.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) name: String,
    /// Of the name's text.
    pub(crate) span: Span,
    pub(crate) options: Options,
}

/// The table of a [`Choice`] without its `type`; empty where the choice is a string.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    table: Node,
}

/// The options type of a handler or a codec that has no options: any key is a problem.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "It has no options."))]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

impl Choice {
    /// Reads the value of `codec` or `handler`; `noun` says which. None where it is faulty, which is then noted.
    pub(super) fn read(node: &Node, noun: &str, faults: &mut Faults) -> Option<Self> {
        let (name, options) = match &node.value {
            Value::Faulty => return None,
            Value::String(_) => (node, Table::default()),
            Value::Table(table) => {
                let Some(name) = table.get("type") else {
                    faults
                        .absent(node.span.clone(), format!("this {noun} has no `type`"))
                        .help(format!("name it: {noun} = {{ type = \"…\", … }}"));
                    return None;
                };
                let rest = table.entries.iter().filter(|entry| entry.key != "type").cloned();
                (name, Table { entries: rest.collect() })
            }
            _ => (node, Table::default()),
        };
        let span = name.span.clone();
        match name.text() {
            Some(text) if !text.is_empty() => {
                let table = Node { span: node.span.clone(), value: Value::Table(options) };
                Some(Self { name: text.to_owned(), span, options: Options { table } })
            }
            _ if name.is_faulty() => None,
            found => {
                let found = found.map_or(name.describe(), |_| "an empty string");
                faults
                    .at(span, format!("expected the name of a {noun}, found {found}"))
                    .help(format!("write {noun} = \"…\", or {noun} = {{ type = \"…\", … }} with options"));
                None
            }
        }
    }
}

impl Options {
    /// Whether none is written.
    #[cfg(feature = "admin")]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    /// Keys and values, in the order in which they are written.
    #[cfg(feature = "admin")]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, impl Serialize)> {
        let entries = self.table.table().into_iter().flat_map(|table| &table.entries);
        entries.map(|entry| (entry.key.as_str(), &entry.node))
    }

    /// Reads the options into a registered handler's or codec's own options type; [`NoOptions`] where it has
    /// none. Every fault goes to `faults`; None where there was any.
    pub(crate) fn read<T: DeserializeOwned>(&self, faults: &mut Faults) -> Option<T> {
        let Salvage { read, whole } = salvage(&mut self.table.clone(), Keys::Options, faults);
        read.filter(|_| whole)
    }
}

/// As an inline table of TOML.
#[cfg(feature = "admin")]
impl Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}
