//! A form and its schema take the same values, and refuse the same.

use std::collections::BTreeMap;

use jsonschema::Validator;
use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::*;
use crate::config::meant::{LogFormat, WhenFull};
use crate::platform;

fn validator<T: JsonSchema>() -> Validator {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>();
    jsonschema::draft7::new(schema.as_value()).unwrap()
}

/// A value as TOML writes it, read in one way or another.
fn read<T: DeserializeOwned>(value: &str) -> Result<T, toml::de::Error> {
    toml::from_str(&format!("value = {value}"))
        .map(|mut table: BTreeMap<String, T>| table.remove("value").unwrap())
}

/// Both take the first values, neither takes the second; `beyond` are those that only the form refuses.
fn agree<T: JsonSchema + DeserializeOwned>(taken: &[&str], refused: &[&str], beyond: &[&str]) {
    let validator = validator::<T>();
    let by_schema = |value| validator.is_valid(&read(value).unwrap());
    let by_form = |value| read::<T>(value).is_ok();
    let name = T::schema_name();
    for value in taken {
        assert!(by_form(value), "{name} refuses {value}");
        assert!(by_schema(value), "the schema of {name} refuses {value}");
    }
    for value in refused {
        assert!(!by_form(value), "{name} takes {value}");
        assert!(!by_schema(value), "the schema of {name} takes {value}");
    }
    for value in beyond {
        assert!(!by_form(value), "{name} takes {value}");
        assert!(by_schema(value), "the schema of {name} refuses {value}: move it up");
    }
}

#[test]
fn durations() {
    agree::<Timeout>(
        &["'off'", "'250ms'", "'1h30m'", "'365d'", "'1m0s1ms'", "'090s'", "'0h5m'"],
        &[
            "''", "'5'", "'s'", "'5 s'", "' 5s'", "'5s '", "'-5s'", "'1.5s'", "'5S'", "'5min'", "'1m1h'",
            "'1s1s'", "'0s'", "'0h0m'", "'Off'", "'٣s'", "5", "true", "1.5", "[]", "{}",
        ],
        &["'366d'", "'365d1ms'", "'99999999999999999999s'"],
    );
}

#[test]
fn sizes() {
    let refused =
        ["''", "'1'", "'KiB'", "'64KB'", "'64 KiB'", "'-1B'", "'1.5MiB'", "'0B'", "'000KiB'", "64", "[]"];
    agree::<Size>(
        &["'1B'", "'512B'", "'0064KiB'", "'10MiB'", "'1GiB'"],
        &refused,
        &["'18014398509481984KiB'"],
    );
    agree::<BufferSize>(&["'auto'", "'1B'", "'64KiB'", "'1024MiB'", "'01GiB'"], &refused, &["'1025MiB'"]);
    agree::<BufferSize>(&[], &["'2GiB'", "'10GiB'", "'off'", "4096"], &[]);
    agree::<Rotate>(
        &[
            "'never'", "'hourly'", "'daily'", "'1MiB'", "'4KiB'", "'010KiB'", "'4096B'", "'4100B'",
            "'5000B'", "'10000B'",
        ],
        &["'weekly'", "'3KiB'", "'4095B'", "'999B'", "'0MiB'", "7", "true"],
        &[],
    );
    agree::<Rotate>(&[], &refused, &[]);
}

#[test]
fn numbers_and_words() {
    let odd = ["0", "-1", "1.5", "true", "'7'", "''", "'none'", "[7]"];
    agree::<Workers>(&["1", "1024", "'auto'"], &["1025", "'unlimited'"], &[]);
    agree::<Connections>(&["1", "9223372036854775807", "'unlimited'"], &["'auto'"], &[]);
    agree::<ProcessConnections>(&["1", "10_000", "'auto'", "'unlimited'"], &["'off'"], &[]);
    agree::<Keep>(&["1", "7", "'unlimited'"], &["'all'"], &[]);
    agree::<Backlog>(&["1", "65535"], &["65536", "'auto'"], &[]);
    agree::<FastOpen>(&["1", "65535", "'off'"], &["65536"], &[]);
    agree::<Workers>(&[], &odd, &[]);
    agree::<Connections>(&[], &odd, &[]);
    agree::<ProcessConnections>(&[], &odd, &[]);
    agree::<Keep>(&[], &odd, &[]);
    agree::<Backlog>(&[], &odd, &[]);
    agree::<FastOpen>(&[], &odd, &[]);
    agree::<OnlyV6>(&["true", "false", "'auto'"], &["0", "'true'", "''"], &[]);
    agree::<Percent>(
        &["'0%'", "'10%'", "'100%'", "'007%'"],
        &["''", "'%'", "'10'", "'101%'", "'-1%'", "'+1%'", "'1.5%'", "'10%%'", "10"],
        &[],
    );
}

#[test]
fn words() {
    agree::<LogFormat>(&["'text'", "'json'"], &["'JSON'", "''", "1"], &[]);
    agree::<WhenFull>(&["'queue'", "'close'", "'reset'"], &["'drop'", "''", "0"], &[]);
}

