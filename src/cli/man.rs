//! `terima man`: the manual pages.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{Arguments, ENVIRONMENT, EXIT_CODES, FILES};
use super::exit::Exit;
use super::failure::Failure;
use super::output;

/// Prints terima(1).
pub(super) fn print() -> Result<Exit, Failure> {
    let page = main_page(command()).context("can't make the manual page")?;
    output::print(&page)
}

/// Writes terima.1 and a page for each subcommand to a folder, which is made where there is none.
pub(super) fn write(directory: &Path) -> Result<Exit, Failure> {
    fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    let command = command();
    for subcommand in command.get_subcommands().cloned() {
        let man = Man::new(subcommand);
        let mut page = Vec::new();
        man.render(&mut page).context("can't make a manual page")?;
        put(directory, &man.get_filename(), &page)?;
    }
    let page = main_page(command).context("can't make the manual page")?;
    put(directory, "terima.1", &page)?;
    Ok(Exit::Ended)
}

fn command() -> Command {
    let mut command = Arguments::command().disable_help_subcommand(true);
    // Names the subcommands in full, as terima-check.
    command.build();
    command
}

fn put(directory: &Path, name: &str, page: &[u8]) -> anyhow::Result<()> {
    let file = directory.join(name);
    fs::write(&file, page).with_context(|| format!("can't write {}", file.display()))
}

/// The page of the whole command, with what its help has behind the options as sections of their own.
fn main_page(command: Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    let mut sections = Roff::new();
    section(&mut sections, "EXIT STATUS", &EXIT_CODES);
    section(&mut sections, "ENVIRONMENT", &ENVIRONMENT);
    section(&mut sections, "FILES", &FILES);
    sections.to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn section(roff: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*meaning)]);
    }
}
