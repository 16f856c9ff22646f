//! What the shipped file says of the keys, put where the schema has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::shipped::{Key, blocks, entries, prose};

/// Adds to each key what its comment says and its default, to each section its title.
pub(super) fn explain(root: &mut Value) {
    let mut add = |place: &str, key: &str, what: Value| {
        if let Some(found) = root.pointer_mut(place) {
            found[key] = what;
        }
    };
    let (mut title, mut table) = (None, "");
    for block in blocks() {
        title = block.title.or(title);
        if block.table != table {
            table = block.table;
            add(&format!("/properties/{table}"), "description", title.into());
        }
        // There the comments are about the whole listener, and the values are no defaults.
        let keys = block.keys.iter().filter(|_| table != "listener");
        for (key, place) in keys.flat_map(|key| places(table, key.name).map(move |place| (key, place))) {
            add(&place, "description", prose(&block.comment).trim().into());
            match (key.marked, value(key)) {
                (true, value) => add(&place, "examples", json!([value])),
                (false, value) => add(&place, "default", value),
            }
        }
        if block.title == Some("Listeners") {
            for (key, text) in entries(&block.comment) {
                add(&format!("/properties/listener/items/properties/{key}"), "description", text.into());
            }
        }
    }
}

/// Where a key is in the schema. What stands in `[defaults]` a listener has as well.
fn places(table: &str, key: &str) -> impl Iterator<Item = String> {
    let path: String = key.split('.').map(|part| format!("/properties/{part}")).collect();
    let listener = (table == "defaults").then_some("listener/items");
    [Some(table), listener].into_iter().flatten().map(move |table| format!("/properties/{table}{path}"))
}

/// The value in the shipped file, which is known to be TOML.
fn value(key: &Key) -> Value {
    let read: Result<BTreeMap<String, Value>, _> = toml::from_str(&format!("value = {}", key.value));
    read.ok().and_then(|mut read| read.remove("value")).unwrap_or_default()
}
