//! What a subcommand answers, on standard output.

use std::io::{self, ErrorKind, Write};

use super::exit::Exit;
use super::failure::Failure;

/// Prints a whole answer.
///
/// # Errors
///
/// It can't be written, as on a full disk. Who stops reading (`| head`) has seen enough.
pub(super) fn print(answer: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(answer).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Other(anyhow::Error::new(error).context("can't write to standard output")))
        }
        _ => Ok(Exit::Ended),
    }
}
