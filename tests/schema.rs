//! The schema of `server.toml`: it takes every file that is right, and finds in those that are wrong whatever a schema can.
#![cfg(feature = "schema")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde::Deserialize;
use serde_json::{Value, json};
use terima::schemars::{self, JsonSchema};
use terima::{Builder, Connection, Framing, HandlerError, NoOptions, Server, Timeout, handler_fn};

const SERVER: &str = include_str!("../config/server.toml");
const CONTAINER: &str = include_str!("../config/container.toml");

/// What a handler of a program's own may have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "nothing is served")]
struct ShoutOptions {
    /// What every line ends with.
    mark: String,
    every: Option<Timeout>,
    #[serde(default = "once")]
    times: u8,
    #[serde(default)]
    voice: Option<Voice>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "nothing is served")]
enum Voice {
    Low,
    High(u32),
}

fn once() -> u8 {
    1
}

/// Registers a handler that takes these options and does nothing.
fn with<O: serde::de::DeserializeOwned>(builder: Builder, name: &str) -> Builder {
    builder.handler(name, |_: O| Ok(handler_fn(|_: Connection<Framing>| async { Ok::<_, HandlerError>(()) })))
}

fn shouting() -> Builder {
    with::<ShoutOptions>(Server::builder(), "shout").describe::<ShoutOptions>()
}

fn validator(builder: &Builder) -> Validator {
    let schema = builder.schema();
    jsonschema::draft7::meta::validate(schema.as_value()).unwrap();
    jsonschema::draft7::new(schema.as_value()).unwrap()
}

