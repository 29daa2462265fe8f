//! `kept apply`.

use std::collections::{BTreeMap, BTreeSet};

use super::ahead::Ahead;
use super::args::ApplyArgs;
use super::input::Input;
use super::jobs::{Going, Wanted, absent, jobs_for, prune_jobs};
use super::open::Purpose;
use super::report::{Row, report};
use super::session::{Session, read};
use super::submit::{Mode, submit};
use super::{Answer, console};
use crate::store;
use crate::values::RequestKey;

/// Renders and commits.
pub(super) fn run(args: &ApplyArgs) -> Answer {
    let (read, ahead) = rayon::join(|| read(&args.input, false), || Ahead::of(&args.store));
    let (settings, mut input) = read?;
    let empty = input.requests.is_empty() && input.rejected.is_empty();
    if empty && !may_be_empty(args, &input)? {
        return Ok(super::nothing_found(&input));
    }
    let purpose = if args.dry_run { Purpose::Look } else { Purpose::Write };
    let opened = Session::open(&args.store, ahead, &mut input, settings, args.input.ignore_foreign, purpose);
    let mut session = opened.inspect_err(|_| input.problems.iter().for_each(console::problem))?;
    let mut going = prune(args, &input, &session);
    let wanted = Wanted::walk(&session, &mut input, |key| going.contains_key(key));
    // What Kratix left in an aggregated file may be of a request that is only now being written, or refused.
    if !(input.problems.is_empty() && wanted.desired.iter().all(|wish| wish.known)) {
        let before = going.len();
        going.retain(|_, owners| !owners.keys().all(store::is_kratixs_rest));
        if going.len() < before {
            console::warning("what is left of Kratix's is not pruned: some requests of the input are not written yet");
        }
    }
    let mut jobs = prune_jobs(&session, &going);
    let pruned = jobs.len();
    jobs.extend(jobs_for(wanted));
    let mode = if args.dry_run { Mode::Preview } else { Mode::Commit };
    let submitted = submit(&mut session, &mut jobs, mode);
    let mut rows: Vec<Row> = input.problems.iter().cloned().map(Row::failed).collect();
    let done = jobs.iter().zip(submitted.done).enumerate();
    rows.extend(done.map(|(i, (job, done))| {
        super::report::warn_of_drift(job, &done);
        Row::new(job, done, if i < pruned { "pruned" } else { "removed" })
    }));
    let mut once = session.once();
    let code = report(rows, args.output, args.dry_run, &mut once);
    let code = super::with_stores(&session, &once, code, 1);
    // The process ends here, and giving back the memory piece by piece takes longer than all the hashing.
    std::mem::forget((jobs, input, session));
    Ok(code)
}

/// Whether an input without requests is what the user means.
fn may_be_empty(args: &ApplyArgs, input: &Input) -> Result<bool, String> {
    if !args.prune || input.incomplete {
        return Ok(false);
    }
    if !args.allow_empty {
        return Err(
            "the input has no requests: --prune would remove all that this writer recorded; pass --allow-empty if that is meant"
                .into(),
        );
    }
    Ok(true)
}

/// The owners that are recorded and absent from the input.
fn prune(args: &ApplyArgs, input: &Input, session: &Session) -> Going {
    if !args.prune {
        return BTreeMap::new();
    }
    if input.incomplete {
        console::warning(
            "nothing is pruned: a part of the input could not be read or attributed, so what is absent may be in it",
        );
        return BTreeMap::new();
    }
    let given: BTreeSet<&RequestKey> = input.requests.iter().map(|asked| &asked.request.key).collect();
    absent(session, |key: &RequestKey| input.rejected.contains(key) || given.contains(key))
}
