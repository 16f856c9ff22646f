//! When the log's file is put aside, under which name, and which of those that were put aside are removed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::meant::Rotation;

/// When what is written at `time` is no longer of the file's period; `None` where time is no reason. In UTC, as the lines
/// of the log are.
pub(super) fn period_end(rotation: Rotation, time: SystemTime) -> Option<SystemTime> {
    let length = match rotation {
        Rotation::Never | Rotation::Size(_) => return None,
        Rotation::Hourly => 3600,
        Rotation::Daily => 86_400,
    };
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(UNIX_EPOCH + Duration::from_secs(seconds - seconds % length + length))
}

/// What is put behind the name of a file whose last line was written at `time`.
pub(super) fn suffix(rotation: Rotation, time: SystemTime) -> String {
    let form = match rotation {
        Rotation::Daily => "%Y-%m-%d",
        Rotation::Hourly => "%Y-%m-%dT%H",
        Rotation::Never | Rotation::Size(_) => "%Y-%m-%dT%H-%M-%S",
    };
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).strftime(form).to_string()
}

/// What numbers the next file that is put aside for the file `name` with this suffix, so that it is the latest of them: a
/// number that was removed is not given again. 0 for the first, which has none in its name.
pub(super) fn next_number<'a>(name: &str, suffix: &str, others: impl Iterator<Item = &'a str>) -> u32 {
    let numbers = others.filter_map(|other| Aside::of(name, other)).filter(|aside| aside.time == suffix);
    numbers.map(|aside| aside.number.saturating_add(1)).max().unwrap_or(0)
}

/// Of names in a folder, those of files that were put aside for the file `name` and are too many: all but the latest
/// `keep`.
pub(super) fn superfluous<'a>(
    name: &str,
    others: impl Iterator<Item = &'a str>,
    keep: usize,
) -> Vec<&'a str> {
    let mut aside: Vec<(Aside<'a>, &str)> =
        others.filter_map(|other| Some((Aside::of(name, other)?, other))).collect();
    aside.sort_unstable();
    aside.truncate(aside.len().saturating_sub(keep));
    aside.into_iter().map(|(_, name)| name).collect()
}

/// The suffix of a file that was put aside, in the order of time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Aside<'a> {
    time: &'a str,
    /// Of several with the same time.
    number: u32,
}

impl<'a> Aside<'a> {
    /// That of a file called `other`, if it was put aside for the file `name`.
    fn of(name: &str, other: &'a str) -> Option<Self> {
        Self::parse(other.strip_prefix(name)?.strip_prefix('.')?)
    }

    fn parse(suffix: &'a str) -> Option<Self> {
        let (time, number) = match suffix.split_once('.') {
            Some((time, number)) => (time, number.parse().ok()?),
            None => (suffix, 0),
        };
        let forms = ["0000-00-00", "0000-00-00T00", "0000-00-00T00-00-00"];
        let like = |form: &&str| {
            let same = |(c, f): (u8, u8)| if f == b'0' { c.is_ascii_digit() } else { c == f };
            form.len() == time.len() && time.bytes().zip(form.bytes()).all(same)
        };
        forms.iter().any(like).then_some(Self { time, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> SystemTime {
        time.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn periods_end_on_the_hour_and_at_midnight() {
        for (rotation, time, end) in [
            (Rotation::Daily, "2026-11-24T00:00:00Z", Some("2026-11-25T00:00:00Z")),
            (Rotation::Daily, "2026-12-31T23:59:59Z", Some("2027-01-01T00:00:00Z")),
            (Rotation::Hourly, "2026-11-24T10:59:59Z", Some("2026-11-24T11:00:00Z")),
            (Rotation::Never, "2026-11-24T10:59:59Z", None),
            (Rotation::Size(1), "2026-11-24T10:59:59Z", None),
        ] {
            assert_eq!(period_end(rotation, at(time)), end.map(at), "{rotation:?}, {time}");
        }
        assert_eq!(
            period_end(Rotation::Daily, UNIX_EPOCH - Duration::from_secs(1)),
            Some(at("1970-01-02T00:00:00Z"))
        );
    }

    #[test]
    fn a_name_tells_the_period() {
        for (rotation, expected) in [
            (Rotation::Daily, "2026-11-04"),
            (Rotation::Hourly, "2026-11-04T09"),
            (Rotation::Size(1), "2026-11-04T09-05-07"),
        ] {
            let suffix = suffix(rotation, at("2026-11-04T09:05:07Z"));
            assert_eq!(suffix, expected);
            assert!(Aside::parse(&suffix).is_some());
        }
    }

    #[test]
    fn the_oldest_are_superfluous_and_nothing_else() {
        let others = [
            "t.log",
            "t.log.2026-11-09",
            "t.log.2026-11-10.10",
            "t.log.2026-11-10.9",
            "t.log.2026-11-10",
            "t.log.2026-11-10T09",
            "t.log.2026-11-11T10-11-12",
            "t.log.1",
            "t.log.gz",
            "t.log.2026-11-09.gz",
            "t.log.2026-11-0x",
            "t.log-2026-11-09",
            "other.log.2026-11-09",
        ];
        let left = |keep| superfluous("t.log", others.into_iter(), keep);
        assert_eq!(left(6), Vec::<&str>::new());
        assert_eq!(left(5), ["t.log.2026-11-09"]);
        assert_eq!(
            left(2),
            ["t.log.2026-11-09", "t.log.2026-11-10", "t.log.2026-11-10.9", "t.log.2026-11-10.10"]
        );
    }
}
