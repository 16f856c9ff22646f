//! `terima connections`: who is there.

use serde_json::Value;

use super::table::Table;
use super::{Client, Filters, Unanswered, duration, number, print_json, runtime, text};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::load::Source;
use crate::cli::output;

/// As many are on a page, if only one is wanted, and if all are.
const PAGE: u32 = 100;
const LARGE_PAGE: u32 = 1000;

pub(super) fn connections(source: &Source, json: bool, filters: &Filters) -> Result<Exit, Failure> {
    let after = filters.mark()?;
    let client = Client::needed(source)?;
    let page = runtime()?.block_on(pages(&client, filters, after))?;
    if json { print_json(&page) } else { output::print((list(&page) + &more(&page, filters)).as_bytes()) }
}

/// A page; or, where all are wanted, this and all that follow, as if they were one.
async fn pages(client: &Client, filters: &Filters, after: Option<String>) -> Result<Value, Unanswered> {
    let mut whole = client.get(&filters.path(after)).await?;
    while filters.all
        && let Some(next) = whole["next"].as_str()
    {
        let mut page = client.get(&filters.path(Some(next.to_owned()))).await?;
        if let (Some(all), Some(more)) =
            (whole["connections"].as_array_mut(), page["connections"].as_array_mut())
        {
            all.append(more);
        }
        whole["matching"] = page["matching"].take();
        whole["next"] = page["next"].take();
    }
    Ok(whole)
}

impl Filters {
    fn path(&self, after: Option<String>) -> String {
        let Self { listener, client, state, min_age, sort, limit, after: _, all } = self;
        let texts = [("listener", listener), ("client", client), ("state", state), ("sort", sort)];
        let texts = texts.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        let min_age = min_age.map(|age| ("min_age", age.as_secs_f64().to_string()));
        let limit = limit.unwrap_or(if *all { LARGE_PAGE } else { PAGE });
        let after = after.map(|mark| ("after", mark));
        super::path(
            "/v1/connections",
            texts.chain(min_age).chain([("limit", limit.to_string())]).chain(after),
        )
    }

    /// Whether an id alone says where a page has ended: age goes by it too.
    fn is_by_id(&self) -> bool {
        self.sort.as_ref().is_none_or(|key| matches!(key.trim_start_matches('-'), "id" | "age"))
    }

    /// Where the page before has ended, as the service has it: the value that is sorted by, and the id.
    fn mark(&self) -> Result<Option<String>, Failure> {
        match &self.after {
            Some(id) if id.parse::<u64>().is_err() => Ok(Some(id.clone())),
            Some(id) if self.is_by_id() => Ok(Some(format!("0.{id}"))),
            Some(id) => Err(Failure::usage(
                format!("--after {id} does not say where the page before has ended"),
                "with this --sort, take what stands below that page, or its `next` in JSON",
            )),
            None => Ok(None),
        }
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
    table.text()
}

/// What to do to see the rest.
fn more(page: &Value, filters: &Filters) -> String {
    let Some(next) = page["next"].as_str() else { return String::new() };
    let next = next.strip_prefix("0.").filter(|_| filters.is_by_id()).unwrap_or(next);
    let shown = page["connections"].as_array().map_or(0, Vec::len);
    let left = page["matching"].as_u64().unwrap_or_default().saturating_sub(shown as u64);
    // How many stand before the page is not known.
    let left = if filters.after.is_none() { format!("{left} more") } else { "more".to_owned() };
    format!("… and {left}: --after {next}, or --all\n")
}
