//! `terima schema`.

use crate::command::{ended, ended_with, terima};

#[tokio::test]
async fn it_prints_what_the_library_makes() {
    let printed = ended_with(["schema"]).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let printed: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(&printed, terima::Server::builder().schema().as_value());
}

#[tokio::test]
async fn a_file_that_init_writes_is_right() {
    let schema = serde_json::from_str(&ended_with(["schema"]).await.stdout).unwrap();
    let written: serde_json::Value = toml::from_str(&ended_with(["init", "-"]).await.stdout).unwrap();
    jsonschema::draft7::new(&schema).unwrap().validate(&written).unwrap();
}

#[tokio::test]
async fn it_reads_no_configuration() {
    for option in [["--config", "server.toml"], ["--set", "server.workers=1"]] {
        let refused = ended(terima().args(option).arg("schema")).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(64), ""), "{option:?}");
        assert!(refused.stderr.contains(option[0]), "{}", refused.stderr);
    }
}
