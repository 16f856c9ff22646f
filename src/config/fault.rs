//! Collects what is wrong, so that all of it is said at once.

use std::mem;

use super::printable::printable;
use super::problem::{Problem, Problems};
use super::source::{Origin, Sources, Span};

/// What is wrong so far with one configuration, and the texts that it was read from.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(super) sources: Sources,
    list: Vec<Fault>,
    /// The lines that TOML's own grammar refuses, by the offsets at which they begin.
    broken: Vec<usize>,
    /// Whether a `[header]` is among them, so that keys may have come into a table that they are not in.
    headless: bool,
    /// Whether there are more than are kept.
    more: bool,
    /// What is odd, but not wrong.
    warnings: Vec<Fault>,
}

impl Faults {
    /// Beyond these, nobody reads on, and a hostile file would cost time.
    pub(super) const MOST: usize = 100;

    /// Notes that something written is wrong.
    ///
    /// Nothing is noted about a line that is no TOML: what was guessed from it may be wrong by the guess.
    pub(crate) fn at(&mut self, span: Span, reason: impl Into<String>) -> Noted<'_> {
        if self.is_broken(&span) {
            return Noted(None);
        }
        self.note(span.start, Some(span), &reason.into())
    }

    /// Notes that something is not there, at what it is missing from.
    ///
    /// Nothing is noted where a line is no TOML: it may be the one that says it.
    pub(crate) fn absent(&mut self, span: Span, reason: impl Into<String>) -> Noted<'_> {
        if !self.broken.is_empty() {
            return Noted(None);
        }
        self.at(span, reason)
    }

    /// Notes that a key is not one of its table.
    ///
    /// Nothing is noted where a `[header]` is no TOML: the table may not be the one that is meant.
    pub(super) fn unknown(&mut self, span: Span, reason: impl Into<String>) -> Noted<'_> {
        if self.headless {
            return Noted(None);
        }
        self.at(span, reason)
    }

    /// Notes what keeps a whole file from being read.
    pub(super) fn unreadable(&mut self, origin: String, reason: &str) -> Noted<'_> {
        let base = self.sources.add(Origin::File(origin), "");
        self.note(base, None, reason)
    }

    /// Notes that a line is no TOML.
    pub(super) fn syntax(&mut self, span: Span, reason: impl Into<String>) {
        if let Some((start, line)) = self.sources.line(&span) {
            self.headless |= line.trim_start().starts_with('[');
            self.broken.push(start);
        }
        self.note(span.start, Some(span), &reason.into());
    }

    /// Notes that something written is not wrong, but does not do what it says.
    pub(crate) fn warn(&mut self, span: Span, reason: impl Into<String>) {
        if !self.is_broken(&span) && self.warnings.len() < Self::MOST {
            let reason = printable(&reason.into()).into_owned();
            self.warnings.push(Fault { at: span.start, span: Some(span), reason, help: None });
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All that is wrong, in the order of the text: first the file's, then the overrides'.
    pub(crate) fn into_problems(mut self) -> Problems {
        self.list.sort_by_key(|fault| fault.at);
        let sources = &self.sources;
        let list = self.list.into_iter().filter_map(|fault| {
            let source = sources.find(fault.at)?;
            Some(Problem::new(source.clone(), fault.span.as_ref(), fault.reason, fault.help))
        });
        Problems::new(list.collect(), self.more)
    }

    /// All that is odd, in the order of the text.
    pub(crate) fn take_warnings(&mut self) -> Vec<Problem> {
        let mut warnings = mem::take(&mut self.warnings);
        warnings.sort_by_key(|warning| warning.at);
        let sources = &self.sources;
        let list = warnings.into_iter().filter_map(|warning| {
            let source = sources.find(warning.at)?;
            Some(Problem::warning(source.clone(), warning.span.as_ref(), warning.reason))
        });
        list.collect()
    }

    fn note(&mut self, at: usize, span: Option<Span>, reason: &str) -> Noted<'_> {
        if self.list.len() == Self::MOST {
            self.more = true;
            return Noted(None);
        }
        let reason = printable(reason).into_owned();
        self.list.push(Fault { at, span, reason, help: None });
        Noted(self.list.last_mut())
    }

    fn is_broken(&self, span: &Span) -> bool {
        !self.broken.is_empty()
            && self.sources.line(span).is_some_and(|(start, _)| self.broken.contains(&start))
    }
}

/// A fault that was just noted, to which advice can be added.
pub(crate) struct Noted<'a>(Option<&'a mut Fault>);

impl Noted<'_> {
    /// Says what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) {
        if let Some(fault) = self.0 {
            fault.help = Some(printable(&help.into()).into_owned());
        }
    }
}

#[derive(Debug)]
struct Fault {
    /// Says which text it is about, and the order.
    at: usize,
    /// None: the text as a whole.
    span: Option<Span>,
    reason: String,
    help: Option<String>,
}