#[test]
fn names_and_paths() {
    agree::<Name>(&["'a'", "'my-app.v2_3'", "'7'"], &["''", "'a b'", "'a/b'", "'é'", "\"a\\n\"", "7"], &[]);
    let longest = format!("'{}'", "x".repeat(64));
    agree::<Name>(&[&longest], &[&longest.replacen('x', "xx", 1)], &[]);
    agree::<Account>(
        &["'root'", "'www-data'", "'é'", "0", "4294967294"],
        &["''", "'a b'", "'a:b'", "\"a\\u0007\"", "\"a\\u0085\"", "\"a\\u00a0\"", "-1", "4294967295", "true"],
        &[],
    );
    agree::<Mode>(
        &["'0660'", "'660'", "'000'"],
        &["''", "'66'", "'1660'", "'00660'", "'0668'", "'rw-'", "660", "0o660"],
        &[],
    );
    agree::<FilePath>(&["'a'", "'/var/log/x'"], &["''", "7"], &[]);
}

#[test]
fn addresses() {
    let long = format!("'{}.example:7'", "x".repeat(64));
    agree::<Endpoint>(
        &[
            "'127.0.0.1:7'",
            "':7'",
            "':0'",
            "':65535'",
            "'[::1]:7'",
            "'[::]:7'",
            "'[fe80::1%eth0]:7'",
            "'[fe80::1%3]:7'",
            "'[::ffff:1.2.3.4]:7'",
            "'localhost:27015'",
            "'a-b_c.example.:7'",
            "'1a:7'",
            "'1-2:7'",
            "'a.7x:7'",
            "'127.0.0.1:00007'",
            "'systemd:terima.socket'",
            "'systemd:echo 7'",
        ],
        &[
            "''",
            "'systemd:'",
            "'systemd:a:b'",
            "'systemd:é'",
            "'7'",
            "':'",
            "'*:7'",
            "':70000'",
            "':65536'",
            "':-1'",
            "':+7'",
            "'localhost:+7'",
            "'300.1.1.1:7'",
            "'1.2.3:7'",
            "'01.2.3.4:7'",
            "'127.0.0.1'",
            "'::1'",
            "'::1:7'",
            "'[1.2.3.4]:7'",
            "'localhost'",
            "'localhost:http'",
            "'bad name:7'",
            "'-x:7'",
            "'x-:7'",
            "'a..b:7'",
            "'.a:7'",
            "'a.7:7'",
            "'/run/echo.sock'",
            "'unix:'",
            "7",
            "'[::1%]:7'",
            &long,
        ],
        &["'[:::::]:7'"],
    );
    agree::<Addresses>(
        &["':7'", "[':7']", "[':7', 'localhost:8']"],
        &["[':7', 7]", "[[':7']]", "7", "{}"],
        &[],
    );
    // The reader says so of an empty list where it knows what listener it is of.
    assert!(!validator::<Addresses>().is_valid(&json!([])));
}

#[test]
fn unix_sockets() {
    let (paths, names) = (["'unix:/run/a@b.sock'", "'unix:echo.sock'"], ["'unix:@echo'", "'unix:@@echo'"]);
    agree::<Endpoint>(&paths, &["'unix:@'", "\"unix:a\\u0000\"", "\"unix:@a\\u0000\""], &[]);
    // Where there are no such sockets at all, that is said of the whole listener.
    match platform::UNIX_SOCKETS && !platform::ABSTRACT_SOCKETS {
        false => agree::<Endpoint>(&names, &[], &[]),
        true => agree::<Endpoint>(&[], &[], &names),
    }
}

/// No text that the form takes is refused by the schema.
fn never_stricter<T: JsonSchema + DeserializeOwned>(validator: &Validator, text: &str) {
    let value = Value::from(text);
    if T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).is_ok() {
        assert!(validator.is_valid(&value), "the schema of {} refuses {text:?}", T::schema_name());
    }
}

proptest! {
    // Each has many texts, as it makes its own validators.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_schema_is_stricter(
        durations in prop::collection::vec("[0-9dhms]{0,8}|off", 64),
        sizes in prop::collection::vec("[0-9]{0,5}(B|KiB|MiB|GiB|auto)?", 64),
        addresses in prop::collection::vec("(unix:)?[0-9a-z.@%_\\[\\]:-]{0,9}(:[0-9]{1,5})?|[^a-z]{1,4}:7", 64),
    ) {
        let validators = (validator::<Timeout>(), validator::<BufferSize>(), validator::<Rotate>(), validator::<Endpoint>());
        for text in &durations {
            never_stricter::<Timeout>(&validators.0, text);
        }
        for text in &sizes {
            never_stricter::<BufferSize>(&validators.1, text);
            never_stricter::<Rotate>(&validators.2, text);
        }
        for text in &addresses {
            never_stricter::<Endpoint>(&validators.3, text);
        }
    }
}

#[test]
fn what_the_admin_interface_has() {
    agree::<AdminAddress>(
        &["'127.0.0.1:27080'", "':27080'", "'[::1]:0'", "'unix:/run/a.sock'"],
        &[
            "'localhost:7'",
            "'unix:@terima'",
            "'unix:'",
            "'127.0.0.1'",
            "'27080'",
            "''",
            "7",
            "[':7']",
            "'256.0.0.1:7'",
        ],
        &["'[::1::2]:7'"],
    );
    agree::<AdminConnections>(&["2", "1024"], &["1", "0", "1025", "'16'", "'unlimited'"], &[]);
    agree::<AdminTimeout>(&["'10s'", "'1m30s'"], &["'off'", "''", "'0s'", "10", "'10'"], &["'366d'"]);
    agree::<Remember>(&["1", "100_000", "'off'"], &["0", "100_001", "'all'", "true"], &[]);
    agree::<HostName>(
        &["'localhost'", "'a-b.example.net'", "'a.example.'", "'_x.y'"],
        &["''", "'a b'", "'a.example:80'", "'-a.example'", "'a..b'", "'127.0.0.1'", "'.'", "7"],
        &[],
    );
}
