//! What whoever comes over TCP has to know.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use subtle::ConstantTimeEq;
use tracing::{info, warn};

use crate::platform;

/// A secret that a request carries. It is never shown.
#[derive(Clone)]
pub(crate) struct Token(Vec<u8>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Its file can't be read.
    #[error("it can't be read")]
    Read(#[source] io::Error),
    /// There is no file, and none can be made.
    #[error("it is not there, and can't be made")]
    Make(#[source] io::Error),
    /// What the file holds is no token.
    #[error(
        "it holds no token, which is one line of {SHORTEST} to {LONGEST} printable characters without a space"
    )]
    Unfit,
}

/// As many characters can't be guessed.
const SHORTEST: usize = 16;

/// Less than a request's head may be long.
const LONGEST: usize = 512;

impl Token {
    /// Reads the token of a file, or makes both.
    ///
    /// # Errors
    ///
    /// The file holds no token, or can be neither read nor made.
    pub(crate) fn read_or_make(path: &Path) -> Result<Self, TokenError> {
        match Self::read(path) {
            Err(TokenError::Read(error)) if error.kind() == ErrorKind::NotFound => match make(path) {
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(path),
                Err(error) => Err(TokenError::Make(error)),
                Ok(token) => {
                    info!(file = %path.display(), "made a token for the admin interface");
                    Ok(token)
                }
            },
            read => read,
        }
    }

    /// Reads the token of a file.
    ///
    /// # Errors
    ///
    /// The file can't be read, or holds no token.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let file = File::open(path).map_err(TokenError::Read)?;
        if platform::is_public(&file).unwrap_or(false) {
            warn!(file = %path.display(), "everybody on this machine may read the token of the admin interface");
        }
        let mut bytes = Vec::new();
        file.take(LONGEST as u64 + 16).read_to_end(&mut bytes).map_err(TokenError::Read)?;
        Self::of(&bytes).ok_or(TokenError::Unfit)
    }

    /// Whether this is the token; it takes the same time wherever the first difference is.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }

    /// The text of it, for a request.
    #[cfg(feature = "cli")]
    pub(crate) fn secret(&self) -> &[u8] {
        &self.0
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let line = bytes.trim_ascii();
        let fit = (SHORTEST..=LONGEST).contains(&line.len()) && line.iter().all(u8::is_ascii_graphic);
        fit.then(|| Self(line.to_vec()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Makes a file with a token of chance.
fn make(path: &Path) -> io::Result<Token> {
    let mut chance = [0; 32];
    getrandom::fill(&mut chance).map_err(io::Error::from)?;
    let text: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = platform::create_private(path)?;
    let written = file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a token would be read at the next start.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(Token(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_not_there_is_made_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let made = Token::read_or_make(&path).unwrap();
        assert_eq!(made.0.len(), 64);
        assert!(Token::read_or_make(&path).unwrap().is(&made.0));
        let other = Token::read_or_make(&folder.path().join("other.token")).unwrap();
        assert!(!other.is(&made.0));
        assert_eq!(format!("{made:?}"), "Token");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        for (text, fit) in [
            ("0123456789abcdef", true),
            ("0123456789abcdef\r\n", true),
            (&*"x".repeat(512), true),
            ("", false),
            ("\n", false),
            ("0123456789abcde", false),
            ("0123456789 abcdef", false),
            ("0123456789abcdef\nmore of it", false),
            ("0123456789abcdefü", false),
            (&*"x".repeat(513), false),
            (&*"x".repeat(100_000), false),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(Token::read_or_make(&path).is_ok(), fit, "{text:?}");
        }
        assert!(matches!(
            Token::read_or_make(&folder.path().join("no-such-folder/token")),
            Err(TokenError::Make(_))
        ));
        assert!(matches!(Token::read_or_make(folder.path()), Err(TokenError::Read(_))));
    }
}
