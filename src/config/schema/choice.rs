//! `codec` and `handler`: a name alone, or a table with the name as its `type`.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::options::{Descriptions, OptionsType};

/// Which of the registered ones a key names. A name stands alone where no option has to be written; those with the same
/// options share a table, as an editor tells of each table what is wrong with it.
pub(super) fn choice<'a>(
    registered: impl Iterator<Item = (&'a str, OptionsType)>,
    descriptions: &Descriptions,
    generator: &mut SchemaGenerator,
) -> Value {
    let mut alone = Vec::new();
    let mut tables: Vec<(Value, Vec<&str>)> = Vec::new();
    for (name, options) in registered {
        let options = descriptions.table(options, generator);
        if options.get("required").is_none() {
            alone.push(name);
        }
        match tables.iter_mut().find(|(table, _)| *table == options) {
            Some((_, names)) => names.push(name),
            None => tables.push((options, vec![name])),
        }
    }
    let alone = (!alone.is_empty()).then(|| json!({ "type": "string", "enum": alone }));
    let tables = tables.into_iter().map(|(options, names)| typed(options, &names));
    json!({ "anyOf": alone.into_iter().chain(tables).collect::<Vec<_>>() })
}

/// A table of options with the `type` that it has in the file.
fn typed(mut options: Value, names: &[&str]) -> Value {
    let name = match names {
        [name] => json!({ "type": "string", "const": name }),
        names => json!({ "type": "string", "enum": names }),
    };
    allow_type(&mut options, &name);
    options["title"] = names.join(", ").into();
    match options.get_mut("required").and_then(Value::as_array_mut) {
        Some(required) => required.insert(0, "type".into()),
        None => options["required"] = json!(["type"]),
    }
    options
}

/// Lets a table have a `type`, in each of the forms that it can take: they may deny keys that they do not know.
fn allow_type(table: &mut Value, name: &Value) {
    if !table.is_object() {
        *table = Value::Object(Map::new());
    }
    for forms in ["allOf", "anyOf", "oneOf"] {
        let forms = table.get_mut(forms).and_then(Value::as_array_mut);
        for form in forms.into_iter().flatten().filter(|form| form["type"] == "object") {
            allow_type(form, name);
        }
    }
    table["type"] = "object".into();
    table["properties"]["type"] = name.clone();
}
