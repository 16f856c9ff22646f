//! Values as server.toml writes them.

use std::time::Duration;

/// `10s`, `5m`, `1500ms`, or `off`.
pub(super) fn timeout(value: Option<Duration>) -> String {
    value.map_or_else(|| "off".to_owned(), duration)
}

/// `64KiB`, `1MiB`, `1000B`: in the largest unit that leaves no remainder.
pub(super) fn size(bytes: usize) -> String {
    match [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes.is_multiple_of(*unit))
    {
        _ if bytes == 0 => "0B".to_owned(),
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// `10%`.
pub(super) fn percentage(part: f64) -> String {
    format!("{}%", (part * 10_000.0).round() / 100.0)
}

/// In the largest unit that leaves no remainder.
fn duration(value: Duration) -> String {
    let millis = value.as_millis();
    match [(3_600_000, "h"), (60_000, "m"), (1000, "s")]
        .into_iter()
        .find(|(unit, _)| millis.is_multiple_of(*unit))
    {
        _ if millis == 0 => "0s".to_owned(),
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            (0, "0s"),
            (250, "250ms"),
            (1500, "1500ms"),
            (10_000, "10s"),
            (90_000, "90s"),
            (600_000, "10m"),
            (7_200_000, "2h"),
        ];
        for (millis, written) in table {
            assert_eq!(duration(Duration::from_millis(millis)), written);
        }
        assert_eq!(timeout(None), "off");
    }

    #[test]
    fn sizes() {
        let table = [
            (0, "0B"),
            (1000, "1000B"),
            (1024, "1KiB"),
            (1536, "1536B"),
            (65_536, "64KiB"),
            (1 << 20, "1MiB"),
            (3 << 30, "3GiB"),
        ];
        for (bytes, written) in table {
            assert_eq!(size(bytes), written);
        }
    }

    #[test]
    fn percentages() {
        for (part, written) in [(0.0, "0%"), (0.1, "10%"), (0.125, "12.5%"), (1.0, "100%")] {
            assert_eq!(percentage(part), written);
        }
    }
}
