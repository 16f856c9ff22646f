//! The log's file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
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
    /// As open(2).
    pub(super) fn open(path: &Path, retention: Retention, now: SystemTime) -> io::Result<Self> {
        let file = platform::append(path)?;
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
        })
    }

    /// Opens the file of that name again, which is another one if somebody has put this one aside.
    ///
    /// # Errors
    ///
    /// As open(2); lines go on to the one that is open.
    pub(super) fn reopen(&mut self, now: SystemTime) -> io::Result<()> {
        let new = Self::open(&self.path, self.retention, now)?;
        // What can't be written any more is counted as lost by who flushes.
        let flushed = self.out.flush();
        *self = new;
        flushed
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
mod tests {
    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::*;

    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("t.log")
        }

        /// Names and contents, in the order of the names.
        fn files(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<_> = entries
                .map(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    (name, fs::read_to_string(path).unwrap())
                })
                .collect();
            files.sort();
            files
        }
    }

    fn kept(rotation: Rotation, keep: Option<usize>) -> Retention {
        Retention { rotation, keep }
    }

    fn at(time: &str) -> SystemTime {
        time.parse::<Timestamp>().unwrap().into()
    }

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_new_day_begins_a_new_file() {
        let folder = Folder::new();
        let monday = at("2026-11-23T23:59:59Z");
        let mut log = LogFile::open(&folder.path(), kept(Rotation::Daily, Some(7)), monday).unwrap();
        log.write(b"one\n", monday).unwrap();
        log.write(b"two\n", at("2026-11-24T00:00:00Z")).unwrap();
        log.write(b"three\n", at("2026-11-24T23:59:59Z")).unwrap();
        // Two days without a line: the name tells when the last was written.
        log.write(b"four\n", at("2026-11-27T00:00:00Z")).unwrap();
        log.flush().unwrap();
        assert_eq!(
            folder.files(),
            owned(&[
                ("t.log", "four\n"),
                ("t.log.2026-11-23", "one\n"),
                ("t.log.2026-11-24", "two\nthree\n")
            ])
        );
    }

    #[test]
    fn a_file_of_yesterday_is_put_aside_by_the_first_line() {
        let folder = Folder::new();
        let (path, retention) = (folder.path(), kept(Rotation::Daily, Some(7)));
        fs::write(&path, "old\n").unwrap();
        let old = File::options().append(true).open(&path).unwrap();
        old.set_modified(at("2026-11-20T12:00:00Z")).unwrap();
        let now = at("2026-11-24T12:00:00Z");
        let mut log = LogFile::open(&path, retention, now).unwrap();
        log.write(b"new\n", now).unwrap();
        log.flush().unwrap();
        assert_eq!(folder.files(), owned(&[("t.log", "new\n"), ("t.log.2026-11-20", "old\n")]));
    }

    #[test]
    fn no_file_grows_beyond_its_size_and_no_line_is_cut() {
        let folder = Folder::new();
        let now = at("2026-11-24T12:00:00Z");
        let mut log = LogFile::open(&folder.path(), kept(Rotation::Size(10), None), now).unwrap();
        for line in ["12345\n", "123\n", "1\n", "longer than all of it\n", "6\n"] {
            log.write(line.as_bytes(), now).unwrap();
        }
        log.flush().unwrap();
        let aside = "t.log.2026-11-24T12-00-00";
        assert_eq!(
            folder.files(),
            owned(&[
                ("t.log", "6\n"),
                (aside, "12345\n123\n"),
                (&format!("{aside}.1"), "1\n"),
                (&format!("{aside}.2"), "longer than all of it\n"),
            ])
        );
    }

    #[test]
    fn only_the_latest_are_kept() {
        let folder = Folder::new();
        let start = at("2026-11-01T00:00:00Z");
        let mut log = LogFile::open(&folder.path(), kept(Rotation::Hourly, Some(2)), start).unwrap();
        for hour in 0..5 {
            log.write(format!("{hour}\n").as_bytes(), start + Duration::from_secs(3600 * hour)).unwrap();
        }
        let names: Vec<String> = folder.files().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["t.log", "t.log.2026-11-01T02", "t.log.2026-11-01T03"]);
    }

    #[test]
    fn the_latest_of_one_second_are_kept() {
        let folder = Folder::new();
        let now = at("2026-11-24T12:00:00Z");
        let mut log = LogFile::open(&folder.path(), kept(Rotation::Size(1), Some(2)), now).unwrap();
        for line in 0..6 {
            log.write(format!("{line}\n").as_bytes(), now).unwrap();
        }
        log.flush().unwrap();
        let texts: Vec<String> = folder.files().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["5\n", "3\n", "4\n"]);
    }

    #[test]
    fn what_somebody_else_put_aside_is_left_to_him() {
        let folder = Folder::new();
        let (path, retention) = (folder.path(), kept(Rotation::Daily, None));
        let monday = at("2026-11-23T12:00:00Z");
        let mut log = LogFile::open(&path, retention, monday).unwrap();
        log.write(b"one\n", monday).unwrap();
        log.flush().unwrap();
        fs::rename(&path, folder.0.path().join("theirs")).unwrap();
        // Still the same file, until it is opened again.
        log.write(b"two\n", monday).unwrap();
        log.reopen(monday).unwrap();
        log.write(b"three\n", monday).unwrap();
        log.flush().unwrap();
        assert_eq!(folder.files(), owned(&[("t.log", "three\n"), ("theirs", "one\ntwo\n")]));
    }

    #[cfg(unix)]
    #[test]
    fn of_two_that_share_a_file_one_puts_it_aside() {
        let folder = Folder::new();
        let (path, retention) = (folder.path(), kept(Rotation::Daily, None));
        let (monday, tuesday) = (at("2026-11-23T12:00:00Z"), at("2026-11-24T12:00:00Z"));
        let mut logs = [0, 1].map(|_| LogFile::open(&path, retention, monday).unwrap());
        for (time, text) in [(monday, "monday\n"), (tuesday, "tuesday\n")] {
            for log in &mut logs {
                log.write(text.as_bytes(), time).unwrap();
                log.flush().unwrap();
            }
        }
        assert_eq!(
            folder.files(),
            owned(&[("t.log", "tuesday\ntuesday\n"), ("t.log.2026-11-23", "monday\nmonday\n")])
        );
    }

    #[cfg(unix)]
    #[test]
    fn who_reads_it_is_the_owner_and_the_group() {
        use std::os::unix::fs::PermissionsExt;

        let folder = Folder::new();
        let log = LogFile::open(&folder.path(), kept(Rotation::Never, None), SystemTime::now()).unwrap();
        assert_eq!(log.file().metadata().unwrap().permissions().mode() & 0o777 & !0o640, 0);
    }

    #[cfg(unix)]
    #[test]
    fn where_it_cannot_be_put_aside_lines_go_on_to_it() {
        let folder = Folder::new();
        let inner = folder.0.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (path, retention) = (inner.join("t.log"), kept(Rotation::Daily, None));
        let (monday, tuesday) = (at("2026-11-23T12:00:00Z"), at("2026-11-24T12:00:00Z"));
        let mut log = LogFile::open(&path, retention, monday).unwrap();
        log.write(b"one\n", monday).unwrap();
        // The folder is gone, the file is not.
        let moved = folder.0.path().join("moved");
        fs::rename(&inner, &moved).unwrap();
        log.write(b"two\n", tuesday).unwrap_err();
        log.write(b"three\n", tuesday).unwrap();
        log.flush().unwrap();
        assert_eq!(fs::read_to_string(moved.join("t.log")).unwrap(), "one\ntwo\nthree\n");

        fs::rename(&moved, &inner).unwrap();
        log.write(b"four\n", tuesday + RETRY_EVERY).unwrap();
        log.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }
}
