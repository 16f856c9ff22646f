//! Who may read a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Whether everybody on this machine may read an open file.
///
/// # Errors
///
/// As fstat(2).
pub(crate) fn is_public(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.mode() & 0o004 != 0)
}
