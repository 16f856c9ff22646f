//! `terima end`: the end of one connection.

use serde_json::json;

use super::{Client, print_json, runtime};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::Source;
use crate::cli::output;

pub(super) fn end(source: &Source, json: bool, id: u64, drain: bool) -> Result<Exit, Failure> {
    let client = Client::needed(source)?;
    let verb = if drain { "drain" } else { "end" };
    let ending = runtime()?.block_on(client.post(&format!("/v1/connections/{id}/{verb}"), &json!({})))?;
    if json {
        return print_json(&ending);
    }
    let told = match ending["ended"].as_str() {
        Some(reason) => format!("connection {id} has ended: {reason}\n"),
        None if drain => format!("connection {id} was asked to end, and has not yet\n"),
        None => format!("connection {id} was told to end, and has not yet: its handler blocks a worker\n"),
    };
    output::print(told.as_bytes())
}
