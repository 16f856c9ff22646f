//! `terima connections`: who is there.

use serde_json::Value;

use super::table::Table;
use super::{Client, Filters, duration, number, print_json, runtime, text};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::Source;
use crate::cli::output;

pub(super) fn connections(source: &Source, json: bool, filters: &Filters) -> Result<Exit, Failure> {
    let client = Client::needed(source)?;
    let page = runtime()?.block_on(client.get(&filters.path()))?;
    if json { print_json(&page) } else { output::print(list(&page).as_bytes()) }
}

impl Filters {
    fn path(&self) -> String {
        let Self { listener, client, state, min_age, sort, limit } = self;
        let texts = [("listener", listener), ("client", client), ("state", state), ("sort", sort)];
        let texts = texts.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        let min_age = min_age.map(|age| ("min_age", age.as_secs_f64().to_string()));
        let all = texts.chain(min_age).chain([("limit", limit.to_string())]);
        super::path("/v1/connections", all)
    }
}

fn list(page: &Value) -> String {
    let mut table = Table::new([
        "ID",
        "LISTENER",
        "CLIENT",
        "STATE",
        "AGE",
        "BYTES IN",
        "BYTES OUT",
        "FRAMES IN",
        "FRAMES OUT",
        "WAITING",
    ]);
    let connections = page["connections"].as_array().map_or(&[][..], Vec::as_slice);
    for connection in connections {
        table.row([
            number(connection, "id", "?"),
            text(connection, "listener").to_owned(),
            text(connection, "client").to_owned(),
            text(connection, "state").to_owned(),
            duration(connection, "age_seconds"),
            number(connection, "bytes_in", "?"),
            number(connection, "bytes_out", "?"),
            number(connection, "frames_in", "?"),
            number(connection, "frames_out", "?"),
            number(connection, "output", "?"),
        ]);
    }
    let matching = page["matching"].as_u64().unwrap_or_default();
    let more = matching.saturating_sub(connections.len() as u64);
    let more = if more == 0 { String::new() } else { format!("… and {more} more; see --limit\n") };
    table.text() + &more
}
