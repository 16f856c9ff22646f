//! `docs/configuration.md` is what `config/server.toml` says, for reading.
//!
//! With `TERIMA_UPDATE_FIXTURES` set, it is written anew.

use std::fs;
use std::path::Path;

const SERVER: &str = include_str!("../../../config/server.toml");

const HEAD: &str = "\
# server.toml

Every key, its default and what it means. The same text stands as comments in [`config/server.toml`](../config/server.toml),
which this page is made from; `terima init` writes that file, and `terima check` tells what a file of yours means.
";

#[test]
fn the_reference_says_what_the_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let expected = reference();
    if std::env::var_os("TERIMA_UPDATE_FIXTURES").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    assert!(found == expected, "run the tests once with TERIMA_UPDATE_FIXTURES=1");
}

/// What a block of lines between two empty ones is about.
#[derive(Default)]
struct Block<'a> {
    comment: Vec<&'a str>,
    keys: Vec<(&'a str, &'a str)>,
}

fn reference() -> String {
    let (_, text) = SERVER.split_once("\n#\n").unwrap();
    let (head, listeners) = text.split_once("\n# Sends every line back.").unwrap();
    let mut page = HEAD.to_owned();
    let mut table = "";
    let mut optional = false;
    for text in head.split("\n\n") {
        let mut block = Block::default();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("# ── ") {
                page += &format!("\n## {}\n", title.trim_end_matches('─').trim());
            } else if let Some(name) = line.strip_prefix("#[").or(line.strip_prefix('[')) {
                table = name.trim_end_matches(']');
                optional = line.starts_with('#');
            } else if let Some(comment) = line.strip_prefix("# ") {
                block.comment.push(comment);
            } else if line == "#" {
                block.comment.push("");
            } else if let Some((key, value)) = line.split_once(" = ") {
                block.keys.push((key.trim(), value));
            }
        }
        page += &block.page(table, optional);
    }
    page += "\nThe listeners of the shipped file:\n\n```toml\n# Sends every line back.";
    page += listeners.trim_end();
    page += "\n```\n";
    page
}

impl Block<'_> {
    /// In an optional table one mark stands before every key, and two before one that has no default.
    fn page(&self, table: &str, optional: bool) -> String {
        let path = |key: &str| {
            let key = key.trim_start_matches('#');
            // What stands in [defaults] is for listeners.
            if table == "defaults" { format!("`{key}`") } else { format!("`{table}.{key}`") }
        };
        let mark = if optional { "##" } else { "#" };
        let default = |(key, value): &(&str, &str)| match key.strip_prefix(mark) {
            Some(_) => format!("none; for example `{value}`"),
            None => format!("`{value}`"),
        };
        let mut page = String::new();
        if !self.keys.is_empty() {
            let paths: Vec<_> = self.keys.iter().map(|(key, _)| path(key)).collect();
            let mut defaults: Vec<_> = self.keys.iter().map(default).collect();
            defaults.dedup();
            page += &format!("\n### {}\n\nDefault: {}\n", paths.join(", "), defaults.join(", "));
        }
        page + &prose(&self.comment)
    }
}

/// Comments as paragraphs; what is set in by spaces keeps its lines.
fn prose(comment: &[&str]) -> String {
    let mut page = String::new();
    for block in comment.chunk_by(|one, next| one.starts_with("  ") == next.starts_with("  ")) {
        let text = block.join("\n");
        page += &match text.starts_with("  ") {
            true => format!("\n```text\n{text}\n```\n"),
            false => format!("\n{}\n", text.trim_matches('\n')),
        };
    }
    page.replace("\n\n\n", "\n")
}
