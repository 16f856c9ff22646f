//! Draws a problem as the compiler of this language draws its own.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin as Arrow, Renderer, Snippet};

use super::printable::printable;
use super::problem::Problem;
use super::source::{Origin, Place, Source};

/// A problem with the line that it is in, the text underlined, and what to do.
pub(super) fn problem(problem: &Problem, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let origin = problem.origin();
    let level = if problem.is_warning() { Level::WARNING } else { Level::ERROR };
    let title = level.primary_title(problem.reason());
    let mut group = match &problem.place {
        Some(place) => {
            let Excerpt { text, marked } = Excerpt::new(&problem.source, place);
            let snippet = Snippet::source(text).path(origin).line_start(place.line);
            title.element(snippet.annotation(AnnotationKind::Primary.span(marked)))
        }
        None => title.element(Arrow::path(origin)),
    };
    if let Some(help) = problem.help() {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// Where a problem is, in a word: `server.toml:3:1`; an override is one line, so its name is enough.
pub(super) fn location(problem: &Problem) -> String {
    let origin = problem.origin();
    match (&problem.source.origin, &problem.place) {
        (Origin::File(_), Some(place)) => format!("{origin}:{}:{}", place.line, place.column),
        _ => origin,
    }
}

/// What is shown of a line, and which bytes of that are underlined.
struct Excerpt {
    text: String,
    marked: Range<usize>,
}

impl Excerpt {
    /// How many bytes from the marked text on are handed on; the renderer cuts to the width of a terminal, and
    /// needs what is before only to count columns.
    const BEHIND: usize = 400;

    fn new(source: &Source, place: &Place) -> Self {
        let before = source.slice(place.text.start..place.marked.start);
        let inside = source.slice(place.marked.clone());
        let inside = &inside[..inside.floor_char_boundary(Self::BEHIND)];
        let after = source.slice(place.marked.end..place.text.end).trim_end_matches('\r');
        let after = &after[..after.floor_char_boundary(Self::BEHIND)];

        let [before, inside, after] = [before, inside, after].map(printable);
        let marked = before.len()..before.len() + inside.len();
        Self { text: [before, inside, after].concat(), marked }
    }
}
