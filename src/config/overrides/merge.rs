//! Puts one value at its key.

use super::key::{Key, Step};
use crate::config::fault::Faults;
use crate::config::nearest::advice;
use crate::config::printable::quoted;
use crate::config::tree::{Entry, Node, Table, Value};

/// More steps than any key has.
const DEEPEST: usize = 16;

/// Puts a value at a key, and makes the tables that are not yet there. A key that leads nowhere is noted.
pub(super) fn put(root: &mut Table, key: &Key<'_>, value: Node, faults: &mut Faults) {
    let (section, rest) = key.split();
    if section.key != "listener" {
        put_below(root, key, value, faults);
        return;
    }
    let found = match rest {
        Some(rest) => listener(root, &rest, faults),
        None => Some((root, None)),
    };
    match found {
        Some((table, Some(rest))) => put_below(table, &rest, value, faults),
        Some((_, None)) => {
            faults
                .at(key.span(), "this is not a key of one listener")
                .help("name the listener and the key, as listener.NAME.address");
        }
        None => {}
    }
}

/// The listener that a key begins with, and what stands behind its name. None where there is no such one, which is
/// then noted.
fn listener<'a, 't>(
    root: &'a mut Table,
    key: &Key<'t>,
    faults: &mut Faults,
) -> Option<(&'a mut Table, Option<Key<'t>>)> {
    let nodes = root.get("listener").into_iter().flat_map(Node::items);
    let names: Vec<&str> = nodes.filter_map(|node| node.table()?.get("name")?.text()).collect();
    let matching = names.iter().filter(|name| key.strip_name(name).is_some());
    let (wanted, _) = key.split();
    // Of `a` and `a.b`, the key `a.b.address` means the longer one.
    let Some(length) = matching.clone().map(|name| name.len()).max() else {
        let noted = faults.absent(wanted.span, format!("no listener is called {}", quoted(&wanted.key)));
        noted.help(advice(&wanted.key, &names, "listener"));
        return None;
    };
    if matching.filter(|name| name.len() == length).count() > 1 {
        faults.at(wanted.span, format!("{} could be several listeners", quoted(&wanted.key)));
        return None;
    }

    let Value::List(items) = &mut root.get_mut("listener")?.value else {
        return None;
    };
    items.iter_mut().filter_map(Node::table_mut).find_map(|table| {
        let name = table.get("name")?.text().filter(|name| name.len() == length)?;
        let rest = key.strip_name(name)?;
        Some((table, rest))
    })
}

fn put_below(table: &mut Table, key: &Key<'_>, value: Node, faults: &mut Faults) {
    let steps = key.steps();
    if steps.len() > DEEPEST || steps.iter().any(|step| step.key.is_empty()) {
        faults
            .at(key.span(), "this is no key of the file")
            .help("write the steps to it with dots, as server.drain_timeout=10s");
        return;
    }
    let Some((last, path)) = steps.split_last() else {
        return;
    };
    let mut table = table;
    for step in path {
        let Some(next) = enter(table, step, faults) else {
            return;
        };
        table = next;
    }
    table.put(Entry { key: last.key.clone(), key_span: last.span.clone(), node: value });
}

/// The table at a key, which is made where nothing is there.
fn enter<'a>(table: &'a mut Table, step: &Step, faults: &mut Faults) -> Option<&'a mut Table> {
    if table.get(&step.key).is_none() {
        let node = Node::empty(step.span.clone());
        table.put(Entry { key: step.key.clone(), key_span: step.span.clone(), node });
    }
    let node = table.get_mut(&step.key)?;
    // `codec = "lines"` is short for a table, which an option makes it.
    if let (Value::String(_), "codec" | "handler") = (&node.value, step.key.as_str()) {
        let name = Entry { key: "type".to_owned(), key_span: node.span.clone(), node: node.clone() };
        node.value = Value::Table(Table { entries: vec![name] });
    }
    if node.table().is_none() && !node.is_faulty() {
        let found = node.describe();
        faults.at(step.span.clone(), format!("{} is {found} and has no keys", quoted(&step.key)));
    }
    node.table_mut()
}
