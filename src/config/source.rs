//! The texts that a configuration is read from, laid one after the other in one space of offsets.
//!
//! The file comes first, each override after it. So one [`Span`] says both which text it is from and where
//! in it, and a tree that was merged from several of them needs nothing else to point at any of its parts.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::printable::printable;

/// Where something is written, as an offset over all [`Sources`].
pub(crate) type Span = Range<usize>;

/// All texts of one configuration.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    list: Vec<Arc<Source>>,
}

impl Sources {
    /// Lays a text behind the others; what comes back is the offset at which it begins.
    pub(crate) fn add(&mut self, origin: Origin, text: &str) -> usize {
        // One between two texts, so that the end of one is not the beginning of the next.
        let base = self.list.last().map_or(0, |last| last.base + last.text.len() + 1);
        self.list.push(Arc::new(Source { origin, text: text.to_owned(), base }));
        base
    }

    /// The text that an offset lies in.
    pub(crate) fn find(&self, offset: usize) -> Option<&Arc<Source>> {
        let after = self.list.partition_point(|source| source.base <= offset);
        self.list.get(after.checked_sub(1)?)
    }

    /// A path of a file as the program can open it: one that is relative is relative to the file that it is written in, or
    /// to the working directory where it is from the command line or the environment.
    pub(crate) fn locate(&self, path: &str, written: &Span) -> String {
        match self.find(written.start).map(|source| &source.origin) {
            // An empty path stays one, to be refused.
            Some(Origin::File(file)) if !path.is_empty() => {
                let folder = Path::new(file).parent().unwrap_or(Path::new(""));
                // The file's name was a string, and so is the path.
                folder.join(path).to_string_lossy().into_owned()
            }
            _ => path.to_owned(),
        }
    }

    /// A value as it was typed, where that is not in a file. Only there have strings quotes: what looks like a number on the
    /// command line or in the environment may be meant to be a text.
    pub(crate) fn typed(&self, written: &Span) -> Option<&str> {
        let source = self.find(written.start)?;
        match source.origin {
            Origin::File(_) => None,
            _ => Some(source.slice(source.local(written.start)..source.local(written.end))),
        }
    }

    /// The line that a span begins in, and the offset at which it begins.
    pub(crate) fn line(&self, span: &Span) -> Option<(usize, &str)> {
        let source = self.find(span.start)?;
        let line = source.line(source.local(span.start));
        Some((source.base + line.start, source.slice(line)))
    }
}

/// What a text is, for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file, by its name as it was given.
    File(String),
    /// The key of an assignment on the command line.
    Argument(String),
    /// A word of the command line, as its help calls it: an option, `--codec`, or what stands without one, `ADDRESS`.
    #[cfg(feature = "cli")]
    Option(String),
    /// The name of an environment variable.
    Variable(String),
}

impl Origin {
    /// As a message names it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(name) => printable(name).into_owned(),
            Self::Argument(key) => format!("--set {}", printable(key)),
            #[cfg(feature = "cli")]
            Self::Option(name) => printable(name).into_owned(),
            Self::Variable(name) => format!("environment variable {}", printable(name)),
        }
    }
}

/// One text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    text: String,
    base: usize,
}

impl Source {
    /// The place of a span that begins in this text. What goes beyond the line that it begins in is cut.
    pub(crate) fn place(&self, span: &Span) -> Place {
        let start = self.local(span.start);
        let end = self.local(span.end);
        let mut line = self.line(start);
        // A byte order mark is no column.
        if self.text[line.start..start].starts_with('\u{feff}') {
            line.start += '\u{feff}'.len_utf8();
        }
        Place {
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[line.start..start].chars().count() + 1,
            marked: start..end.clamp(start, line.end),
            text: line,
        }
    }

    fn line(&self, at: usize) -> Range<usize> {
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
        start..end
    }

    /// An offset over all texts as one in this, between two characters.
    fn local(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.saturating_sub(self.base))
    }

    /// A part of the text, by the offsets of a [`Place`].
    pub(crate) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

/// Where in its text a span begins.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// The line, in the offsets of its text.
    pub(crate) text: Range<usize>,
    /// The part of the line that is meant; may be empty, as at the end of a line.
    pub(crate) marked: Range<usize>,
}
