//! From a file to its text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::source::Origin;
use super::{Config, Faults, Overrides, read};

/// Reads a file as [`read`] does its text.
pub(crate) fn read_file(path: &Path, overrides: &Overrides) -> (Config, Faults) {
    let origin = path.display().to_string();
    let mut faults = Faults::default();
    match read_bytes(path) {
        Err(error) => {
            faults.unreadable(origin, &format!("the file cannot be read: {error}"));
        }
        Ok(bytes) if bytes.len() > LARGEST => {
            faults
                .unreadable(origin, &format!("the file is larger than {} MiB", LARGEST >> 20))
                .help("is it the right one?");
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return read(&origin, &text, overrides),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let start = faults.sources.add(Origin::File(origin), &text) + start;
                let replaced = char::REPLACEMENT_CHARACTER.len_utf8();
                faults.at(start..start + replaced, "this is not UTF-8").help("save the file as UTF-8");
            }
        },
    }
    (Config::default(), faults)
}

/// Far beyond any file that was written for this, and little enough to be read into memory.
const LARGEST: usize = 4 << 20;

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
