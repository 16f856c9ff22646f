//! Text of others, made safe for a log and a terminal.

use std::fmt::{self, Display, Write};

/// Shows `0` without a character that could steer a terminal, break a line of the log, or pass for other text.
///
/// Controls (C0, DEL, C1), line and paragraph separators and the marks of bidirectional text come out as escapes; all
/// else is left as it is. What is longer than [`MOST_CHARACTERS`] is cut and ends in `…`, and is not even formatted
/// beyond that, so a peer can't fill the log with one line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Escaped<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: Display + ?Sized> Display for Escaped<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut escaper = Escaper { out: f, left: MOST_CHARACTERS, cut: false };
        match write!(escaper, "{}", self.0) {
            // The error was only the way to stop `T` early.
            Err(_) if escaper.cut => f.write_char('…'),
            written => written,
        }
    }
}

/// As many characters of the text are shown.
pub(crate) const MOST_CHARACTERS: usize = 512;

struct Escaper<'f, 'b> {
    out: &'f mut fmt::Formatter<'b>,
    left: usize,
    cut: bool,
}

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.left == 0 {
                self.cut = true;
                return Err(fmt::Error);
            }
            self.left -= 1;
            match character {
                '\n' => self.out.write_str("\\n")?,
                '\r' => self.out.write_str("\\r")?,
                '\t' => self.out.write_str("\\t")?,
                unsafe_to_show if is_unsafe_to_show(unsafe_to_show) => {
                    write!(self.out, "{}", unsafe_to_show.escape_unicode())?;
                }
                plain => self.out.write_char(plain)?,
            }
        }
        Ok(())
    }
}

fn is_unsafe_to_show(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Line and paragraph separator.
            '\u{2028}' | '\u{2029}'
            // Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX #9).
            | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_harmless_passes_as_it_is() {
        let table = [
            ("plain, ünïcödé, 日本語, \\ and \"quotes\"", "plain, ünïcödé, 日本語, \\ and \"quotes\""),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{1b}[2J\u{7}\0\u{7f}", "\\u{1b}[2J\\u{7}\\u{0}\\u{7f}"),
            ("\u{85}\u{9b}31m", "\\u{85}\\u{9b}31m"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            ("one\u{2028}two", "one\\u{2028}two"),
        ];
        for (text, shown) in table {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn no_control_character_passes() {
        let all: Vec<char> = ('\0'..='\u{ffff}').filter(|character| is_unsafe_to_show(*character)).collect();
        assert_eq!(all.len(), 65 + 2 + 12);
        for character in all {
            let shown = Escaped(&character).to_string();
            assert!(shown.chars().all(|c| c.is_ascii_graphic()), "{character:?} is shown as {shown:?}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        let exact = "é".repeat(MOST_CHARACTERS);
        assert_eq!(Escaped(&exact).to_string(), exact);
        assert_eq!(Escaped(&format!("{exact}é")).to_string(), format!("{exact}…"));
    }

    #[test]
    fn what_is_cut_is_not_formatted() {
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("more ")?;
                }
            }
        }
        assert_eq!(Escaped(&Endless).to_string().chars().count(), MOST_CHARACTERS + 1);
    }
}