fn read(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

/// Where the schema finds faults.
fn faults(validator: &Validator, text: &str) -> BTreeSet<String> {
    validator.iter_errors(&read(text)).map(|error| error.instance_path().to_string()).collect()
}

/// A file with one listener, whose handler is as written.
fn handled_by(handler: &str) -> String {
    format!("[[listener]]\nname = 'x'\naddress = ':7'\nhandler = {handler}\n")
}

#[test]
fn the_shipped_files_are_right() {
    let validator = validator(&Server::builder());
    // What stands behind a mark is a key too.
    let marked = SERVER.lines().filter(|line| line.starts_with('#') && !line.starts_with("# "));
    let marked = marked.filter(|line| line.contains(" = ") || line.starts_with("#[")).collect::<Vec<_>>();
    assert!(marked.len() >= 5, "{marked:?}");
    let whole = marked
        .iter()
        .fold(SERVER.to_owned(), |text, line| text.replacen(line, line.trim_start_matches('#'), 1));
    for text in [SERVER, CONTAINER, &whole] {
        assert_eq!(faults(&validator, text), BTreeSet::new());
    }
}

/// Fixtures that have no fault, or one that no schema can tell: what is there twice, or does not fit something else.
const RIGHT: [&str; 12] = [
    "access_useless",
    "activated",
    "admin_unix",
    "admin_useless",
    "duplicate_address",
    "duplicate_name",
    "flush_at",
    "lacking",
    "proxy_protocol_nobody",
    "useless_socket",
    "valid",
    "wildcard",
];

/// Fixtures that are no TOML.
const UNREADABLE: [&str; 4] = ["control", "syntax", "syntax_header", "syntax_twice"];

/// Where the others are wrong. A key that is unknown or missing is a fault of its table. The schema does not see that
/// bits beyond a prefix in access and proxy_protocol, `flush_at` in bad_size, and `idle` and `half_close` in bad_duration, are too large.
const WRONG: [(&str, &[&str]); 20] = [
    (
        "access",
        &[
            "/defaults/access/allow_users",
            "/defaults/access/deny/1",
            "/defaults/access/deny/2",
            "/listener/0/access",
            "/listener/0/access/allow",
            "/listener/0/access/deny/0",
            "/listener/1/access/allow/0",
            "/listener/1/access/allow/1",
            "/listener/1/access/dry_run",
        ],
    ),
    (
        "admin",
        &[
            "/admin",
            "/admin/connections",
            "/admin/hosts/0",
            "/admin/open/1",
            "/admin/remember",
            "/admin/timeout",
        ],
    ),
    ("admin_address", &["/admin/address"]),
    ("admin_socket", &["/admin/address"]),
    ("bad_activated", &["/admin/address", "/listener/0/address"]),
    (
        "bad_address",
        &["/listener/0/address", "/listener/1/address", "/listener/2/address", "/listener/3/name"],
    ),
    (
        "bad_duration",
        &[
            "/defaults/timeouts/establish",
            "/defaults/timeouts/first_frame",
            "/defaults/timeouts/frame",
            "/defaults/timeouts/lifetime",
            "/defaults/timeouts/lifetime_jitter",
            "/defaults/timeouts/write",
        ],
    ),
    ("bad_size", &["/defaults/limits/input", "/defaults/limits/output"]),
    (
        "bad_socket",
        &[
            "/defaults/socket/mode",
            "/listener/0/socket",
            "/listener/0/socket/backlog",
            "/listener/0/socket/fast_open",
            "/listener/0/socket/keepalive",
            "/listener/0/socket/mode",
            "/listener/0/socket/only_v6",
            "/listener/0/socket/owner",
            "/listener/0/socket/receive_buffer",
            "/listener/0/socket/send_buffer",
            "/server/group",
            "/server/user",
        ],
    ),
    ("control_c1", &["/server"]),
    (
        "missing",
        &[
            "/listener/0",
            "/listener/0/codec",
            "/listener/1/address",
            "/listener/1/handler",
            "/listener/1/name",
        ],
    ),
    ("no_listener", &[""]),
    ("one_bracket", &["/listener"]),
    (
        "proxy_protocol",
        &[
            "/defaults/proxy_protocol/trusted",
            "/listener/0/proxy_protocol/trusted/1",
            "/listener/0/proxy_protocol/trusted/2",
            "/listener/1/proxy_protocol",
            "/listener/2/proxy_protocol/trusted",
            "/listener/3/proxy_protocol",
        ],
    ),
    (
        "several",
        &[
            "/defaults",
            "/defaults/limits/input",
            "/defaults/timeouts/idle",
            "/defaults/timeouts/write",
            "/listener/0/address",
            "/listener/0/handler",
            "/listener/1",
            "/listener/1/codec",
            "/listener/1/limits/connections",
            "/listener/1/limits/when_full",
            "/log/access",
            "/log/format",
            "/server",
            "/server/drain_timeout",
            "/server/workers",
        ],
    ),
    ("unknown_key", &["/listener/0", "/listener/0/timeouts"]),
    ("unknown_section", &[""]),
    ("unknown_variant", &["/listener/0/limits/when_full", "/log/format"]),
    (
        "wrong_type",
        &[
            "/defaults/limits",
            "/defaults/timeouts/frame",
            "/listener/0/address",
            "/listener/0/handler",
            "/listener/0/name",
            "/server/lame_duck",
            "/server/max_connections",
            "/server/workers",
        ],
    ),
    (
        "zero",
        &[
            "/listener/0/limits/connections",
            "/listener/0/limits/input",
            "/listener/0/timeouts/idle",
            "/server/drain_timeout",
            "/server/max_connections",
            "/server/workers",
        ],
    ),
];

#[test]
fn every_fixture_is_refused_for_what_is_wrong_with_it() {
    let validator = validator(&shouting());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let wrong: BTreeMap<_, _> = WRONG.into_iter().collect();
    let mut seen = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        seen += 1;
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        if UNREADABLE.contains(&name) {
            assert!(toml::from_str::<Value>(&text).is_err(), "{name}");
            continue;
        }
        let expected = match wrong.get(name) {
            Some(expected) => *expected,
            None if RIGHT.contains(&name) => &[],
            None => panic!("{name} is new: add it to one of the lists above"),
        };
        assert_eq!(
            faults(&validator, &text),
            expected.iter().map(|path| (*path).to_owned()).collect(),
            "{name}"
        );
    }
    assert_eq!(seen, RIGHT.len() + UNREADABLE.len() + WRONG.len());
}

