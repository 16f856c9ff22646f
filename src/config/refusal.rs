//! Why serde could not read a value, and which one it was.

use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};

use super::fault::Faults;
use super::nearest::advice;
use super::printable::quoted;
use super::source::Span;
use super::tree::Node;

/// The one fault at which serde gives up.
///
/// A type's own [`Error::custom`] may have two lines: the reason, and what to do about it.
#[derive(Debug)]
pub(super) struct Refusal {
    why: Why,
    /// Of the innermost key or value; none as long as that is the root.
    span: Option<Span>,
    /// The positions that lead to it.
    path: Vec<usize>,
}

/// What the keys of a table are, for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// The outermost tables of a file.
    Sections,
    /// What a factory understands.
    Options,
    /// Any further down.
    Inner,
}

impl Keys {
    fn noun(self) -> &'static str {
        match self {
            Self::Sections => "section",
            Self::Options => "option",
            Self::Inner => "key",
        }
    }
}

#[derive(Debug)]
enum Why {
    UnknownKey { key: String, known: &'static [&'static str] },
    MissingKey { key: &'static str },
    Other { reason: String, help: Option<String> },
}

impl Refusal {
    /// The value is of another kind.
    pub(super) fn expected(wanted: impl Display, found: impl Display) -> Self {
        Self::other(format!("expected {wanted}, found {found}"), None)
    }

    /// The same, seen from the table or list around it.
    pub(super) fn inside(mut self, index: usize, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self.path.insert(0, index);
        self
    }

    /// The positions that lead from the root to the value at fault.
    pub(super) fn path(&self) -> &[usize] {
        &self.path
    }

    /// Notes it.
    pub(super) fn note(&self, root: &mut Node, keys: Keys, faults: &mut Faults) {
        let span = self.span.clone().unwrap_or_else(|| root.span.clone());
        match &self.why {
            Why::UnknownKey { key, known } => {
                let keys = if self.path.len() == 1 { keys } else { Keys::Inner };
                // `workers = 4` above all sections is not meant to be one.
                let scalar = root.descend(&self.path).is_some_and(|node| node.is_scalar());
                let noun = if scalar && keys == Keys::Sections { Keys::Inner } else { keys }.noun();
                let noted = faults.unknown(span, format!("unknown {noun} {}", quoted(key)));
                noted.help(advice(key, known, keys.noun()));
            }
            Why::MissingKey { key } => {
                let noun = if self.path.is_empty() { keys } else { Keys::Inner }.noun();
                let table = root.descend(&self.path).and_then(|node| node.table());
                if table.and_then(|table| table.get(key)).is_none() {
                    faults.absent(span, format!("the {noun} {} is missing", quoted(key)));
                }
            }
            Why::Other { reason, help } => {
                let noted = faults.at(span, reason);
                if let Some(help) = help {
                    noted.help(help);
                }
            }
        }
    }

    fn other(reason: String, help: Option<String>) -> Self {
        Self::new(Why::Other { reason, help })
    }

    fn new(why: Why) -> Self {
        Self { why, span: None, path: Vec::new() }
    }
}

impl Error for Refusal {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        match message.split_once('\n') {
            Some((reason, help)) => Self::other(reason.to_owned(), Some(help.to_owned())),
            None => Self::other(message, None),
        }
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::expected(wanted, describe(found))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::expected(wanted, describe(found))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::other(format!("unknown value {}", quoted(word)), Some(advice(word, known, "value")))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Why::UnknownKey { key: key.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Why::MissingKey { key })
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::UnknownKey { key, .. } => write!(f, "unknown key {}", quoted(key)),
            Why::MissingKey { key } => write!(f, "the key {} is missing", quoted(key)),
            Why::Other { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for Refusal {}

/// serde's data model in the words of the file.
fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => format!("the boolean `{flag}`"),
        Unexpected::Signed(number) => format!("the number `{number}`"),
        Unexpected::Unsigned(number) => format!("the number `{number}`"),
        Unexpected::Float(number) => format!("the number `{number}`"),
        Unexpected::Str(text) => format!("the string {}", quoted(text)),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}
