//! A configuration as a tree in which every key and value knows where it is written.
//!
//! TOML's own tree borrows from its text and can't outlive it; this one is owned, so that overrides can be
//! merged into it and a handler's options can be read long after.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::Faults;
use super::source::Span;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// No key wants one; known so that a message can call it by its name.
    Date,
    List(Vec<Node>),
    Table(Table),
    /// It was there, it was wrong, and that has been said: neither to be read nor to be missed.
    Faulty,
}

/// Keys and values in the order in which they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

// === impl Node ===

impl Node {
    /// A table without anything in it.
    pub(super) fn empty(span: Span) -> Self {
        Self { span, value: Value::Table(Table::default()) }
    }

    /// The tree of TOML's parser, for a text that begins at `base`.
    pub(super) fn from_toml(node: &Spanned<DeValue<'_>>, base: usize, faults: &mut Faults) -> Self {
        let span = shift(node.span(), base);
        let value = match node.get_ref() {
            // Only a value that the parser made up where it found none is written nowhere.
            _ if span.is_empty() => Value::Faulty,
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Integer(number) => integer(number, &span, faults),
            DeValue::Float(number) => number.as_str().parse().map_or(Value::Faulty, Value::Float),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(list) => {
                Value::List(list.iter().map(|item| Self::from_toml(item, base, faults)).collect())
            }
            DeValue::Table(table) => Value::Table(Table::from_toml(table, base, faults)),
        };
        Self { span, value }
    }

    /// The table that this is.
    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The table that this is, to be changed.
    pub(super) fn table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text that this is.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items of the list that this is, or this alone; without what is faulty.
    pub(super) fn items(&self) -> impl Iterator<Item = &Self> {
        let items = match &self.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(self),
        };
        items.iter().filter(|item| !item.is_faulty())
    }

    /// Whether this is a list that never had an item.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value, Value::List(items) if items.is_empty())
    }

    /// Whether nothing is inside of it.
    pub(super) fn is_scalar(&self) -> bool {
        !matches!(self.value, Value::List(_) | Value::Table(_))
    }

    /// Whether it was wrong, and that has been said.
    pub(super) fn is_faulty(&self) -> bool {
        matches!(self.value, Value::Faulty)
    }

    /// The node at the end of a path of positions, in tables and lists alike.
    pub(super) fn descend(&mut self, path: &[usize]) -> Option<&mut Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let next = match &mut self.value {
            Value::List(items) => items.get_mut(*first),
            Value::Table(table) => table.entries.get_mut(*first).map(|entry| &mut entry.node),
            _ => None,
        };
        next?.descend(rest)
    }

    /// What this is, in a message.
    pub(super) fn describe(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Date => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Faulty => "nothing",
        }
    }
}

fn integer(number: &DeInteger<'_>, span: &Span, faults: &mut Faults) -> Value {
    i64::from_str_radix(number.as_str(), number.radix()).map_or_else(
        |_| {
            faults.at(span.clone(), "this number is too large");
            Value::Faulty
        },
        Value::Integer,
    )
}

// === impl Table ===

impl Table {
    /// As [`Node::from_toml`].
    pub(super) fn from_toml(table: &DeTable<'_>, base: usize, faults: &mut Faults) -> Self {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().clone().into_owned(),
                key_span: shift(key.span(), base),
                node: Node::from_toml(value, base, faults),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Self { entries }
    }

    /// The value of a key, be it faulty.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// As [`get`](Self::get), further down.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        let (first, rest) = path.split_first()?;
        let node = self.get(first)?;
        if rest.is_empty() { Some(node) } else { node.table()?.at(rest) }
    }

    /// The value of a key, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }

    /// Puts an entry in the place of one with its key, or behind the others.
    pub(super) fn put(&mut self, new: Entry) -> &mut Entry {
        let index = self.entries.iter().position(|entry| entry.key == new.key);
        let index = index.unwrap_or(self.entries.len());
        if index == self.entries.len() {
            self.entries.push(new);
        } else {
            self.entries[index] = new;
        }
        &mut self.entries[index]
    }
}

fn shift(span: Span, base: usize) -> Span {
    span.start + base..span.end + base
}
