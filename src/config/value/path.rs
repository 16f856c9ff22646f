//! Paths of files.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// The path of a file, in options: `file = "quotes.txt"`.
///
/// A relative one is relative to the `server.toml` that it is written in, or to the working directory where it comes from
/// the command line or the environment. Nothing is opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePath(PathBuf);

impl FilePath {
    /// Tells the configuration's reader that the string is a path, for it to be put behind its file's folder.
    pub(in crate::config) const MARK: &'static str = "terima::FilePath";

    /// The path, as it can be opened.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl From<FilePath> for PathBuf {
    fn from(path: FilePath) -> Self {
        path.0
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(Self::MARK, PathVisitor)
    }
}

struct PathVisitor;

impl<'de> Visitor<'de> for PathVisitor {
    type Value = FilePath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path of a file")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FilePath, E> {
        if text.is_empty() {
            return Err(E::custom("a path must not be empty"));
        }
        Ok(FilePath(text.into()))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<FilePath, D::Error> {
        deserializer.deserialize_str(self)
    }
}
