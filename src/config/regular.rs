//! A regular file, whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// There is something, but no file.
    NoFile,
    TooLarge,
    Failed(io::Error),
}

/// Reads a regular file of at most so many bytes. It is still open, so that who may read it can be asked of the very file.
pub(crate) fn read_regular(path: &Path, most: u64) -> Result<(File, Vec<u8>), NotRead> {
    // Asked before it is opened: a pipe would let that wait for its other end.
    if !path.metadata().map_err(NotRead::Failed)?.is_file() {
        return Err(NotRead::NoFile);
    }
    let file = File::open(path).map_err(NotRead::Failed)?;
    let mut bytes = Vec::new();
    (&file).take(most + 1).read_to_end(&mut bytes).map_err(NotRead::Failed)?;
    if bytes.len() as u64 > most { Err(NotRead::TooLarge) } else { Ok((file, bytes)) }
}
