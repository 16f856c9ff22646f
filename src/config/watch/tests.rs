use std::fs;
use std::time::{Duration, SystemTime};

use super::*;
use crate::telemetry::capture::Capture;

/// A number in a file.
fn number(file: &Path) -> Result<u32, ReadError> {
    let text = fs::read_to_string(file)?;
    if text.contains("panic") {
        panic!("as the test wants it");
    }
    text.trim().parse().map_err(|error| format!("{}:1: {error}", file.display()).into())
}

fn watched(file: &Path) -> Arc<Watched<u32>> {
    let path = file.to_owned();
    Watched::read([file.to_owned()], move || number(&path)).unwrap()
}

/// As the thread does it: the first look sees the change, the second that it keeps still.
fn look_twice(watched: &dyn Watchable) {
    watched.look();
    watched.look();
}

/// In place, and never with the stamp that it had.
fn write(file: &Path, text: &str) {
    let before = Stamp::of(file);
    fs::write(file, text).unwrap();
    let mut ahead = SystemTime::now();
    while Stamp::of(file) == before {
        ahead += Duration::from_secs(2);
        fs::File::options().write(true).open(file).unwrap().set_modified(ahead).unwrap();
    }
}

#[test]
fn a_file_is_read_again_once_it_has_changed_and_keeps_still() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    write(&file, "1");
    let watched = watched(&file);
    look_twice(&*watched);
    assert_eq!((**watched.load(), watched.reloads().reloaded), (1, 0), "it has not changed");

    write(&file, "20");
    watched.look();
    assert_eq!(**watched.load(), 1, "it may be half a number");
    write(&file, "200");
    watched.look();
    assert_eq!(**watched.load(), 1, "and was");
    watched.look();
    assert_eq!(**watched.load(), 200);
    look_twice(&*watched);
    assert_eq!(watched.reloads(), Reloads { reloaded: 1, failed: 0, stale: false });
}

#[test]
fn a_file_that_never_keeps_still_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    write(&file, "0");
    let watched = watched(&file);
    for count in 1..=MOST_UNSETTLED {
        write(&file, &"1".repeat(count as usize % 9 + 1));
        watched.look();
        assert_eq!(**watched.load(), 0);
    }
    write(&file, "7");
    watched.look();
    assert_eq!(**watched.load(), 7);
}

#[test]
fn what_is_changed_while_it_is_read_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    write(&file, "1");
    let path = file.clone();
    let watched = Watched::read([file.clone()], move || {
        let read = number(&path);
        if matches!(read, Ok(1)) {
            write(&path, "2");
        }
        read
    });
    let watched = watched.unwrap();
    assert_eq!(**watched.load(), 1);
    look_twice(&*watched);
    assert_eq!(**watched.load(), 2);
}

#[test]
fn the_last_good_value_stays_and_a_fault_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    write(&file, "1");
    let watched = watched(&file);
    let capture = Capture::new();
    tracing::dispatcher::with_default(&capture.dispatch(), || {
        write(&file, "one");
        for _ in 0..5 {
            watched.look();
        }
        let lines = capture.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0].level, tracing::Level::ERROR);
        assert!(lines[0]["error"].contains("number:1: invalid digit"), "{lines:?}");
        assert_eq!(watched.reloads(), Reloads { reloaded: 0, failed: 1, stale: true });

        // Gone, and another fault.
        fs::remove_file(&file).unwrap();
        look_twice(&*watched);
        assert_eq!((capture.lines().len(), watched.reloads().failed), (2, 2));
        write(&file, "panic");
        look_twice(&*watched);
        assert!(capture.lines()[2]["error"].contains("panicked"));
        assert_eq!((**watched.load(), watched.reloads().failed), (1, 3));

        write(&file, "3");
        look_twice(&*watched);
        assert_eq!(capture.lines()[3].level, tracing::Level::INFO);
    });
    assert_eq!(**watched.load(), 3);
    assert_eq!(watched.reloads(), Reloads { reloaded: 1, failed: 3, stale: false });
}

#[test]
fn a_fault_at_the_start_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    let path = file.clone();
    assert!(Watched::read([file.clone()], move || number(&path)).is_err());
}

#[test]
fn one_of_several_files_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| folder.path().join(name));
    for file in &files {
        write(file, "1");
    }
    let paths = files.clone();
    let sum = move || paths.iter().map(|file| number(file)).sum::<Result<u32, _>>();
    let watched = Watched::read(files.clone(), sum).unwrap();
    write(&files[1], "10");
    look_twice(&*watched);
    assert_eq!(**watched.load(), 11);
}

#[test]
fn a_file_that_is_renamed_over_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let (file, new) = (folder.path().join("number"), folder.path().join("new"));
    write(&file, "1");
    let watched = watched(&file);
    write(&new, "2");
    // Of the same size and the same time: on Windows, when it was made tells it, which on a fast machine it may not.
    #[cfg(unix)]
    {
        let time = file.metadata().unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
    }
    #[cfg(windows)]
    write(&new, "2\n");
    fs::rename(&new, &file).unwrap();
    look_twice(&*watched);
    assert_eq!(**watched.load(), 2);
}

/// Kubernetes puts files behind a link to a folder, and turns that to another folder.
#[cfg(unix)]
#[test]
fn a_link_that_is_turned_to_another_folder_is_a_change() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("v1", "1"), ("v2", "2")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("number"), text).unwrap();
    }
    symlink("v1", at("..data")).unwrap();
    symlink("..data/number", at("number")).unwrap();
    let watched = watched(&at("number"));
    symlink("v2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    look_twice(&*watched);
    assert_eq!(**watched.load(), 2);
}

#[test]
fn the_thread_looks_as_long_as_somebody_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    write(&file, "1");
    let path = file.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let read = move || {
        let read = number(&path);
        let _ = tell.send(read.as_ref().ok().copied());
        read
    };
    let watched = Watched::read([file.clone()], read).unwrap();
    watched.keep_watch();
    assert_eq!(told.recv(), Ok(Some(1)));
    write(&file, "22");
    assert_eq!(told.recv(), Ok(Some(22)));
    drop(watched);
    // The closure goes with it, once the thread has let go of it.
    assert!(told.recv().is_err());
}
