//! Where a schema that was made for JSON has more, or tells less, than TOML.

use schemars::Schema;
use schemars::transform::transform_subschemas;
use serde_json::{Map, Value};

/// Takes `null` out, which TOML does not have and schemars adds to what may be left out; and says as bounds what schemars
/// says as the format of a number, which is its own word.
pub(super) fn adapt(schema: &mut Schema) {
    transform_subschemas(&mut adapt, schema);
    if let Some(object) = schema.as_object_mut() {
        without_null(object);
        with_bounds(object);
    }
}

fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form["type"] != "null");
        // What is left of an option is the thing itself; what is said of the key goes before what is said of its type.
        if let [Value::Object(one)] = forms.as_slice() {
            let one = one.clone();
            schema.remove("anyOf");
            for (key, value) in one {
                schema.entry(key).or_insert(value);
            }
        }
    }
}

fn with_bounds(schema: &mut Map<String, Value>) {
    if !matches!(schema.get("type").and_then(Value::as_str), Some("integer" | "number")) {
        return;
    }
    let bounds: &[(&str, i64)] = match schema.remove("format").as_ref().and_then(Value::as_str) {
        Some("int32") => &[("minimum", i32::MIN as i64), ("maximum", i32::MAX as i64)],
        Some("uint32") => &[("maximum", u32::MAX as i64)],
        // Shorter ones have theirs; for longer ones TOML's own hold.
        _ => &[],
    };
    for (key, bound) in bounds {
        schema.entry(*key).or_insert((*bound).into());
    }
}
