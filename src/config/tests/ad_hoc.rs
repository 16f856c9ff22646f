//! A listener that is typed on the command line.

use serde::Deserialize;

use super::written;
use crate::config::{AdHoc, Config, Faults, FilePath, Overrides, Size, Typed, TypedOption, read_ad_hoc};

fn option(typed: &str) -> TypedOption {
    let (flag, value) = match typed.split_once(' ') {
        Some((flag, value)) => (flag, Some(value.to_owned())),
        None => (typed, None),
    };
    let key_at = if flag.starts_with("--codec-") { "--codec-".len() } else { "--".len() };
    TypedOption { flag: flag.to_owned(), key_at, value }
}

fn listener(handler: &str, address: &str, options: &[&str]) -> AdHoc {
    let options = options.iter().map(|typed| option(typed)).collect();
    let handler = Typed { name: handler.to_owned(), options };
    AdHoc { handler, address: address.to_owned(), codec: None }
}

fn read(listener: &AdHoc, overrides: &Overrides) -> Config {
    let (config, faults) = read_ad_hoc(listener, overrides);
    assert!(faults.is_empty(), "{}", faults.into_problems());
    config
}

/// What a handler with these options would make of them, or its problems.
fn options(typed: &[&str]) -> Result<Options, Vec<String>> {
    let (config, mut faults) = read_ad_hoc(&listener("x", ":7", typed), &Overrides::default());
    let options = config.listeners[0].handler.options.read(&mut faults);
    if faults.is_empty() { Ok(options.unwrap()) } else { Err(lines(faults)) }
}

fn lines(faults: Faults) -> Vec<String> {
    faults.into_problems().iter().map(ToString::to_string).collect()
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Options {
    file: Option<FilePath>,
    text: String,
    count: u16,
    max_size: Option<Size>,
    loud: bool,
    words: Vec<String>,
}

#[test]
fn it_is_called_as_its_handler_and_listens_where_it_is_told() {
    for (handler, address, name, addresses) in [
        ("echo", ":7", "echo", &[":7"][..]),
        ("my.app-2", "[::1]:7", "my.app-2", &["[::1]:7"]),
        ("my app", "localhost:7", "serve", &["localhost:7"]),
        ("echo", "[\"127.0.0.1:7\", \"[::1]:7\"]", "echo", &["127.0.0.1:7", "[::1]:7"]),
    ] {
        let config = read(&listener(handler, address, &[]), &Overrides::default());
        assert_eq!(&*config.listeners[0].name, name);
        assert_eq!(config.listeners[0].handler.name, handler);
        assert_eq!(written(&config.listeners[0].addresses), addresses);
        assert!(config.listeners[0].codec.is_none());
    }
}

#[test]
fn other_keys_are_set_as_over_a_file() {
    let variable = ("TERIMA__LISTENER__ECHO__LIMITS__CONNECTIONS".to_owned(), "7".to_owned());
    let overrides =
        Overrides::default().env([variable]).set("listener.echo.timeouts.idle=off").set("server.workers=2");
    let config = read(&listener("echo", ":7", &[]), &overrides);
    assert_eq!(config.listeners[0].limits.connections, Some(7));
    assert_eq!(config.listeners[0].timeouts.idle, None);
    assert_eq!(config.server.workers, Some(2));
}

#[test]
fn a_codec_has_options_too() {
    let codec = Typed { name: "lines".to_owned(), options: vec![option("--codec-max-frame 4KiB")] };
    let config = read(&AdHoc { codec: Some(codec), ..listener("echo", ":7", &[]) }, &Overrides::default());
    let codec = config.listeners[0].codec.as_ref().unwrap();
    assert_eq!(
        (codec.name.as_str(), codec.options.to_string().as_str()),
        ("lines", "{ max_frame = \"4KiB\" }")
    );
}

#[test]
fn what_looks_like_a_number_is_a_text_where_a_text_is_wanted() {
    let read = options(&["--file 2024", "--text true", "--count 5", "--max-size 4KiB", "--loud"]).unwrap();
    assert_eq!(read.file.unwrap().as_path().to_str(), Some("2024"));
    assert_eq!((read.text.as_str(), read.count, read.loud), ("true", 5, true));
    assert_eq!(read.max_size.map(Size::bytes), Some(4096));
    let words = ["a".to_owned(), "1.50".to_owned()];
    for (typed, text) in
        [("--text 1.50", "1.50"), ("--text \"5\"", "5"), ("--text  a b ", " a b "), ("--text ", "")]
    {
        assert_eq!(
            options(&[typed, "--words [\"a\", 1.50]"]).map(|read| (read.text, read.words)),
            Ok((text.to_owned(), words.to_vec())),
            "{typed:?}"
        );
    }
}

#[test]
fn problems_are_told_of_what_was_typed() {
    for (typed, problem) in [
        ("--flie a", "--flie: unknown option `flie` (did you mean `file`?)"),
        ("--max-szie 1", "--max-szie: unknown option `max_szie` (did you mean `max_size`?)"),
        ("--file", "--file: expected the path of a file, found the boolean `true`"),
        ("--count many", "--count: expected u16, found the string `many`"),
        ("--type y", "--type: unknown option `type` (the name stands without one)"),
    ] {
        assert_eq!(options(&[typed]), Err(vec![problem.to_owned()]), "{typed}");
    }
}

#[test]
fn the_last_of_several_counts() {
    assert_eq!(options(&["--count 1", "--count 2"]).unwrap().count, 2);
}
