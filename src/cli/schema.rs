//! `terima schema`: for editors.

use anyhow::Context;

use crate::Builder;

use super::exit::Exit;
use super::failure::Failure;
use super::output;

/// Prints the JSON Schema of server.toml.
pub(super) fn schema(builder: &Builder) -> Result<Exit, Failure> {
    let mut schema =
        serde_json::to_string_pretty(&builder.schema()).context("can't write the schema as JSON")?;
    schema.push('\n');
    output::print(schema.as_bytes())
}
