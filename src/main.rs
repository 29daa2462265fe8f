//! The `kept` binary: everything lives in the library.

use std::process::ExitCode;

/// Ten thousand requests are millions of small pieces of memory: the C library's allocator would take a fifth
/// of the time, and musl's far more. Without huge pages, for those round up what a small operator takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kept::cli::main()
}
