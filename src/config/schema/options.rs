//! The options of codecs and handlers, which only their own types know.

use std::any::type_name;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::config::keys::keys_of;

/// The type that options are read into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionsType {
    name: &'static str,
    keys: fn() -> Option<&'static [&'static str]>,
}

/// What is known of options types beside their keys, by their names: a `TypeId` wants more of a type than a factory asks of
/// its options. Two types of one name are of two versions of one crate.
#[derive(Debug, Default)]
pub(crate) struct Descriptions(BTreeMap<&'static str, fn(&mut SchemaGenerator) -> Schema>);

impl OptionsType {
    pub(crate) fn of<O: DeserializeOwned>() -> Self {
        Self { name: type_name::<O>(), keys: keys_of::<O> }
    }
}

impl Descriptions {
    pub(crate) fn add<O: JsonSchema>(&mut self) {
        self.0.insert(type_name::<O>(), O::json_schema);
    }

    /// The table of the options: as the type was described, else with its keys, which may then have any value, else with
    /// whatever there is. What is allowed is said outright, as Tombi else warns of keys that it does not know.
    pub(super) fn table(&self, options: OptionsType, generator: &mut SchemaGenerator) -> Value {
        if let Some(describe) = self.0.get(options.name) {
            return describe(generator).to_value();
        }
        match (options.keys)() {
            Some(keys) => {
                let keys: Map<String, Value> =
                    keys.iter().map(|key| ((*key).to_owned(), json!({}))).collect();
                json!({ "type": "object", "properties": keys, "additionalProperties": false })
            }
            // Said outright, as Tombi else warns of keys that it does not know.
            None => json!({ "type": "object", "additionalProperties": true }),
        }
    }
}
