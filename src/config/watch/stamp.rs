//! What tells that a file is not what it was, without reading it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use crate::platform::{self, FileId};

/// What the system tells of a file, behind all links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stamp {
    Is {
        size: u64,
        modified: Option<SystemTime>,
        id: FileId,
    },
    /// There is none, or it can't be asked for.
    IsNot(ErrorKind),
}

impl Stamp {
    pub(super) fn of(file: &Path) -> Self {
        match file.metadata() {
            Ok(metadata) => Self::Is {
                size: metadata.len(),
                modified: metadata.modified().ok(),
                id: platform::file_id(&metadata),
            },
            Err(error) => Self::IsNot(error.kind()),
        }
    }
}
