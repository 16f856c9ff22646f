//! `terima init`.

use crate::command::{Ended, ended, terima};

const SHIPPED: &str = include_str!("../../config/server.toml");

async fn init(folder: &tempfile::TempDir, arguments: &[&str]) -> Ended {
    ended(terima().arg("init").args(arguments).current_dir(folder.path())).await
}

#[tokio::test]
async fn it_writes_the_default_and_says_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, file) in [(&[][..], "server.toml"), (&["other.toml"], "other.toml")] {
        let written = init(&folder, arguments).await;
        assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""), "{file}");
        assert!(written.stdout.contains(&format!("terima --config {file}\n")), "{}", written.stdout);
        assert_eq!(std::fs::read_to_string(folder.path().join(file)).unwrap(), SHIPPED);

        let checked = ended(terima().args(["check", "--config", file]).current_dir(folder.path())).await;
        assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    }
}

#[tokio::test]
async fn a_file_that_exists_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.toml");
    std::fs::write(&file, "mine").unwrap();
    let ended = init(&folder, &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""));
    assert!(ended.stderr.starts_with("terima: server.toml exists already"), "{}", ended.stderr);
    assert!(ended.stderr.contains("help: name another FILE"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let ended = init(&folder, &["etc/server.toml"]).await;
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.starts_with("terima: there is no folder for etc/server.toml"), "{}", ended.stderr);
    assert!(!folder.path().join("etc").exists());
}

#[tokio::test]
async fn a_dash_is_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let ended = init(&folder, &["-"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), SHIPPED));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
