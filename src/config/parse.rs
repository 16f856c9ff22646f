//! From text to a tree.

use toml::de::DeTable;

use super::fault::Faults;
use super::printable::quoted;
use super::tree::{Table, Value};

/// The tree of a text, without what TOML's grammar refuses.
pub(super) fn parse(text: &str, base: usize, faults: &mut Faults) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<_> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    // Only the first of a line: the others mostly follow from it.
    let mut seen = 0;
    let first_of_line = errors.into_iter().filter(|(span, _)| {
        let first = span.start >= seen;
        if first {
            let rest = text.as_bytes().get(span.start..).unwrap_or_default();
            seen = span.start + rest.iter().take_while(|byte| **byte != b'\n').count() + 1;
        }
        first
    });
    for (span, reason) in first_of_line.take(Faults::MOST + 1) {
        faults.syntax(base + span.start..base + span.end, reason);
    }
    let mut root = Table::from_toml(table.get_ref(), base, faults);
    one_bracket(&mut root, faults);
    root
}

/// `[listener]` where `[[listener]]` is meant is said as such, and goes on as if it were.
fn one_bracket(root: &mut Table, faults: &mut Faults) {
    let Some(node) = root.get_mut("listener") else {
        return;
    };
    let Some(table) = node.table() else { return };
    let named = table.entries.iter().find(|entry| entry.node.table().is_some() && entry.key != "handler");
    let advice = match named {
        Some(entry) if table.get("name").is_none() => {
            format!("write [[listener]], and name = {} below it", quoted(&entry.key).replace('`', "\""))
        }
        _ => "write [[listener]], with two brackets: there may be several".to_owned(),
    };
    let meant = table.get("name").is_some();
    faults.at(node.span.clone(), "this is one table, and listeners are a list of them").help(advice);
    node.value = if meant { Value::List(vec![node.clone()]) } else { Value::Faulty };
}
