//! The log's file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::rotation::{next_number, period_end, suffix, superfluous};
use crate::config::meant::{Retention, Rotation};
use crate::platform;

/// A file that lines are appended to. The one that is named is always the current one; when it is due, it is put aside
/// under another name.
///
/// Others may write to the same file, put it aside or remove it. What can't be done is tried again later, and lines go on
/// to the file that is open.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    retention: Retention,
    /// Whether its path may be a symbolic link.
    follow_links: bool,
    out: BufWriter<File>,
    /// With what is still in the buffer.
    size: u64,
    /// When its last line was written.
    last: SystemTime,
    /// When the next line is not one of its period any more.
    until: Option<SystemTime>,
    /// Putting it aside failed, and is not tried before.
    retry: Option<SystemTime>,
}

/// What went wrong with a line.
#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) error: io::Error,
    /// The line itself came to nothing.
    pub(super) lost: bool,
}

/// After a failure, putting the file aside is tried so often.
const RETRY_EVERY: Duration = Duration::from_secs(60);

impl LogFile {
    /// Opens the file, or makes it, readable for its owner and group. What is in it stays.
    ///
    /// # Errors
    ///
    /// As open(2); and it is a symbolic link, unless those are followed.
    pub(super) fn open(
        path: &Path,
        retention: Retention,
        follow_links: bool,
        now: SystemTime,
    ) -> io::Result<Self> {
        let file = platform::append(path, follow_links)?;
        let found = file.metadata()?;
        // An old file belongs to its own period: the first line finds that it is over.
        let last = if found.len() > 0 { found.modified().unwrap_or(now) } else { now };
        Ok(Self {
            out: BufWriter::with_capacity(64 * 1024, file),
            size: found.len(),
            last,
            until: period_end(retention.rotation, last),
            retry: None,
            path: path.to_owned(),
            retention,
            follow_links,
        })
    }

    /// Opens the file of that name again, which is another one if somebody has put this one aside. What the old one has no
    /// room for, as on a full disk, goes to the new one.
    ///
    /// # Errors
    ///
    /// As open(2); lines go on to the one that is open.
    pub(super) fn reopen(&mut self, now: SystemTime) -> io::Result<()> {
        let new = Self::open(&self.path, self.retention, self.follow_links, now)?;
        // What can't be written stays in its buffer.
        let _ = self.out.flush();
        let old = mem::replace(self, new);
        let (_, left) = old.out.into_parts();
        let left = left.unwrap_or_default();
        self.size += left.len() as u64;
        // There is room for it in the new buffer, which is as large.
        self.out.write_all(&left)
    }

    /// Appends a line, and puts the file aside before it if that is due.
    ///
    /// # Errors
    ///
    /// The line could not be written, or it was, and the file could not be put aside.
    pub(super) fn write(&mut self, line: &[u8], now: SystemTime) -> Result<(), WriteError> {
        let rotated = if self.is_due(line.len(), now) { self.rotate(now) } else { Ok(()) };
        self.out.write_all(line).map_err(|error| WriteError { error, lost: true })?;
        self.size += line.len() as u64;
        self.last = now;
        rotated.map_err(|error| WriteError { error, lost: false })
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        self.out.get_ref()
    }

    fn is_due(&self, line: usize, now: SystemTime) -> bool {
        let over = self.until.is_some_and(|until| now >= until);
        let full = match self.retention.rotation {
            Rotation::Size(most) => self.size > 0 && self.size + line as u64 > most,
            _ => false,
        };
        (over || full) && self.retry.is_none_or(|retry| now >= retry)
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let rotated = self.put_aside().and_then(|()| self.reopen(now));
        if rotated.is_err() {
            self.retry = Some(now + RETRY_EVERY);
        }
        rotated
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.out.flush()?;
        // Another process may have been faster.
        if platform::is_at(self.out.get_ref(), &self.path) {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            let suffix = suffix(self.retention.rotation, self.last);
            let number = next_number(&name, &suffix, self.beside().iter().map(String::as_str));
            fs::rename(&self.path, free_path(&self.path, &suffix, number))?;
            self.remove_superfluous(&name);
        }
        Ok(())
    }

    /// What can't be removed stays, and is tried again at the next turn.
    fn remove_superfluous(&self, name: &str) {
        let Some(keep) = self.retention.keep else { return };
        for old in superfluous(name, self.beside().iter().map(String::as_str), keep) {
            let _ = fs::remove_file(folder(&self.path).join(old));
        }
    }

    /// The names in the file's folder; none if it may not be read.
    fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(folder(&self.path));
        let names =
            entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.collect()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path with the suffix and the number, or the next where there is something already.
fn free_path(path: &Path, suffix: &str, number: u32) -> PathBuf {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 0 { format!(".{suffix}") } else { format!(".{suffix}.{number}") });
        PathBuf::from(name)
    };
    let mut paths = (number..=u32::MAX).map(numbered);
    paths.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| numbered(number))
}

#[cfg(test)]
mod tests;
