//! The `kept` binary: everything lives in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kept::cli::main()
}
