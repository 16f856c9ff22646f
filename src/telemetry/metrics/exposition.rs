//! The text that a scrape gets: Prometheus' text format, version 0.0.4.

use std::fmt::{self, Display, Write};

use super::family::{Family, Kind};
use super::histogram::Distribution;

/// What an HTTP server says of the text in `Content-Type`.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A scrape's text while it is written, family by family.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

/// The samples of one family. One that gets none is not mentioned.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    family: &'static Family,
    begun: bool,
}

impl Exposition {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Goes on with a family. All samples of it have to come here: the format wants them in one piece.
    pub(crate) fn family(&mut self, family: &'static Family) -> Samples<'_> {
        Samples { text: &mut self.0, family, begun: false }
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl Samples<'_> {
    /// Writes a counter or a gauge. `labels` are the values, in the order of the family's names.
    pub(crate) fn sample(&mut self, labels: &[&str], value: impl Display) {
        self.begin();
        self.line("", labels, None, &value);
    }

    /// Writes a histogram: a line for each of its ranges, their sum and their count.
    pub(crate) fn distribution(&mut self, labels: &[&str], distribution: &Distribution) {
        self.begin();
        for (bound, count) in &distribution.up_to {
            self.line("_bucket", labels, Some(bound), count);
        }
        self.line("_bucket", labels, Some("+Inf"), &distribution.count);
        self.line("_sum", labels, None, &distribution.sum.as_secs_f64());
        self.line("_count", labels, None, &distribution.count);
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let Family { name, kind, meaning, .. } = self.family;
        write(self.text, format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", Escaped::help(meaning)));
    }

    fn line(&mut self, suffix: &str, labels: &[&str], bound: Option<&str>, value: &dyn Display) {
        let Family { name, kind, labels: names, .. } = self.family;
        debug_assert_eq!(names.len(), labels.len(), "the labels of {name}");
        debug_assert_eq!(suffix.is_empty(), *kind != Kind::Histogram, "{name} is a {kind}");
        write(self.text, format_args!("{name}{suffix}"));
        let pairs = names.iter().copied().zip(labels.iter().copied()).chain(bound.map(|bound| ("le", bound)));
        let mut before = '{';
        for (name, value) in pairs {
            write(self.text, format_args!("{before}{name}=\"{}\"", Escaped::label(value)));
            before = ',';
        }
        write(self.text, format_args!("{} {value}\n", if before == ',' { "}" } else { "" }));
    }
}

/// Text that stands in a line of its own sort, as the format wants it escaped.
struct Escaped<'a> {
    text: &'a str,
    quoted: bool,
}

impl<'a> Escaped<'a> {
    /// What stands between quotes.
    fn label(text: &'a str) -> Self {
        Self { text, quoted: true }
    }

    /// What goes to the end of the line.
    fn help(text: &'a str) -> Self {
        Self { text, quoted: false }
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.text.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.quoted => f.write_str("\\\"")?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}

fn write(text: &mut String, arguments: fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TOLD: Family = Family::counter("told_total", &["who", "what"], "", "A back\\slash,\na \"line\".");
    const BARE: Family = Family::gauge("bare", &[], "", "No labels.");
    const LASTED: Family = Family::histogram("lasted_seconds", &["who"], "How long.");

    #[test]
    fn samples_of_each_kind() {
        let mut exposition = Exposition::new();
        let mut told = exposition.family(&TOLD);
        told.sample(&["a", "b"], 1);
        told.sample(&["\\ \" \n é", ""], u64::MAX);
        exposition.family(&BARE).sample(&[], 0.25);
        let up_to = vec![("0.5", 1), ("1.0", 3)];
        let lasted = Distribution { up_to, count: 4, sum: Duration::from_millis(4250) };
        exposition.family(&LASTED).distribution(&["a"], &lasted);
        let expected = "\
# HELP told_total A back\\\\slash,\\na \"line\".
# TYPE told_total counter
told_total{who=\"a\",what=\"b\"} 1
told_total{who=\"\\\\ \\\" \\n é\",what=\"\"} 18446744073709551615
# HELP bare No labels.
# TYPE bare gauge
bare 0.25
# HELP lasted_seconds How long.
# TYPE lasted_seconds histogram
lasted_seconds_bucket{who=\"a\",le=\"0.5\"} 1
lasted_seconds_bucket{who=\"a\",le=\"1.0\"} 3
lasted_seconds_bucket{who=\"a\",le=\"+Inf\"} 4
lasted_seconds_sum{who=\"a\"} 4.25
lasted_seconds_count{who=\"a\"} 4
";
        assert_eq!(exposition.into_text(), expected);
    }

    #[test]
    fn what_has_no_sample_is_not_mentioned() {
        let mut exposition = Exposition::new();
        exposition.family(&BARE);
        assert_eq!(exposition.into_text(), "");
    }
}
