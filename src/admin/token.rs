//! What whoever comes over TCP has to know.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use subtle::ConstantTimeEq;
use tracing::info;

use crate::platform::{self, Account, Secrecy};

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
    /// The file is somebody else's, who may have written it.
    #[error("it belongs to {owner}, who may know what it holds; its mode is {mode:04o}")]
    Foreign {
        /// Whose it is, by name or number.
        owner: String,
        /// Its permissions.
        mode: u32,
    },
    /// Others than its owner may write to it, or everybody may read it.
    #[error("its mode is {mode:04o}, so others than its owner, {owner}, may know or change what it holds")]
    Exposed {
        /// Whose it is, by name or number.
        owner: String,
        /// Its permissions.
        mode: u32,
    },
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
    /// Reads the token that a service asks for, or makes it and its file, for an account.
    ///
    /// # Errors
    ///
    /// The file holds no token, or can be neither read nor made; or others may know or change what it holds.
    pub(crate) fn read_or_make(path: &Path, account: Account) -> Result<Self, TokenError> {
        match Self::read_kept(path, account) {
            Err(TokenError::Read(error)) if error.kind() == ErrorKind::NotFound => {
                match make(path, account) {
                    // Another process was faster.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read_kept(path, account),
                    Err(error) => Err(TokenError::Make(error)),
                    Ok(token) => {
                        info!(file = %path.display(), "made a token for the admin interface");
                        Ok(token)
                    }
                }
            }
            read => read,
        }
    }

    /// Reads the token of a file, to show it: whether it is a good one is for the service to say.
    ///
    /// # Errors
    ///
    /// The file can't be read, or holds no token.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        Self::of(platform::open_private(path).map_err(TokenError::Read)?)
    }

    /// Reads the token of a file that keeps it.
    fn read_kept(path: &Path, account: Account) -> Result<Self, TokenError> {
        let file = platform::open_private(path).map_err(TokenError::Read)?;
        match platform::secrecy(&file, account).map_err(TokenError::Read)? {
            Secrecy::Kept => Self::of(file),
            Secrecy::Foreign { owner, mode } => Err(TokenError::Foreign { owner, mode }),
            Secrecy::Exposed { owner, mode } => Err(TokenError::Exposed { owner, mode }),
        }
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

    fn of(file: File) -> Result<Self, TokenError> {
        let mut bytes = Vec::new();
        file.take(LONGEST as u64 + 16).read_to_end(&mut bytes).map_err(TokenError::Read)?;
        let line = bytes.trim_ascii();
        let fit = (SHORTEST..=LONGEST).contains(&line.len()) && line.iter().all(u8::is_ascii_graphic);
        if fit { Ok(Self(line.to_vec())) } else { Err(TokenError::Unfit) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Makes a file with a token of chance.
fn make(path: &Path, account: Account) -> io::Result<Token> {
    let mut chance = [0; 32];
    getrandom::fill(&mut chance).map_err(io::Error::from)?;
    let text: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = platform::create_private(path, account)?;
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

    const NOBODY: Account = Account { user: None, group: None };

    #[test]
    fn one_that_is_not_there_is_made_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let made = Token::read_or_make(&path, NOBODY).unwrap();
        assert_eq!(made.0.len(), 64);
        assert!(Token::read_or_make(&path, NOBODY).unwrap().is(&made.0));
        assert!(Token::read(&path).unwrap().is(&made.0));
        let other = Token::read_or_make(&folder.path().join("other.token"), NOBODY).unwrap();
        assert!(!other.is(&made.0));
        assert_eq!(format!("{made:?}"), "Token");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        platform::create_private(&path, NOBODY).unwrap();
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
            assert_eq!(Token::read_or_make(&path, NOBODY).is_ok(), fit, "{text:?}");
        }
        assert!(matches!(
            Token::read_or_make(&folder.path().join("no-such-folder/token"), NOBODY),
            Err(TokenError::Make(_))
        ));
        assert!(matches!(Token::read_or_make(folder.path(), NOBODY), Err(TokenError::Read(_))));
    }

    #[cfg(unix)]
    #[test]
    fn one_that_others_may_know_is_shown_but_not_asked_for() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        Token::read_or_make(&path, NOBODY).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let refused = Token::read_or_make(&path, NOBODY).unwrap_err();
        assert!(matches!(refused, TokenError::Exposed { mode: 0o604, .. }), "{refused}");
        assert!(refused.to_string().starts_with("its mode is 0604, so others "), "{refused}");
        Token::read(&path).unwrap();
    }
}
