//! `terima status`: how the running service is.

use std::fmt::Write;

use serde_json::Value;

use super::table::Table;
use super::{Client, duration, number, print_json, runtime, size, text};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::Source;
use crate::cli::output;

pub(super) fn status(source: &Source, json: bool) -> Result<Exit, Failure> {
    let client = Client::needed(source)?;
    let status = runtime()?.block_on(client.get("/v1/status"))?;
    if json { print_json(&status) } else { output::print(summary(&status).as_bytes()) }
}

fn summary(status: &Value) -> String {
    let mut summary = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(
        summary,
        "terima {}, process {}, {} for {}",
        text(status, "version"),
        number(status, "process", "?"),
        text(status, "state").replace('_', " "),
        duration(status, "uptime_seconds"),
    );
    let _ = writeln!(summary, "configuration  {}", status["file"].as_str().unwrap_or("the command line"));
    let most = number(status, "max_connections", "unlimited");
    let _ = writeln!(summary, "connections    {} of {most}\n", number(status, "connections", "?"));
    let mut table = Table::new([
        "LISTENER",
        "STATE",
        "CONNECTIONS",
        "LIMIT",
        "ACCEPTED",
        "REFUSED",
        "IN",
        "OUT",
        "HANDLER",
        "ADDRESS",
    ]);
    for listener in status["listeners"].as_array().into_iter().flatten() {
        let addresses = listener["addresses"].as_array().into_iter().flatten();
        let addresses: Vec<&str> = addresses.filter_map(Value::as_str).collect();
        let counters = &listener["counters"];
        let refused = counters["refused"].as_object().into_iter().flatten();
        let refused: u64 = refused.filter_map(|(_, count)| count.as_u64()).sum();
        table.row([
            text(listener, "name").to_owned(),
            text(listener, "state").to_owned(),
            number(listener, "connections", "?"),
            number(listener, "limit", "unlimited"),
            number(counters, "accepted", "?"),
            refused.to_string(),
            size(counters, "received_bytes"),
            size(counters, "sent_bytes"),
            text(listener, "handler").to_owned(),
            addresses.join(" "),
        ]);
    }
    summary + &table.text()
}
