//! The subcommands that ask a running service over its admin interface, or tell it what to do.

mod client;
mod connections;
mod drain;
mod end;
mod status;
mod table;
mod why;

use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder as Threads, Runtime};

use anyhow::Context;

pub(super) use self::client::{Client, Unanswered, loopback};
pub(super) use self::why::WhyQuestion;
use super::exit::Exit;
use super::failure::Failure;
use super::load::Source;
use super::output;

/// What is asked, of which service, and how the answer is to look.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) source: Source,
    pub(super) json: bool,
    pub(super) question: Question,
}

/// What is asked, or told.
#[derive(Debug)]
pub(super) enum Question {
    Status,
    Connections(Filters),
    End { id: u64, drain: bool },
    Drain { limit: Option<Duration> },
    Why(WhyQuestion),
}

/// Which connections.
#[derive(Debug)]
pub(super) struct Filters {
    pub(super) listener: Option<String>,
    pub(super) client: Option<String>,
    pub(super) state: Option<String>,
    pub(super) min_age: Option<Duration>,
    pub(super) sort: Option<String>,
    /// On a page.
    pub(super) limit: Option<u32>,
    /// Where the page before has ended.
    pub(super) after: Option<String>,
    /// Every page.
    pub(super) all: bool,
}

/// Asks, and prints the answer.
pub(super) fn ask(asking: &Asking) -> Result<Exit, Failure> {
    let Asking { source, json, question } = asking;
    match question {
        Question::Status => status::status(source, *json),
        Question::Connections(filters) => connections::connections(source, *json, filters),
        Question::End { id, drain } => end::end(source, *json, *id, *drain),
        Question::Drain { limit } => drain::drain(source, *json, *limit),
        Question::Why(question) => why::why(source, *json, question),
    }
}

/// A runtime to ask on.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Ok(Threads::new_current_thread().enable_all().build().context("can't start a runtime")?)
}

/// Prints an answer as it came, but for people to read too.
fn print_json(answer: &Value) -> Result<Exit, Failure> {
    output::print(format!("{answer:#}\n").as_bytes())
}

/// A path, with what stands behind its `?`.
fn path(path: &str, asked: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let escaped = |value: String| {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        value
            .bytes()
            .map(|byte| if harmless(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect::<String>()
    };
    let asked: Vec<String> =
        asked.into_iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
    if asked.is_empty() { path.to_owned() } else { format!("{path}?{}", asked.join("&")) }
}

/// A text of the answer; empty where it is not there.
fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().unwrap_or_default()
}

/// A number of the answer, as a text; `none` where it is null.
fn number(answer: &Value, key: &str, none: &str) -> String {
    match &answer[key] {
        Value::Null => none.to_owned(),
        number => number.to_string(),
    }
}

/// Bytes of the answer, for people: `0 B`, `1.5 KiB`, `20 MiB`.
fn size(answer: &Value, key: &str) -> String {
    let Some(bytes) = answer[key].as_u64() else { return "?".to_owned() };
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(power) = bytes.checked_ilog2().map_or(0, |log| log / 10).checked_sub(1) else {
        return format!("{bytes} B");
    };
    // Tenths, cut off: what has not come is not told.
    let tenths = (u128::from(bytes) * 10) >> (10 * (power + 1));
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let unit = units[power as usize];
    if whole < 10 { format!("{whole}.{tenth} {unit}") } else { format!("{whole} {unit}") }
}

/// A time in seconds of the answer.
fn duration(answer: &Value, key: &str) -> String {
    short(Duration::try_from_secs_f64(answer[key].as_f64().unwrap_or_default()).unwrap_or_default())
}

/// For people: `0.4s`, `17s`, `5m03s`, `2h05m`, `3d04h`.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) if seconds < 10 => format!("{:.1}s", duration.as_secs_f64()),
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m{:02}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h{:02}m", minutes % 60),
        (days, hours, _) => format!("{days}d{:02}h", hours % 24),
    }
}

/// For people: `1 connection`, `2 connections`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024 * 10 - 1, "9.9 KiB"),
            (1024 * 10, "10 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 30) - 1, "1023 MiB"),
            (u64::MAX, "15 EiB"),
        ] {
            assert_eq!(size(&json!({ "n": bytes }), "n"), told);
        }
        assert_eq!(size(&json!({}), "n"), "?");
    }

    #[test]
    fn what_is_asked_is_escaped() {
        let asked = [("a", "x".to_owned()), ("b", "ü&=# %+".to_owned())];
        assert_eq!(path("/v1/why", asked), "/v1/why?a=x&b=%C3%BC%26%3D%23%20%25%2B");
        assert_eq!(path("/v1/why", []), "/v1/why");
    }

    #[test]
    fn durations_are_short() {
        for (millis, expected) in [
            (0, "0.0s"),
            (9_940, "9.9s"),
            (10_900, "10s"),
            (59_999, "59s"),
            (60_000, "1m00s"),
            (303_000, "5m03s"),
            (7_500_000, "2h05m"),
            (273_600_000, "3d04h"),
        ] {
            assert_eq!(short(Duration::from_millis(millis)), expected);
        }
    }
}
