//! `server.toml` as JSON Schema, by which an editor completes and checks it.
//!
//! - the keys and their forms are those of [`written`] and `value`
//! - what is said of a key, and its default, stand in the shipped file: [`explain`]
//! - codecs and handlers are those that are registered: [`choice`], [`options`]
//! - [`adapt`]: TOML is not JSON
//!
//! It is of draft 07, the latest that Taplo knows: the language server behind most editors. For Taplo's sake there are no
//! references in it either, beside which it would not see a description.
//!
//! [`written`]: super::written

mod adapt;
mod choice;
mod explain;
mod options;

use schemars::Schema;
use schemars::generate::SchemaSettings;

use super::written::File;

pub(crate) use self::options::{Descriptions, OptionsType};

/// Makes the schema of a file that can name these codecs and handlers.
pub(crate) fn schema<'a>(
    codecs: impl Iterator<Item = (&'a str, OptionsType)>,
    handlers: impl Iterator<Item = (&'a str, OptionsType)>,
    descriptions: &Descriptions,
) -> Schema {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut generator = settings.into_generator();
    let codec = choice::choice(codecs, descriptions, &mut generator);
    let handler = choice::choice(handlers, descriptions, &mut generator);

    let mut root = generator.root_schema_for::<File>().to_value();
    let listener = &mut root["properties"]["listener"]["items"]["properties"];
    listener["codec"] = codec;
    listener["handler"] = handler;
    explain::explain(&mut root);
    root["$id"] = "urn:terima:server.toml".into();
    root["title"] = "server.toml".into();
    root["description"] = concat!("The configuration of terima ", env!("CARGO_PKG_VERSION"), ".").into();

    // An object is always a schema.
    let mut schema = Schema::try_from(root).unwrap_or_default();
    adapt::adapt(&mut schema);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema
}
