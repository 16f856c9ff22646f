//! Which file it is.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Differs between two files, and before and after most changes of one, also where size and time were put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
    /// When its inode was changed, in seconds and nanoseconds.
    changed: (i64, i64),
}

pub(crate) fn file_id(metadata: &Metadata) -> FileId {
    FileId {
        device: metadata.dev(),
        inode: metadata.ino(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}
