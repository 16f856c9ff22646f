//! What is wrong with a configuration, for those who have to put it right.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::render;
use super::source::{Place, Source, Span};

/// Everything that is wrong with a configuration: never empty, in the order of the text.
///
/// `Display` and `Debug` are all of it as for a terminal, without colour: each with its file, line and
/// column, the text underlined, the reason and what to do. So `fn main() -> Result<(), Problems>` reads well.
pub struct Problems {
    list: Vec<Problem>,
    more: bool,
}

impl Problems {
    pub(super) fn new(list: Vec<Problem>, more: bool) -> Self {
        Self { list, more }
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them as for a terminal, with its colours or without.
    pub fn render(&self, colour: bool) -> String {
        let mut all: Vec<String> = self.iter().map(|problem| render::problem(problem, colour)).collect();
        if self.more {
            all.push(format!("… and more than these {} problems", self.len()));
        }
        all.join("\n\n")
    }
}

/// One thing that is wrong with a configuration, or odd about it.
///
/// `Display` is one line, without the text itself: `server.toml:3:1: unknown key …`.
#[derive(Clone)]
pub struct Problem {
    pub(super) source: Arc<Source>,
    pub(super) place: Option<Place>,
    reason: String,
    help: Option<String>,
    warning: bool,
}

impl Problem {
    pub(super) fn new(
        source: Arc<Source>,
        span: Option<&Span>,
        reason: String,
        help: Option<String>,
    ) -> Self {
        let place = span.map(|span| source.place(span));
        Self { source, place, reason, help, warning: false }
    }

    pub(super) fn warning(source: Arc<Source>, span: Option<&Span>, reason: String) -> Self {
        Self { warning: true, ..Self::new(source, span, reason, None) }
    }

    /// Whether the configuration can be served all the same: something in it does nothing.
    pub fn is_warning(&self) -> bool {
        self.warning
    }

    /// As for a terminal, with its colours or without.
    pub fn render(&self, colour: bool) -> String {
        render::problem(self, colour)
    }

    /// What it was read from: the file by its name as it was given, `--set listener.echo.address`, or
    /// `environment variable TERIMA__LISTENER__ECHO__ADDRESS`.
    pub fn origin(&self) -> String {
        self.source.origin.name()
    }

    /// The line, from 1; none where the whole file is meant, as one that cannot be read.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// The column, from 1, in characters; none where the whole file is meant.
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

// === impl Problems ===

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Problems {}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::location(self))?;
        write!(f, ": {}", self.reason)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