#[test]
fn the_shipped_codecs_and_handlers_have_their_options() {
    let validator = validator(&Server::builder());
    let table = [
        ("'echo'", true),
        ("{ type = 'echo' }", true),
        ("'quote'", true),
        ("{ type = 'quote', file = 'quotes.txt' }", true),
        ("'no such'", false),
        ("''", false),
        ("{}", false),
        ("{ type = 'no such' }", false),
        ("{ type = 'echo', file = 'quotes.txt' }", false),
        ("{ type = 'quote', fil = 'quotes.txt' }", false),
        ("{ type = 'quote', file = '' }", false),
        ("{ file = 'quotes.txt' }", false),
        ("['echo']", false),
    ];
    for (handler, right) in table {
        assert_eq!(validator.is_valid(&read(&handled_by(handler))), right, "{handler}");
        // `load` and the schema are of one mind, but that the file has to be there.
        if !handler.contains("'quotes.txt'") {
            assert_eq!(Server::builder().parse(&handled_by(handler)).is_ok(), right, "{handler}");
        }
    }
    let table = [
        ("'bytes'", true),
        ("{ type = 'lines', max_frame = '1KiB' }", true),
        (
            "{ type = 'length', width = 2, order = 'little', counts = 'frame', adjust = -1, keep_header = true }",
            true,
        ),
        ("{ type = 'lines', max_frame = '1KB' }", false),
        ("{ type = 'lines', width = 2 }", false),
        ("{ type = 'length', width = 9 }", false),
        ("{ type = 'length', width = 0 }", false),
        ("{ type = 'length', offset = 65536 }", false),
        ("{ type = 'length', adjust = 2147483648 }", false),
        ("{ type = 'length', order = 'Big' }", false),
        ("'echo'", false),
    ];
    for (codec, right) in table {
        let text = handled_by("'echo'") + "codec = " + codec;
        assert_eq!(validator.is_valid(&read(&text)), right, "{codec}");
        assert_eq!(Server::builder().parse(&text).is_ok(), right, "{codec}");
    }
}

#[test]
fn every_built_in_option_is_described_and_has_its_default() {
    let schema = Server::builder().schema();
    let listener = &schema.as_value()["properties"]["listener"]["items"]["properties"];
    let mut seen = Vec::new();
    for form in ["codec", "handler"].iter().flat_map(|noun| listener[noun]["anyOf"].as_array().unwrap()) {
        let name = form["title"].as_str().unwrap_or("a name alone");
        for (key, option) in form["properties"].as_object().into_iter().flatten() {
            if key != "type" {
                let advice = "a doc comment is missing, or in server/schema.rs its type";
                assert!(option["description"].is_string(), "{name}: {key}: {advice}");
                seen.push((name, key.as_str(), option["default"].clone()));
            }
        }
    }
    for known in [
        ("bytes", "max_frame", json!("64KiB")),
        ("length", "counts", json!("payload")),
        ("length", "keep_header", json!(false)),
        ("length", "width", json!(4)),
        // It has none.
        ("quote", "file", Value::Null),
    ] {
        assert!(seen.contains(&known), "{known:?}: {seen:?}");
    }
}

#[test]
fn a_handler_of_ones_own_is_described() {
    let builder = shouting();
    let validator = validator(&builder);
    for (handler, right) in [
        ("{ type = 'shout', mark = '!' }", true),
        ("{ type = 'shout', mark = '!', every = '5s', times = 3, voice = 'low' }", true),
        ("{ type = 'shout', mark = '!', voice = { high = 7 } }", true),
        // Without its mark it can't stand alone.
        ("'shout'", false),
        ("{ type = 'shout' }", false),
        ("{ type = 'shout', mrak = '!', mark = '!' }", false),
        ("{ type = 'shout', mark = '!', every = '5' }", false),
        ("{ type = 'shout', mark = '!', times = 256 }", false),
        ("{ type = 'shout', mark = '!', voice = 'loud' }", false),
        ("{ type = 'shout', mark = '!', voice = { high = 4294967296 } }", false),
    ] {
        assert_eq!(validator.is_valid(&read(&handled_by(handler))), right, "{handler}");
        assert_eq!(shouting().parse(&handled_by(handler)).is_ok(), right, "{handler}");
    }
    let text = builder.schema().as_value().to_string();
    assert!(text.contains("What every line ends with."));
    // TOML has none, so an editor must not offer it.
    assert!(!text.contains("null"), "{text}");
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "nothing is served")]
struct Open {
    mark: String,
}

