//! `tests/config/NAME.toml` and what is said about it, `NAME.txt`.
//!
//! Where Windows has something else to say, it is in `NAME.windows.txt`.
//!
//! With `TERIMA_UPDATE_FIXTURES` set, what is said now is written there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{Overrides, read};

#[test]
fn each_fixture_says_what_stands_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();

    let mut wrong = Vec::new();
    for path in &files {
        let said = said(path);
        let expected = beside(path);
        if fs::read_to_string(&expected).unwrap_or_default() == said {
            continue;
        }
        if std::env::var_os("TERIMA_UPDATE_FIXTURES").is_some() {
            let system = if cfg!(windows) { "windows.txt" } else { "txt" };
            fs::write(path.with_extension(system), &said).unwrap();
        } else {
            wrong.push(format!("{}:\n{said}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files.len(), 36);
}

/// What is to be said on this system.
fn beside(path: &Path) -> PathBuf {
    let own = path.with_extension("windows.txt");
    if cfg!(windows) && own.exists() { own } else { path.with_extension("txt") }
}

fn said(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let (_, mut faults) = read(name, &fs::read_to_string(path).unwrap(), &Overrides::default());
    if faults.is_empty() {
        let warnings = faults.take_warnings();
        let warnings: Vec<String> = warnings.iter().map(|warning| warning.render(false) + "\n").collect();
        return format!("{}nothing is wrong\n", warnings.join("\n"));
    }
    let said = format!("{}\n", faults.into_problems());
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
    said
}
