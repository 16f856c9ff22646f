//! What `docs/` says there is, is all that there is.

use std::collections::BTreeSet;

use crate::Server;
use crate::codec::{
    ChunksOptions, CobsOptions, DelimitedOptions, FixedOptions, LengthOptions, LinesOptions, MllpOptions,
    NetstringOptions, OctetCountedOptions, SlipOptions, VarintOptions,
};
use crate::config::keys_of;
use crate::connection::EndReason;
use crate::handler::QuoteOptions;

const HANDLERS: &str = include_str!("../../../docs/handlers.md");
const CODECS: &str = include_str!("../../../docs/codecs.md");
const OPERATING: &str = include_str!("../../../docs/operating.md");

/// The words in backquotes that begin the rows of tables.
fn rows(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("| ")?.split('`').nth(1)).collect()
}

/// The part of a page under a heading.
pub(super) fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, section) =
        page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    section.split("\n## ").next().unwrap_or(section)
}

/// The examples of a page that are a configuration, or a section of one.
fn configurations(page: &str) -> impl Iterator<Item = &str> {
    let blocks = page.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.filter(|block| block.starts_with('[') && !block.starts_with("[dependencies]"))
}

#[test]
fn every_example_of_a_configuration_is_one() {
    let mut count = 0;
    for (name, page) in [
        ("README", include_str!("../../../README.md")),
        ("handlers", HANDLERS),
        ("codecs", CODECS),
        ("migrating", include_str!("../../../docs/migrating.md")),
        ("operating", OPERATING),
        ("systemd", include_str!("../../../docs/systemd.md")),
        ("proxy-protocol", include_str!("../../../docs/proxy-protocol.md")),
    ] {
        for example in configurations(page) {
            let rest = match example.contains("[[listener]]") {
                true => "",
                false => "\n[[listener]]\nname = \"rest\"\naddress = \":0\"\nhandler = \"echo\"\n",
            };
            let parsed = Server::builder().parse(&format!("{example}{rest}"));
            let unix = cfg!(unix) || !(example.contains("unix:") || example.contains("systemd:"));
            assert!(parsed.is_ok() || !unix, "{name}: {}\n{example}", parsed.unwrap_err());
            count += 1;
        }
    }
    assert_eq!(count, 8);
}

#[test]
fn every_handler_and_codec_has_a_section() {
    let builder = Server::builder();
    let (handlers, codecs) = builder.names();
    assert_eq!((handlers.len(), codecs.len()), (6, 11));
    for (page, names) in [(HANDLERS, handlers), (CODECS, codecs)] {
        let told = rows(page);
        for name in names {
            assert!(told.contains(name), "{name}");
            section(page, name);
        }
    }
}

#[test]
fn every_option_has_a_row() {
    for (page, name, keys) in [
        (HANDLERS, "quote", keys_of::<QuoteOptions>()),
        (CODECS, "bytes", keys_of::<ChunksOptions>()),
        (CODECS, "lines", keys_of::<LinesOptions>()),
        (CODECS, "delimited", keys_of::<DelimitedOptions>()),
        (CODECS, "length", keys_of::<LengthOptions>()),
        (CODECS, "fixed", keys_of::<FixedOptions>()),
        (CODECS, "netstring", keys_of::<NetstringOptions>()),
        (CODECS, "varint", keys_of::<VarintOptions>()),
        (CODECS, "octet_counted", keys_of::<OctetCountedOptions>()),
        (CODECS, "mllp", keys_of::<MllpOptions>()),
        (CODECS, "slip", keys_of::<SlipOptions>()),
        (CODECS, "cobs", keys_of::<CobsOptions>()),
    ] {
        let told: Vec<&str> = rows(section(page, name)).into_iter().collect();
        for key in keys {
            assert!(told.contains(key), "{name}: {key}");
        }
        assert!(!keys.is_empty());
    }
}

#[test]
fn every_end_reason_and_every_field_has_a_row() {
    let told = rows(OPERATING);
    let words = |text: &'static str, before: &str| {
        text.lines()
            .filter(|line| line.contains(before))
            .filter_map(|line| line.split('"').nth(1))
            .collect::<Vec<_>>()
    };
    let reasons = words(include_str!("../../connection/end.rs"), "=> \"");
    assert_eq!(EndReason::ALL.map(EndReason::as_str).to_vec(), reasons);
    for reason in reasons {
        assert!(told.contains(reason), "{reason}");
    }
    let fields =
        include_str!("../../telemetry/access.rs").split_once("target: \"terima::access\",").unwrap().1;
    let fields: Vec<&str> = fields
        .lines()
        .map(|line| line.trim().trim_end_matches(',').split(" =").next().unwrap_or_default())
        .take_while(|field| !field.starts_with(')'))
        .filter(|field| !field.is_empty())
        .collect();
    assert_eq!(fields.len(), 15);
    for field in fields {
        assert!(OPERATING.contains(&format!("`{field}`")), "{field}");
    }
}

#[cfg(feature = "cli")]
#[test]
fn every_exit_code_and_every_variable_has_a_row() {
    for code in ["0", "1", "64", "69", "75"] {
        assert!(OPERATING.contains(&format!("\n| {code} | ")), "{code}");
    }
    for name in ["TERIMA_CONFIG", "TERIMA_LOG", "NO_COLOR", "RUST_BACKTRACE"] {
        assert!(rows(OPERATING).contains(name), "{name}");
    }
}
