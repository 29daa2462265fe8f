//! `kept completions`.

use std::process::ExitCode;

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::{Answer, console};

/// Prints the script.
#[allow(clippy::unnecessary_wraps, reason = "all subcommands answer alike")]
pub(super) fn run(args: &CompletionsArgs) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kept", &mut script);
    console::print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
