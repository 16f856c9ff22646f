//! Files of proc(5) that are kept open, to be read when there is no descriptor left to open them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file whose text is made anew each time it is read from its beginning.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: &'static str,
    file: Mutex<Option<File>>,
}

impl KeptFile {
    pub(super) const fn new(path: &'static str) -> Self {
        Self { path, file: Mutex::new(None) }
    }

    /// Opens it, unless it is open.
    pub(super) fn open(&self) {
        drop(self.opened());
    }

    /// What it says now. `None` where it can't be read, or opened if that has not been done.
    pub(super) fn read(&self) -> Option<String> {
        read_all(self.opened().as_ref()?)
    }

    fn opened(&self) -> MutexGuard<'_, Option<File>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = File::open(self.path).ok();
        }
        file
    }
}

/// One read has it all, unless it is longer than any of them has been so far.
const LENGTH: usize = 8 * 1024;

fn read_all(file: &File) -> Option<String> {
    let mut text = vec![0; LENGTH];
    let mut filled = 0;
    loop {
        let read = file.read_at(&mut text[filled..], filled as u64).ok()?;
        if read == 0 {
            text.truncate(filled);
            return String::from_utf8(text).ok();
        }
        filled += read;
        if filled == text.len() {
            text.resize(2 * filled, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn it_is_read_as_it_is_now() {
        let kept = KeptFile::new("/proc/self/io");
        kept.open();
        let written = || {
            let text = kept.read().unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
            line.parse::<u64>().unwrap()
        };
        let before = written();
        File::create("/dev/null").unwrap().write_all(&[0; 100]).unwrap();
        assert!(written() >= before + 100);
    }

    #[test]
    fn longer_than_a_read_it_is_whole() {
        let mut file = tempfile::tempfile().unwrap();
        let text = "0123456789".repeat(LENGTH);
        file.write_all(text.as_bytes()).unwrap();
        assert_eq!(read_all(&file), Some(text));
    }

    #[test]
    fn what_is_not_there_says_nothing() {
        assert_eq!(KeptFile::new("/proc/self/nothing").read(), None);
    }
}