#[test]
fn of_options_that_are_not_described_the_keys_are_known() {
    let closed = || with::<ShoutOptions>(Server::builder(), "shout");
    for (handler, right) in [
        ("{ type = 'shout', mark = '!', times = 3 }", true),
        ("{ type = 'shout', mark = '!', tmies = 3 }", false),
        ("{ type = 'shuot', mark = '!' }", false),
    ] {
        assert_eq!(validator(&closed()).is_valid(&read(&handled_by(handler))), right, "{handler}");
        assert_eq!(closed().parse(&handled_by(handler)).is_ok(), right, "{handler}");
    }
    // This type takes others too, and so does the schema.
    let open = || with::<Open>(Server::builder(), "open");
    let handler = handled_by("{ type = 'open', mark = '!', more = 1 }");
    assert!(validator(&open()).is_valid(&read(&handler)));
    assert!(open().parse(&handler).is_ok());
}

#[test]
fn who_takes_a_built_in_name_brings_the_options() {
    let builder = shouting();
    let builder = with::<ShoutOptions>(builder, "echo");
    let validator = validator(&builder);
    assert!(!validator.is_valid(&read(&handled_by("'echo'"))));
    assert!(validator.is_valid(&read(&handled_by("{ type = 'echo', mark = '!' }"))));
}

/// Options that are one of several forms, which each deny what they do not know.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "nothing is served")]
enum Either {
    File { path: String },
    Text(String),
}

/// Options that hold themselves.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "nothing is served")]
struct Nested {
    #[serde(default)]
    below: Vec<Self>,
}

#[test]
fn options_may_have_any_shape() {
    let builder = || {
        let builder = with::<Either>(Server::builder(), "either").describe::<Either>();
        let builder = with::<Nested>(builder, "nested").describe::<Nested>();
        with::<BTreeMap<String, u8>>(builder, "map").describe::<BTreeMap<String, u8>>()
    };
    let validator = validator(&builder());
    for (handler, right) in [
        ("{ type = 'either', text = 'a' }", true),
        ("{ type = 'either', file = { path = 'a' } }", true),
        ("{ type = 'either', file = { path = 7 } }", false),
        ("{ type = 'either', text = 'a', file = { path = 'a' } }", false),
        ("{ type = 'nested', below = [{ below = [{}] }] }", true),
        ("{ type = 'nested', below = [{ below = [{ belwo = [] }] }] }", false),
        ("{ type = 'map', a = 1, b = 2 }", true),
        ("{ type = 'map', a = 256 }", false),
    ] {
        assert_eq!(validator.is_valid(&read(&handled_by(handler))), right, "{handler}");
        assert_eq!(builder().parse(&handled_by(handler)).is_ok(), right, "{handler}");
    }
}

#[test]
fn it_says_what_it_is() {
    let schema = with::<NoOptions>(Server::builder(), "mine").schema();
    let schema = schema.as_value();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["$id"], "urn:terima:server.toml");
    assert!(schema["description"].as_str().unwrap().contains(env!("CARGO_PKG_VERSION")));
    // Those without options share a table.
    let text = schema["properties"]["listener"]["items"]["properties"]["handler"].to_string();
    assert!(
        text.contains("\"enum\":[\"chargen\",\"daytime\",\"discard\",\"echo\",\"mine\",\"quote\",\"time\"]"),
        "{text}"
    );
}
