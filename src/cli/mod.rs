//! The command line: one thin file per subcommand.
//!
//! | Module | What it does |
//! |---|---|
//! | `args` | what can be written on the command line |
//! | `input` | reads what `-f` names, sorted by kind; `check` has it scanned by the policy too |
//! | `landscape`, `open`, `credentials` | stores and destinations, and how to get at them |
//! | `cluster` | the same, read from a cluster |
//! | `session` | all of that together, with what is recorded |
//! | `jobs`, `submit` | from requests to changes, from changes to commits |
//! | `problem`, `report`, `console`, `progress` | what people and scripts are told |
//! | the rest | a subcommand each |

mod ahead;
mod apply;
mod args;
mod check;
mod cluster;
mod completions;
mod console;
mod crd;
mod credentials;
mod delete;
mod diff;
mod input;
mod jobs;
mod landscape;
mod open;
mod problem;
mod progress;
mod render;
mod report;
mod run;
mod session;
mod status;
mod submit;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Cli, Command};
use input::Input;
use session::{Once, Session};

/// Wrong usage, or nothing could be done.
const UNUSABLE: u8 = 2;

/// How a subcommand ends; `Err`: nothing could be done, and why.
type Answer = Result<ExitCode, String>;

/// The program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are what was asked for; all else is wrong usage.
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = error.print();
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(UNUSABLE) };
        }
    };
    let answer = match &cli.command {
        Command::Render(args) => render::run(args),
        Command::Apply(args) => apply::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Status(args) => status::run(args),
        Command::Check(args) => check::run(args),
        Command::Delete(args) => delete::run(args),
        Command::Crd(args) => crd::run(args),
        Command::Run(args) => args.run(),
        Command::Completions(args) => completions::run(args),
    };
    let code = answer.unwrap_or_else(|message| {
        console::error(&message);
        ExitCode::from(UNUSABLE)
    });
    if console::is_complete() { code } else { ExitCode::from(UNUSABLE) }
}

/// No request was found in the input.
fn nothing_found(input: &Input) -> ExitCode {
    input.problems.iter().for_each(console::problem);
    console::error("no requests were found in the input");
    ExitCode::from(UNUSABLE)
}

/// The exit code in the light of the stores: where none can be used nothing could be done, and where
/// one cannot, something was not: `at_least`.
fn with_stores(session: &Session, once: &Once, code: ExitCode, at_least: u8) -> ExitCode {
    let failed = session.failed(once);
    for message in &failed {
        console::error(message);
    }
    match failed.len() {
        0 => code,
        n if n == session.branches.len() => ExitCode::from(UNUSABLE),
        _ => ExitCode::from(at_least),
    }
}
