//! `kept diff`.

use std::process::ExitCode;

use super::ahead::Ahead;
use super::args::DiffArgs;
use super::jobs::{Wanted, jobs_for};
use super::open::Purpose;
use super::problem::Problem;
use super::session::{Session, print_problems, read};
use super::submit::{Job, Mode, submit};
use super::{Answer, console};

/// Any error; 1 means that there are differences.
const TROUBLE: u8 = 2;

/// Shows what apply would change.
pub(super) fn run(args: &DiffArgs) -> Answer {
    let (settings, mut input) = read(&args.input, false)?;
    if input.requests.is_empty() && input.rejected.is_empty() {
        return Ok(super::nothing_found(&input));
    }
    let opened =
        Session::open(&args.store, Ahead::default(), &mut input, settings, args.input.ignore_foreign, Purpose::Look);
    let mut session = opened.inspect_err(|_| input.problems.iter().for_each(console::problem))?;
    let wanted = Wanted::walk(&session, &mut input, |_| false);
    let mut trouble = print_problems(&input);
    let mut jobs: Vec<Job> = jobs_for(wanted).collect();
    let submitted = submit(&mut session, &mut jobs, Mode::Preview);
    let mut once = session.once();
    for (job, done) in jobs.iter().zip(&submitted.done) {
        for error in &done.errors {
            let problem = Problem::failed(job.subject.clone(), job.origin.as_ref(), error);
            if !once.takes(&problem) {
                console::problem(&problem);
            }
            trouble = true;
        }
    }
    let several = session.branches.len() > 1;
    for (branch, diff) in &submitted.diffs {
        if several {
            console::print(&format!("# {branch}\n"));
        }
        console::diff(diff);
    }
    let code = match (trouble, submitted.diffs.is_empty()) {
        (true, _) => ExitCode::from(TROUBLE),
        (false, false) => ExitCode::from(1),
        (false, true) => ExitCode::SUCCESS,
    };
    Ok(super::with_stores(&session, &once, code, TROUBLE))
}
