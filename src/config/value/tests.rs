//! The forms that are taken, and those that are not.

use std::time::Duration;

use super::{Form, Name, Percent, Size, Timeout};
use crate::config::Endpoint;

#[test]
fn durations() {
    for (text, millis) in [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("365d", 31_536_000_000),
        ("1h30m", 5_400_000),
        ("1m0s1ms", 60_001),
        ("090s", 90_000),
    ] {
        assert_eq!(Timeout::from_text(text).unwrap().limit(), Some(Duration::from_millis(millis)), "{text}");
    }
    assert_eq!(Timeout::from_text("off").unwrap().limit(), None);
    for text in [
        "", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5min", "1m1h", "1s1s", "5é", "0s",
        "366d", "Off",
    ] {
        assert!(Timeout::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn sizes() {
    for (text, bytes) in [("1B", 1), ("512B", 512), ("64KiB", 65_536), ("1MiB", 1 << 20), ("1GiB", 1 << 30)] {
        let size = Size::from_text(text).unwrap();
        assert_eq!(size.bytes(), bytes, "{text}");
        assert_eq!(size.to_string(), text);
    }
    assert_eq!(Size::of(1536).to_string(), "1536B");
    for text in [
        "",
        "1",
        "KiB",
        "64KB",
        "64k",
        "64 KiB",
        "-1B",
        "1.5MiB",
        "0KiB",
        "99999999999999999999B",
        "18014398509481984KiB",
    ] {
        assert!(Size::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn percentages() {
    assert_eq!(Percent::from_text("0%").unwrap().part(), 0.0);
    assert_eq!(Percent::from_text("10%").unwrap().part(), 0.1);
    assert_eq!(Percent::from_text("100%").unwrap().part(), 1.0);
    for text in ["", "%", "10", "101%", "-1%", "+1%", "1.5%", "999%", "10%%"] {
        assert!(Percent::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn names() {
    for text in ["a", "echo", "my-app.v2_3", "7", &"x".repeat(64)] {
        assert_eq!(Name::from_text(text).unwrap().0, text);
    }
    for text in ["", "a b", "a/b", "é", "a=b", "a\n", &"x".repeat(65)] {
        assert!(Name::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn ports() {
    for (text, port) in [(":0", 0), (":65535", 65_535), ("localhost:007", 7), ("127.0.0.1:7", 7)] {
        assert_eq!(Endpoint::from_text(text).unwrap().port(), Some(port));
    }
    for text in [":", ":65536", ":-7", ":+7", "localhost:+7", "localhost: 7", "localhost:"] {
        assert!(Endpoint::from_text(text).is_err(), "{text}");
    }
}
