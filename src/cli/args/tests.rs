use std::path::Path;

use super::*;
use crate::config::{AdHoc, TypedOption};

fn task(line: &str) -> Task {
    Arguments::try_parse_from(line.split(' ')).unwrap().into_task().unwrap()
}

fn refused(line: &str) -> String {
    let arguments = Arguments::try_parse_from(line.split(' '));
    arguments.and_then(Arguments::into_task).map(|task| panic!("{line}: {task:?}")).unwrap_err().to_string()
}

fn source(line: &str) -> Source {
    match task(line) {
        Task::Run(source) | Task::Check { source, .. } | Task::Health { source, .. } => source,
        other => panic!("{line}: {other:?}"),
    }
}

fn ad_hoc(line: &str) -> (AdHoc, bool, Vec<String>) {
    match source(line) {
        Source { configuration: Configuration::AdHoc { listener, once }, set } => (listener, once, set),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn run_is_the_default() {
    for line in ["terima", "terima run", "terima run --config a.toml", "terima --config a.toml"] {
        assert!(matches!(task(line), Task::Run(_)), "{line}");
    }
    assert!(matches!(task("terima check"), Task::Check { json: false, .. }));
}

#[test]
fn config_may_stand_on_either_side() {
    for line in ["terima -c a.toml check", "terima check --config a.toml", "terima --config=a.toml health"] {
        match source(line).configuration {
            Configuration::File(file) => assert_eq!(file, Path::new("a.toml"), "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn assignments_of_both_sides_are_kept_in_order() {
    assert_eq!(source("terima --set a=1 run --set b.c=2=3 --set d=").set, ["a=1", "b.c=2=3", "d="]);
}

#[test]
fn what_is_no_assignment_is_refused() {
    for typed in ["--set=port", "--set==1", "--set= =1"] {
        assert!(Arguments::try_parse_from(["terima", typed]).is_err(), "{typed}");
    }
}

#[test]
fn what_a_subcommand_has_no_use_for_is_refused() {
    for line in [
        "terima --config a.toml serve echo :7",
        "terima --config a.toml init",
        "terima --set a=1 init",
        "terima --set a=1 man",
        "terima -c a.toml completions bash",
        "terima health --timeout soon",
    ] {
        assert!(refused(line).starts_with("error: "), "{line}");
    }
}

#[test]
fn the_options_of_a_handler_stand_among_the_others() {
    let option = |flag: &str, key_at, value: Option<&str>| TypedOption {
        flag: flag.to_owned(),
        key_at,
        value: value.map(str::to_owned),
    };
    for line in [
        "terima --set a=1 serve quote :17 --codec lines --once --set b=2 --file a=b --loud --codec-max-frame=1KiB",
        "terima --set a=1 serve quote :17 --file a=b --codec lines --loud --set b=2 --codec-max-frame 1KiB --once",
        "terima --set a=1 serve quote --codec bytes :17 --file=a=b --loud --codec=lines --codec-max-frame 1KiB -sb=2 --once",
        "terima --set a=1 serve --once --once quote :17 --file a=b --once --loud --codec-max-frame 1KiB -s b=2 --codec lines",
    ] {
        let (listener, once, set) = ad_hoc(line);
        assert_eq!((listener.handler.name.as_str(), listener.address.as_str()), ("quote", ":17"), "{line}");
        assert_eq!(
            listener.handler.options,
            [option("--file", 2, Some("a=b")), option("--loud", 2, None)],
            "{line}"
        );
        let codec = listener.codec.unwrap();
        assert_eq!(codec.name, "lines", "{line}");
        assert_eq!(codec.options, [option("--codec-max-frame", 8, Some("1KiB"))], "{line}");
        assert!(once, "{line}");
        assert_eq!(set, ["a=1", "b=2"], "{line}");
    }
}

#[test]
fn a_value_may_begin_with_a_sign() {
    let (listener, ..) = ad_hoc("terima serve x :7 --a -5 --b - --c --d=-e");
    let values: Vec<_> = listener.handler.options.iter().map(|option| option.value.as_deref()).collect();
    assert_eq!(values, [Some("-5"), Some("-"), None, Some("-e")]);
}

#[test]
fn what_serve_has_no_use_for_is_refused() {
    for (line, word) in [
        ("terima serve", "<HANDLER>"),
        ("terima serve echo", "<ADDRESS>"),
        ("terima serve echo :7 more", "'more'"),
        ("terima serve echo :7 --file a b", "'b'"),
        ("terima serve echo :7 --file a -x", "'-x'"),
        ("terima serve echo :7 --file a -- b", "'--'"),
        ("terima serve echo :7 --codec-max-frame 1KiB", "--codec CODEC"),
        ("terima serve echo :7 --file a --codec", "--codec"),
        ("terima serve echo :7 --file a --once=x", "--once"),
        ("terima serve echo :7 --file a --set b", "KEY=VALUE"),
    ] {
        let message = refused(line);
        assert!(message.starts_with("error: ") && message.contains(word), "{line}: {message}");
    }
}

#[test]
fn help_may_be_asked_for_behind_the_options_of_a_handler() {
    for line in ["terima serve echo :7 --file a --help", "terima serve echo :7 --loud -h"] {
        assert!(refused(line).contains("<HANDLER> <ADDRESS>"), "{line}");
    }
}
