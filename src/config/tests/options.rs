//! What a handler's factory reads of its options.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::{Choice, Faults, FilePath, NoOptions, Overrides, Size, read};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shout {
    mark: String,
    #[serde(default)]
    times: u8,
    max_frame: Option<Size>,
    #[serde(default)]
    voice: Voice,
    #[serde(default)]
    words: BTreeMap<String, Vec<f64>>,
}

#[derive(Debug, PartialEq, Default, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Voice {
    #[default]
    Low,
    High(u8),
    Mixed {
        low: u8,
    },
}

/// The handler of a file with one listener, whose handler is as written, and the faults so far.
fn handler(handler: &str) -> (Choice, Faults) {
    let text = format!("[[listener]]\nname = \"x\"\naddress = \"127.0.0.1:7\"\nhandler = {handler}\n");
    let (config, faults) = read("server.toml", &text, &Overrides::default());
    (config.listeners[0].handler.clone(), faults)
}

fn said(faults: Faults) -> Vec<String> {
    faults.into_problems().iter().map(ToString::to_string).collect()
}

#[test]
fn options_are_read_without_their_type() {
    let (choice, mut faults) = handler(
        r#"{ type = "shout", mark = "!", max_frame = "1KiB", voice = { high = 3 }, words = { a = [1.0, 2.5] } }"#,
    );
    assert_eq!(choice.name, "shout");
    let read: Shout = choice.options.read(&mut faults).unwrap();
    let words = BTreeMap::from([("a".to_owned(), vec![1.0, 2.5])]);
    let max_frame = Some(Size::of(1024));
    assert_eq!(read, Shout { mark: "!".to_owned(), times: 0, max_frame, voice: Voice::High(3), words });
    assert!(faults.is_empty());

    let (choice, mut faults) = handler(r#"{ type = "shout", mark = "", voice = { mixed = { low = 1 } } }"#);
    assert_eq!(choice.options.read::<Shout>(&mut faults).unwrap().voice, Voice::Mixed { low: 1 });
}

#[test]
fn all_faults_of_options_are_noted() {
    let (choice, mut faults) = handler(
        r#"{ type = "shout", mrak = "!", times = 300, max_frame = 1, voice = "hihg", words = { a = [1.0, "2"] } }"#,
    );
    assert_eq!(choice.options.read::<Shout>(&mut faults), None);
    assert_eq!(
        said(faults),
        [
            "server.toml:4:11: the option `mark` is missing",
            "server.toml:4:29: unknown option `mrak` (did you mean `mark`?)",
            "server.toml:4:49: expected u8, found the number `300`",
            "server.toml:4:66: expected a size with its unit, as \"512B\", \"64KiB\" or \"1MiB\", found the number `1`",
            "server.toml:4:77: unknown value `hihg` (did you mean `high`?)",
            "server.toml:4:105: expected f64, found the string `2`",
        ]
    );
}

#[test]
fn an_option_at_fault_is_not_missed_as_well() {
    let (choice, mut faults) = handler(r#"{ type = "shout", mark = 7 }"#);
    assert_eq!(choice.options.read::<Shout>(&mut faults), None);
    assert_eq!(said(faults), ["server.toml:4:36: expected a string, found the number `7`"]);
}

#[test]
fn a_name_alone_has_no_options() {
    let (choice, mut faults) = handler("\"echo\"");
    assert_eq!(choice.options.read::<NoOptions>(&mut faults), Some(NoOptions {}));
    assert_eq!(choice.options.read::<Shout>(&mut faults), None);
    assert_eq!(said(faults), ["server.toml:4:11: the option `mark` is missing"]);
}

#[test]
fn what_has_no_options_refuses_any() {
    let (choice, mut faults) = handler(r#"{ type = "echo", mark = "!" }"#);
    assert_eq!(choice.options.read::<NoOptions>(&mut faults), None);
    faults.at(choice.span, "unknown handler `echo`").help("known handlers: `discard`");
    assert_eq!(
        said(faults),
        [
            "server.toml:4:20: unknown handler `echo` (known handlers: `discard`)",
            "server.toml:4:28: unknown option `mark` (there is no option here)",
        ]
    );
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reads {
    file: Option<FilePath>,
}

#[test]
fn a_relative_path_is_relative_to_where_it_is_written() {
    let table = [
        ("/etc/terima/server.toml", "quotes.txt", None, "/etc/terima/quotes.txt"),
        ("/etc/terima/server.toml", "/srv/quotes.txt", None, "/srv/quotes.txt"),
        ("config/server.toml", "../quotes.txt", None, "config/../quotes.txt"),
        ("server.toml", "quotes.txt", None, "quotes.txt"),
        ("/etc/terima/server.toml", "quotes.txt", Some("mine.txt"), "mine.txt"),
    ];
    for (origin, written, set, expected) in table {
        let text = format!(
            "[[listener]]\nname = \"x\"\naddress = \"127.0.0.1:7\"\nhandler = {{ type = \"y\", file = '{written}' }}\n"
        );
        let overrides = Overrides::default();
        let overrides = match set {
            Some(path) => overrides.set(&format!("listener.x.handler.file={path}")),
            None => overrides,
        };
        let (config, mut faults) = read(origin, &text, &overrides);
        let options: Reads = config.listeners[0].handler.options.read(&mut faults).unwrap();
        assert_eq!(options.file.unwrap().as_path(), std::path::Path::new(expected), "{origin}, {written}");
    }
}

#[test]
fn a_path_is_a_string_that_is_not_empty() {
    for (value, message) in
        [("\"\"", "a path must not be empty"), ("7", "expected the path of a file, found the number `7`")]
    {
        let (choice, mut faults) = handler(&format!("{{ type = \"y\", file = {value} }}"));
        assert!(choice.options.read::<Reads>(&mut faults).is_none());
        let said = said(faults);
        assert!(said.len() == 1 && said[0].contains(message), "{said:?}");
    }
}
