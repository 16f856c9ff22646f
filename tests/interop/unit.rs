//! The unit, as systemd reads it.

use std::fs;
use std::path::Path;

use tokio::process::Command;

use crate::command::ended;

const UNIT: &str = include_str!("../../dist/systemd/terima.service");

/// Exposure in tenths, from 0 to 100: what systemd-analyze calls OK ends at 40. It may not grow by accident.
const MOST_EXPOSED: &str = "20";

/// The unit in a folder of its own, with the built command in the place of the one that the package installs.
fn unit(folder: &Path) -> String {
    let installed = "ExecStart=/usr/bin/terima ";
    assert!(UNIT.contains(installed));
    let file = folder.join("terima.service");
    let built = format!("ExecStart={} ", env!("CARGO_BIN_EXE_terima"));
    fs::write(&file, UNIT.replace(installed, &built)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs systemd-analyze: .ci/interop"]
async fn systemd_has_nothing_to_say_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let told =
        ended(Command::new("systemd-analyze").args(["verify", "--man=no", &unit(folder.path())])).await;
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
#[ignore = "needs systemd-analyze: .ci/interop"]
async fn its_sandbox_is_as_tight_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold, &unit(folder.path())];
    let told = ended(Command::new("systemd-analyze").args(arguments)).await;
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
}
