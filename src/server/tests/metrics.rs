//! The table, the page and a scrape tell of the same metrics.

use std::collections::{BTreeMap, BTreeSet};

use super::documented::section;
use crate::Server;
use crate::telemetry::metrics::families::TABLE;
use crate::telemetry::metrics::family::{Family, Kind};

const METRICS: &str = include_str!("../../../docs/metrics.md");
const RULES: &str = include_str!("../../../dist/prometheus/terima.rules.yml");
const BOARD: &str = include_str!("../../../dist/grafana/terima.json");

fn all() -> impl Iterator<Item = &'static Family> {
    TABLE.iter().flat_map(|(_, families)| *families)
}

/// The row of the page for a family.
fn row(family: &Family) -> String {
    let Family { name, kind, labels, unit, meaning } = family;
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
    format!("| `{name}` | {kind} | {labels} | {unit} | {meaning} |")
}

#[test]
fn the_page_has_the_table() {
    for (heading, families) in TABLE {
        let told: Vec<&str> =
            section(METRICS, heading).lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = families.iter().map(row).collect();
        assert_eq!(told, expected, "{heading}; it should be:\n{}\n", expected.join("\n"));
    }
    assert_eq!(all().count(), 36);
}

/// The names of metrics in a text, as it writes them.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| ["terima_", "process_"].iter().any(|start| word.starts_with(start)))
        .collect()
}

#[test]
fn alerts_board_and_page_name_what_there_is() {
    let known: BTreeSet<String> = all()
        .flat_map(|family| match family.kind {
            Kind::Histogram => {
                ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", family.name)).to_vec()
            }
            _ => vec![family.name.to_owned()],
        })
        .chain(all().map(|family| family.name.to_owned()))
        .collect();
    for (text, least) in [(RULES, 15), (BOARD, 28), (METRICS, 36)] {
        let named = names(text);
        assert!(named.len() >= least, "{named:?}");
        for name in named {
            assert!(known.contains(name), "{name}");
        }
    }
    // Every one but what only tells what runs is on the board.
    let board = names(BOARD);
    for family in all().filter(|family| family.name != "terima_build_info") {
        let shown = match family.kind {
            Kind::Histogram => board.contains(&*format!("{}_bucket", family.name)),
            _ => board.contains(family.name),
        };
        assert!(shown, "{}", family.name);
    }
}

#[test]
fn names_follow_prometheus() {
    let mut names = BTreeSet::new();
    for family in all() {
        let Family { name, kind, labels, unit, meaning } = family;
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.starts_with("terima_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        for unit_of_base in ["seconds", "bytes"] {
            assert_eq!(name.contains(unit_of_base), *unit == unit_of_base, "{name} in {unit}");
        }
        assert!(meaning.ends_with('.') && !meaning.contains('|'), "{name}: {meaning}");
        let mut known = ["listener", "reason", "class", "address", "direction", "state"]
            .into_iter()
            .chain(["file", "outcome", "version", "os", "arch"]);
        assert!(labels.iter().all(|label| known.any(|known| known == *label)), "{name}: {labels:?}");
    }
}

/// A server with limits, and a list in a file.
async fn scraped() -> String {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("deny.txt");
    std::fs::write(&list, "192.0.2.0/24").unwrap();
    let text = "[server]\nmax_connections = 100\n\
                [[listener]]\nname = \"a.b\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\nlimits.connections = 10\n";
    let text = format!("{text}access.deny_file = '{}'\n", list.display());
    Server::builder().parse(&text).unwrap().start().await.unwrap().metrics()
}

#[tokio::test]
async fn a_scrape_has_every_family_and_no_other() {
    let text = scraped().await;
    let mut told = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        if (words.next(), words.next()) == (Some("#"), Some("TYPE")) {
            told.insert(words.next().unwrap(), words.next().unwrap());
        }
    }
    // Only the binary has a log of its own.
    let elsewhere = |name: &str| match name {
        "terima_log_lines_lost_total" => true,
        "process_max_fds" => !cfg!(unix),
        "process_open_fds" | "process_resident_memory_bytes" | "process_start_time_seconds" => {
            !cfg!(any(target_os = "linux", windows))
        }
        name => name.starts_with("terima_accept_queue") && !cfg!(target_os = "linux"),
    };
    let expected: BTreeMap<&str, String> = all()
        .filter(|family| !elsewhere(family.name))
        .map(|family| (family.name, family.kind.to_string()))
        .collect();
    let told: BTreeMap<&str, String> = told.into_iter().map(|(name, kind)| (name, kind.to_owned())).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn samples_have_the_labels_of_their_family_and_are_there_once() {
    let text = scraped().await;
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        assert!(seen.insert(series), "{series} is there twice");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let family = all()
            .find(|family| match family.kind {
                Kind::Histogram => ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|suffix| name.strip_suffix(suffix) == Some(family.name)),
                _ => name == family.name,
            })
            .unwrap_or_else(|| panic!("{line}"));
        let mut expected = family.labels.to_vec();
        expected.extend(name.ends_with("_bucket").then_some("le"));
        let told: Vec<&str> = labels
            .trim_end_matches('}')
            .split("\",")
            .filter_map(|pair| pair.split_once("=\"").map(|(name, _)| name))
            .collect();
        assert_eq!(told, expected, "{line}");
        if family.labels.contains(&"listener") {
            assert!(labels.starts_with("listener=\"a.b\""), "{line}");
        }
    }
    assert!(seen.len() > 80, "{text}");
}
