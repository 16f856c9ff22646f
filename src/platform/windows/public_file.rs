//! Who may read a file.

use std::fs::File;
use std::io;

/// Never known: who may read a file is a list here, which its folder has for it, and whoever wrote that had a reason.
///
/// # Errors
///
/// None.
#[expect(clippy::unnecessary_wraps, reason = "Unix has to ask")]
pub(crate) fn is_public(_file: &File) -> io::Result<bool> {
    Ok(false)
}
