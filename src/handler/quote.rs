//! Handler `quote`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

use super::{Handler, HandlerError};
use crate::codec::Framing;
use crate::config::FilePath;
use crate::connection::Connection;

/// The handler `quote`: sends one quote, chosen at random, and closes, after RFC 865 for TCP.
///
/// Nothing is waited for, and what the client sends is thrown away. Lines end with CRLF, whatever ends them in the file.
#[derive(Debug, Clone)]
pub struct Quote {
    /// Never empty.
    quotes: Vec<Bytes>,
}

/// The options of handler `quote`.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct QuoteOptions {
    /// A file of quotes in the form of fortune(6): between two of them is a line with `%` alone. It is read when the
    /// configuration is. Without it, there are a few proverbs.
    pub file: Option<FilePath>,
}

/// RFC 865 has a quote be shorter than so many characters.
const LONGEST: usize = 512;

const PROVERBS: &str = "\
Sedikit demi sedikit, lama-lama menjadi bukit.
Little by little it becomes a hill.
%
Sambil menyelam minum air.
While diving, drink.
%
Air beriak tanda tak dalam.
Water that ripples is not deep.
%
Besar pasak daripada tiang.
The peg is larger than the post: spending more than there is.
%
Tong kosong nyaring bunyinya.
An empty barrel sounds loudest.
%
Biar lambat asal selamat.
Slow, as long as it is safe.
";

/// Why a file of quotes can't be served.
#[derive(Debug, thiserror::Error)]
enum QuoteError {
    #[error("{file}: can't read the quotes: {error}")]
    Unreadable { file: String, error: std::io::Error },
    #[error("{file}: it is larger than {} MiB: is it the right one?", LARGEST >> 20)]
    TooLarge { file: String },
    #[error("{file}: there is no quote in it; quotes stand between lines with `%` alone")]
    Empty { file: String },
    #[error(
        "{file}:{line}: the quote that begins here has {length} bytes on the wire; RFC 865 wants fewer than {LONGEST}"
    )]
    TooLong { file: String, line: usize, length: usize },
    #[error("{file}:{line}: there is a control character, {character:?}, in this line; a quote is text")]
    Control { file: String, line: usize, character: char },
    #[error("{file}:{line}: this line is not UTF-8")]
    NotText { file: String, line: usize },
}

/// More than anybody's quotes.
const LARGEST: u64 = 16 << 20;

impl Quote {
    /// Reads the quotes.
    ///
    /// # Errors
    ///
    /// The file can't be read, is larger than 16 MiB, has no quotes, or one that is no text or too long: by its line.
    pub fn new(options: &QuoteOptions) -> Result<Self, HandlerError> {
        let quotes = match &options.file {
            None => parse(PROVERBS, "the proverbs")?,
            Some(path) => {
                let file = path.as_path().display().to_string();
                parse(&read(path.as_path(), &file)?, &file)?
            }
        };
        Ok(Self { quotes })
    }
}

impl Handler for Quote {
    type Codec = Framing;

    async fn handle(&self, mut conn: Connection<Framing>) -> Result<(), HandlerError> {
        match fastrand::choice(&self.quotes) {
            Some(quote) => Ok(conn.send(quote.clone()).await?),
            None => Ok(()),
        }
    }
}

fn read(path: &Path, file: &str) -> Result<String, QuoteError> {
    let unreadable = |error| QuoteError::Unreadable { file: file.to_owned(), error };
    let mut text = Vec::new();
    // A device or a pipe does not tell its length.
    let opened = File::open(path).map_err(unreadable)?;
    opened.take(LARGEST + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(QuoteError::TooLarge { file: file.to_owned() });
    }
    String::from_utf8(text).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        QuoteError::NotText { file: file.to_owned(), line }
    })
}

/// Cuts a text into quotes, as they go over the wire.
fn parse(text: &str, file: &str) -> Result<Vec<Bytes>, QuoteError> {
    let mut quotes = Vec::new();
    let mut quote = String::new();
    let mut begun = 1;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().chain(["%"]).enumerate() {
        if line == "%" {
            if quote.len() >= LONGEST {
                return Err(QuoteError::TooLong { file: file.to_owned(), line: begun, length: quote.len() });
            }
            if !quote.trim().is_empty() {
                quotes.push(Bytes::from(quote));
            }
            quote = String::new();
            begun = index + 2;
            continue;
        }
        if let Some(character) = line.chars().find(|c| c.is_control() && *c != '\t') {
            return Err(QuoteError::Control { file: file.to_owned(), line: index + 1, character });
        }
        quote += line;
        quote += "\r\n";
    }
    if quotes.is_empty() {
        return Err(QuoteError::Empty { file: file.to_owned() });
    }
    Ok(quotes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn parsed(text: &str) -> Result<Vec<String>, String> {
        let quotes = parse(text, "q").map_err(|error| error.to_string())?;
        Ok(quotes.iter().map(|quote| String::from_utf8(quote.to_vec()).unwrap()).collect())
    }

    #[test]
    fn quotes_stand_between_percent_signs() {
        let table: [(&str, &[&str]); 6] = [
            ("one", &["one\r\n"]),
            ("one\n%\ntwo\nlines\n", &["one\r\n", "two\r\nlines\r\n"]),
            ("%\none\r\n%\r\n%\n\n%\ntwo\n%\n", &["one\r\n", "two\r\n"]),
            ("100 %\n% of it\n", &["100 %\r\n% of it\r\n"]),
            ("\u{feff}with\ttab and é", &["with\ttab and é\r\n"]),
            ("a\n\nb", &["a\r\n\r\nb\r\n"]),
        ];
        for (text, expected) in table {
            assert_eq!(parsed(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_built_in_ones_are_quotes() {
        assert_eq!(Quote::new(&QuoteOptions::default()).unwrap().quotes.len(), 6);
    }

    #[test]
    fn what_is_no_quote_is_told_by_its_line() {
        let long = format!("short\n%\n\n{}\n", "x".repeat(510));
        for (text, expected) in [
            ("", "q: there is no quote in it"),
            ("%\n \n%\n", "q: there is no quote in it"),
            (long.as_str(), "q:3: the quote that begins here has 514 bytes"),
            ("fine\nbell\u{7}\n", "q:2: there is a control character, '\\u{7}', in this line"),
            ("a\rb", "q:1: there is a control character, '\\r'"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        // With its CRLF one byte less than 512.
        parsed(&"x".repeat(509)).unwrap();
        parsed(&"x".repeat(510)).unwrap_err();
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quotes");
        let error = |path: &Path| read(path, "q").unwrap_err().to_string();
        assert!(error(&path).starts_with("q: can't read the quotes: "), "{}", error(&path));
        assert!(error(folder.path()).starts_with("q: can't read the quotes: "));
        fs::write(&path, b"good\nbad \xff\n").unwrap();
        assert_eq!(error(&path), "q:2: this line is not UTF-8");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_that_never_ends_does_not_fill_the_memory() {
        let error = read(Path::new("/dev/zero"), "q").unwrap_err().to_string();
        assert_eq!(error, "q: it is larger than 16 MiB: is it the right one?");
    }
}
