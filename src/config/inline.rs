//! A tree as text again: on one line of TOML, or for another format by serde.

use std::fmt::{self, Display, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::printable::printable;
use super::tree::{Node, Table, Value};

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::String(text) => string(f, text),
            Value::Integer(number) => write!(f, "{number}"),
            // With its point, so that it stays one.
            Value::Float(number) => write!(f, "{number:?}"),
            Value::Boolean(flag) => write!(f, "{flag}"),
            Value::List(items) => list(f, items),
            Value::Table(table) => inline(f, table),
            Value::Date | Value::Faulty => f.write_str(self.describe()),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: &[Node]) -> fmt::Result {
    f.write_char('[')?;
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    f.write_char(']')
}

fn inline(f: &mut fmt::Formatter<'_>, table: &Table) -> fmt::Result {
    f.write_char('{')?;
    for (index, entry) in table.entries.iter().enumerate() {
        f.write_str(if index == 0 { " " } else { ", " })?;
        key(f, &entry.key)?;
        write!(f, " = {}", entry.node)?;
    }
    f.write_str(if table.entries.is_empty() { "}" } else { " }" })
}

fn key(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(bare) { f.write_str(key) } else { string(f, key) }
}

/// In quotes, with an escape for all that TOML wants one for, or that is not fit for a terminal.
fn string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            _ if printable(c.encode_utf8(&mut [0; 4])) == *c.encode_utf8(&mut [0; 4]) => f.write_char(c)?,
            _ => write!(f, "\\u{:04X}", u32::from(c))?,
        }
    }
    f.write_char('"')
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::String(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Boolean(flag) => serializer.serialize_bool(*flag),
            Value::List(items) => serializer.collect_seq(items),
            Value::Table(table) => {
                let mut map = serializer.serialize_map(Some(table.entries.len()))?;
                for entry in &table.entries {
                    map.serialize_entry(&entry.key, &entry.node)?;
                }
                map.end()
            }
            Value::Date | Value::Faulty => serializer.serialize_unit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;
    use crate::config::Faults;

    #[test]
    fn what_is_shown_is_what_was_written() {
        let written = "{ a = \"q\\\"\\\\\\n\\r\\t\\u001B\\u007F\\u202E ü\", b = [1, -2.5, 3.0, inf], c = { \"d.e\" = true, \"\" = {} }, f = [] }";
        let text = format!("x = {written}");
        let mut faults = Faults::default();
        let table = Table::from_toml(DeTable::parse(&text).unwrap().get_ref(), 0, &mut faults);
        assert!(faults.is_empty());
        assert_eq!(table.get("x").unwrap().to_string(), written);
    }
}
