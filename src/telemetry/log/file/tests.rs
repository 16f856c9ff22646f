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

fn open(path: &Path, retention: Retention, now: SystemTime) -> io::Result<LogFile> {
    LogFile::open(path, retention, true, now)
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
    let mut log = open(&folder.path(), kept(Rotation::Daily, Some(7)), monday).unwrap();
    log.write(b"one\n", monday).unwrap();
    log.write(b"two\n", at("2026-11-24T00:00:00Z")).unwrap();
    log.write(b"three\n", at("2026-11-24T23:59:59Z")).unwrap();
    // Two days without a line: the name tells when the last was written.
    log.write(b"four\n", at("2026-11-27T00:00:00Z")).unwrap();
    log.flush().unwrap();
    assert_eq!(
        folder.files(),
        owned(&[("t.log", "four\n"), ("t.log.2026-11-23", "one\n"), ("t.log.2026-11-24", "two\nthree\n")])
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
    let mut log = open(&path, retention, now).unwrap();
    log.write(b"new\n", now).unwrap();
    log.flush().unwrap();
    assert_eq!(folder.files(), owned(&[("t.log", "new\n"), ("t.log.2026-11-20", "old\n")]));
}

#[test]
fn no_file_grows_beyond_its_size_and_no_line_is_cut() {
    let folder = Folder::new();
    let now = at("2026-11-24T12:00:00Z");
    let mut log = open(&folder.path(), kept(Rotation::Size(10), None), now).unwrap();
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
    let mut log = open(&folder.path(), kept(Rotation::Hourly, Some(2)), start).unwrap();
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
    let mut log = open(&folder.path(), kept(Rotation::Size(1), Some(2)), now).unwrap();
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
    let mut log = open(&path, retention, monday).unwrap();
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

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_has_no_room_for_goes_to_the_next_file() {
    let folder = Folder::new();
    let (path, now) = (folder.path(), SystemTime::now());
    // full(4): there is no room, ever.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut log = open(&path, kept(Rotation::Never, None), now).unwrap();
    log.write(b"one\n", now).unwrap();
    log.flush().unwrap_err();
    log.reopen(now).unwrap();
    log.flush().unwrap_err();
    fs::remove_file(&path).unwrap();
    log.reopen(now).unwrap();
    log.write(b"two\n", now).unwrap();
    log.flush().unwrap();
    assert_eq!(folder.files(), owned(&[("t.log", "one\ntwo\n")]));
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_where_that_is_harmless() {
    let folder = Folder::new();
    let (path, retention, now) = (folder.path(), kept(Rotation::Never, None), SystemTime::now());
    let named = folder.0.path().join("named");
    std::os::unix::fs::symlink(&named, &path).unwrap();
    let error = LogFile::open(&path, retention, false, now).unwrap_err();
    assert!(error.to_string().starts_with("it is a symbolic link"), "{error}");
    assert!(!named.exists());
    let mut log = open(&path, retention, now).unwrap();
    log.write(b"one\n", now).unwrap();
    log.flush().unwrap();
    assert_eq!(fs::read_to_string(&named).unwrap(), "one\n");
}

#[test]
fn of_two_that_share_a_file_one_puts_it_aside() {
    let folder = Folder::new();
    let (path, retention) = (folder.path(), kept(Rotation::Daily, None));
    let (monday, tuesday) = (at("2026-11-23T12:00:00Z"), at("2026-11-24T12:00:00Z"));
    let mut logs = [0, 1].map(|_| open(&path, retention, monday).unwrap());
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
    let log = open(&folder.path(), kept(Rotation::Never, None), SystemTime::now()).unwrap();
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
    let mut log = open(&path, retention, monday).unwrap();
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
