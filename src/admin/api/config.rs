//! The configuration in force, and how the file differs from it by now.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::admin::bind::Loaded;
use crate::admin::routes::{Answer, Api, Shared};
use crate::config::origins::{Kind, Written};
use crate::config::read_file;
use crate::config::report::{self, Difference, Entry};
use crate::config::shown::Shown;

pub(super) fn add(api: &mut Api) {
    api.get("/v1/config", "config", "The configuration in force", config)
        .answers::<Configuration>("Every key, and how the file differs from it by now.");
}

/// The configuration in force.
#[derive(Serialize, JsonSchema)]
struct Configuration {
    /// The file that it was read from; null where there is none.
    file: Option<String>,
    /// Every key, in the order of the file.
    keys: Vec<Key>,
    /// How the file is by now; null where there is none.
    now: Option<Now>,
}

/// One key.
#[derive(Serialize, JsonSchema)]
struct Key {
    /// As --set wants it: server.workers, listener.echo.timeouts.idle.
    key: String,
    /// As server.toml writes it: a text, a number, a boolean, a list of texts; null where nothing is written and nothing is the
    /// default.
    value: Value,
    /// Null where there is none.
    default: Value,
    origin: Origin,
}

/// Where a value comes from.
#[derive(Serialize, JsonSchema)]
struct Origin {
    from: From,
    /// The file, the argument or the variable; null for a default.
    name: Option<String>,
    /// The line of the file.
    line: Option<usize>,
}

/// What a value comes from.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum From {
    Default,
    File,
    Environment,
    CommandLine,
}

/// The file by now, with the command line and the environment laid over it.
#[derive(Serialize, JsonSchema)]
struct Now {
    /// What is wrong with it. A service that was started with it would refuse it.
    problems: Vec<String>,
    /// The keys that have another value there.
    differs: Vec<Differs>,
}

/// A key with another value in the file.
#[derive(Serialize, JsonSchema)]
struct Differs {
    key: String,
    /// Null where there is no such listener.
    in_force: Value,
    /// Null where there is no such listener any more.
    in_file: Value,
}

async fn config(State(context): State<Shared>) -> Answer<Configuration> {
    let loaded = context.loaded.clone();
    // The disk may be slow.
    let now = spawn_blocking(move || Now::of(&loaded)).await.unwrap_or_default();
    Answer(Configuration {
        file: context.loaded.file.as_ref().map(|file| file.display().to_string()),
        keys: report::entries(&context.loaded.config).into_iter().map(Key::of).collect(),
        now,
    })
}

impl Key {
    fn of(Entry { key, value, default, origin }: Entry) -> Self {
        Self { key, value: shown(Some(value)), default: shown(default), origin: Origin::of(origin) }
    }
}

impl Origin {
    fn of(written: Option<Written>) -> Self {
        let Some(Written { by, name, line }) = written else {
            return Self { from: From::Default, name: None, line: None };
        };
        let from = match by {
            Kind::File => From::File,
            Kind::Environment => From::Environment,
            Kind::CommandLine => From::CommandLine,
        };
        Self { from, name: Some(name), line }
    }
}

impl Now {
    fn of(loaded: &Loaded) -> Option<Self> {
        let (config, faults) = read_file(loaded.file.as_ref()?, &loaded.overrides);
        if !faults.is_empty() {
            // What is faulty is at its default, which is no difference that anybody has made.
            let problems = faults.into_problems().iter().map(ToString::to_string).collect();
            return Some(Self { problems, differs: Vec::new() });
        }
        let differs = report::differences(&loaded.config, &config).into_iter().map(|difference| {
            let Difference { key, one, other } = difference;
            Differs { key, in_force: shown(one), in_file: shown(other) }
        });
        Some(Self { problems: Vec::new(), differs: differs.collect() })
    }
}

fn shown(value: Option<Shown>) -> Value {
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default()
}
