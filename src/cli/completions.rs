//! `terima completions`: for shells.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::args::Arguments;
use super::exit::Exit;
use super::failure::Failure;
use super::output;

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    output::print(&script)
}
