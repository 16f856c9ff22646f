//! The `terima` command: the library's own handlers and codecs, one `server.toml`.

use std::process::ExitCode;

/// Chosen by measurement, see docs/performance.md: an idle connection is four small allocations, two of them aligned to
/// cache lines, which together are a sixth smaller here than with glibc's allocator. Speed is the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    terima::cli::main(terima::Server::builder())
}
