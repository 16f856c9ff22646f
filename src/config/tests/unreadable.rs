//! Files that are not there, not text, or not meant well.

use std::fs;

use proptest::prelude::*;

use super::problems;
use crate::config::{Overrides, read, read_file};

fn said_of(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    fs::write(&path, content).unwrap();
    let (_, faults) = read_file(&path, &Overrides::default());
    faults.into_problems().to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let (_, faults) = read_file(&path, &Overrides::default());
    let problems = faults.into_problems();
    assert_eq!(problems.len(), 1);
    let problem = problems.iter().next().unwrap();
    assert_eq!(problem.origin(), path.display().to_string());
    assert_eq!((problem.line(), problem.column(), problem.help()), (None, None, None));
    assert!(problem.reason().starts_with("the file cannot be read: "), "{problem}");
    assert!(problems.to_string().starts_with("error: the file cannot be read: "), "{problems}");
    assert!(problems.to_string().contains("none.toml"), "{problems}");
}

#[test]
fn what_is_not_utf8_is_shown() {
    assert_eq!(
        said_of(b"[server]\nx = \"a\xffb\"\n"),
        "\
error: this is not UTF-8
 --> FILE:2:7
  |
2 | x = \"a\u{fffd}b\"
  |       ^
  |
  = help: save the file as UTF-8"
    );
}

#[test]
fn a_file_has_a_largest_size() {
    assert_eq!(
        said_of(&vec![b'\n'; (4 << 20) + 1]),
        "error: the file is larger than 4 MiB\n--> FILE\n = help: is it the right one?"
    );
    assert!(said_of(&vec![b'\n'; 4 << 20]).contains("there is no listener"));
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let said = said_of("\u{feff}x = 1".as_bytes());
    assert!(said.contains("--> FILE:1:1\n"), "{said}");
}

#[test]
fn deep_nesting_is_refused() {
    for text in [
        format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}", "{a = ".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
    ] {
        assert!(!problems(&text, &Overrides::default()).is_empty());
    }
    assert!(!problems("", &Overrides::default().set(&format!("{}a=1", "a.".repeat(100_000)))).is_empty());
}

#[test]
fn many_faults_are_cut_short() {
    let text: String = (0..1000).map(|number| format!("key{number} = 1\n")).collect();
    let (_, faults) = read("server.toml", &text, &Overrides::default());
    let problems = faults.into_problems();
    assert_eq!(problems.len(), 100);
    assert!(problems.to_string().ends_with("\n\n… and more than these 100 problems"));
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("[server]\nx = {{ a = \"{0}\", b = 1 }} # {0}", "x".repeat(1 << 20));
    let said = problems(&text, &Overrides::default()).join("");
    assert!(said.len() < 1000);
    let (_, faults) = read("server.toml", &text, &Overrides::default());
    assert!(faults.into_problems().to_string().len() < 2000);
}

#[test]
fn colour_is_for_terminals() {
    let (_, faults) = read("server.toml", "x = 1", &Overrides::default());
    let problems = faults.into_problems();
    assert!(problems.render(true).contains("\u{1b}["));
    assert!(!problems.render(false).contains('\u{1b}'));
    assert_eq!(format!("{problems:?}"), problems.to_string());
}

/// Fragments that parsers and resolvers take different ways for.
const FRAGMENTS: &str = "(\\[\\[listener\\]\\]\n|\\[server\\]\n|\\[defaults\\.limits\\]\n|name|address|handler|codec|type|\
                         limits|timeouts|input|idle|workers| = |=|\\.|\"[ -~]{0,8}\"|\"\"\"|\\{|\\}|\\[|\\]|,|\n|[0-9]{1,20}|\
                         64KiB|127\\.0\\.0\\.1:7|\\PC|[\u{0}-\u{9f}]){0,40}";

proptest! {
    #[test]
    fn no_text_is_too_odd(text in FRAGMENTS, assignment in FRAGMENTS, name in "[A-Z_]{0,20}", any in any::<String>()) {
        for text in [&text, &any] {
            let variable = (format!("TERIMA__{name}"), assignment.clone());
            let overrides = Overrides::default().set(&assignment).set(&format!("listener.{assignment}")).env([variable]);
            let (config, mut faults) = read("server.toml", text, &overrides);
            for listener in &config.listeners {
                let _ = listener.handler.options.read::<crate::config::NoOptions>(&mut faults);
            }
            if !faults.is_empty() {
                let said = faults.into_problems().to_string();
                prop_assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
            }
        }
    }
}
