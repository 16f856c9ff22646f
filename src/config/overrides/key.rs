//! The key of an override: a path into the file, written with dots or as a variable's name.

use crate::config::source::Span;

/// A path that is not yet cut into its steps: a listener's name may have dots of its own.
#[derive(Debug, Clone)]
pub(super) struct Key<'t> {
    text: &'t str,
    base: usize,
    separator: Separator,
    /// What all steps point at, where the path itself is written nowhere.
    alias: Option<Span>,
}

/// What stands between two steps of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// `listener.echo.address`
    Dot,
    /// `LISTENER__ECHO__ADDRESS`, which stands for lower case.
    Underscores,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) key: String,
    pub(super) span: Span,
}

impl<'t> Key<'t> {
    /// A path that is written at `base`.
    pub(super) fn new(text: &'t str, base: usize, separator: Separator) -> Self {
        let base = base + (text.len() - text.trim_start().len());
        Self { text: text.trim(), base, separator, alias: None }
    }

    /// A path that something else stands for.
    pub(super) fn alias(path: &'t str, span: Span) -> Self {
        Self { text: path, base: span.start, separator: Separator::Dot, alias: Some(span) }
    }

    /// Where all of it is written.
    pub(super) fn span(&self) -> Span {
        self.alias.clone().unwrap_or(self.base..self.base + self.text.len())
    }

    /// The first step, and the rest, which is none behind the last.
    pub(super) fn split(&self) -> (Step, Option<Self>) {
        match self.text.split_once(self.separator.mark()) {
            Some((first, _)) => (self.step(first), self.behind(first.len())),
            None => (self.step(self.text), None),
        }
    }

    /// What stands behind a name that the key begins with. None where it begins otherwise; the inner one is none
    /// where nothing stands behind.
    pub(super) fn strip_name(&self, name: &str) -> Option<Option<Self>> {
        let head = self.text.get(..name.len()).filter(|head| self.separator.same_name(head, name))?;
        let behind = &self.text[head.len()..];
        (behind.is_empty() || behind.starts_with(self.separator.mark())).then(|| self.behind(head.len()))
    }

    /// All steps.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut rest = Some(self.clone());
        while let Some(key) = rest {
            let (step, behind) = key.split();
            steps.push(step);
            rest = behind;
        }
        steps
    }

    fn step(&self, text: &str) -> Step {
        let key = match self.separator {
            Separator::Dot => text.to_owned(),
            Separator::Underscores => text.to_lowercase(),
        };
        Step { key, span: self.alias.clone().unwrap_or(self.base..self.base + text.len()) }
    }

    fn behind(&self, first: usize) -> Option<Self> {
        let skipped = first + self.separator.mark().len();
        let text = self.text.get(skipped..)?;
        Some(Self { text, base: self.base + skipped, ..self.clone() })
    }
}

impl Separator {
    fn mark(self) -> &'static str {
        match self {
            Self::Dot => ".",
            Self::Underscores => "__",
        }
    }

    fn same_name(self, written: &str, name: &str) -> bool {
        match self {
            Self::Dot => written == name,
            Self::Underscores => written.eq_ignore_ascii_case(&name.replace(['-', '.'], "_")),
        }
    }
}
