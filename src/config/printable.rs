//! Text that others wrote, made fit for a terminal.

use std::borrow::Cow;

/// The text with every character that could steer a terminal replaced by one that is seen.
///
/// One character stays one character, so columns hold.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| seen(c) == c) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(seen).collect())
}

/// The text in backticks, printable, and cut where it is too long to be read in a sentence.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut chars = text.chars().map(seen);
    let head: String = chars.by_ref().take(LONGEST).collect();
    let cut = if chars.next().is_some() { "…" } else { "" };
    format!("`{head}{cut}`")
}

fn seen(c: char) -> char {
    match c {
        '\t' => ' ',
        // U+2400 begins the pictures of the control characters, in their order.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '\u{2421}',
        // C1 (U+009B opens an escape sequence), line separators, and what reverses or hides text.
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        _ => c,
    }
}
