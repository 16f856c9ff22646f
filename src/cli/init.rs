//! `terima init`: the commented default, for a start.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::config::SHIPPED;

use super::exit::Exit;
use super::failure::Failure;
use super::output;

/// Writes the shipped configuration to a file that does not exist yet, or to standard output for `-`.
pub(super) fn init(file: &Path) -> Result<Exit, Failure> {
    if file.as_os_str() == "-" {
        return output::print(SHIPPED.as_bytes());
    }
    write(file)?;
    let name = file.display();
    output::print(format!("wrote {name}\nrun it with: terima --config {name}\n").as_bytes())
}

fn write(file: &Path) -> Result<(), Failure> {
    let mut created = File::create_new(file).map_err(|error| refusal(file, error))?;
    created.write_all(SHIPPED.as_bytes()).map_err(|error| {
        // Half a configuration would only be in the way of the next attempt.
        let _ = fs::remove_file(file);
        unwritten(file, error)
    })
}

fn refusal(file: &Path, error: io::Error) -> Failure {
    let name = file.display();
    match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(
            format!("{name} exists already, and is left as it is"),
            "name another FILE, or `-` for standard output",
        ),
        ErrorKind::NotFound => Failure::usage(
            format!("there is no folder for {name}"),
            "make it first, or name a FILE in one that exists",
        ),
        _ => unwritten(file, error),
    }
}

fn unwritten(file: &Path, error: io::Error) -> Failure {
    Failure::Other(anyhow::Error::new(error).context(format!("can't write {}", file.display())))
}
