//! `kept delete`.

use super::ahead::Ahead;
use super::args::DeleteArgs;
use super::jobs::removal_jobs;
use super::open::Purpose;
use super::report::{Row, report, warn_of_drift};
use super::session::{Session, read};
use super::submit::{Mode, submit};
use super::{Answer, console};

/// Removes what the requests of the input own.
pub(super) fn run(args: &DeleteArgs) -> Answer {
    let (settings, mut input) = read(&args.input, true)?;
    if input.requests.is_empty() && input.rejected.is_empty() {
        return Ok(super::nothing_found(&input));
    }
    let opened =
        Session::open(&args.store, Ahead::default(), &mut input, settings, args.input.ignore_foreign, Purpose::Remove);
    let mut session = opened.inspect_err(|_| input.problems.iter().for_each(console::problem))?;
    let mut jobs = removal_jobs(&session, &mut input);
    let mut submitted = submit(&mut session, &mut jobs, Mode::Commit);
    // What a store holds that cannot be read is not gone.
    let unread: Vec<_> = session.branches.values().filter_map(|opened| opened.as_ref().err()).collect();
    for done in &mut submitted.done {
        done.errors.extend(unread.iter().copied().cloned());
    }
    let mut rows: Vec<Row> = input.problems.iter().cloned().map(Row::failed).collect();
    rows.extend(jobs.iter().zip(submitted.done).map(|(job, done)| {
        warn_of_drift(job, &done);
        Row::new(job, done, "removed")
    }));
    let mut once = session.once();
    let code = report(rows, args.output, false, &mut once);
    Ok(super::with_stores(&session, &once, code, 1))
}
