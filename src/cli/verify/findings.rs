//! What an apply would change, told as what is wrong.

use std::collections::BTreeSet;

use super::homes::Homes;
use crate::cli::console;
use crate::cli::input::Input;
use crate::cli::jobs::{Wanted, absent, jobs_for, prune_jobs};
use crate::cli::problem::{Note, Problem, Subject};
use crate::cli::session::{Once, Session};
use crate::cli::submit::{Done, Job, Mode, Submitted, submit};
use crate::placement::Branch;
use crate::store::{self, How};
use crate::values::{Owner, RequestKey};

/// How many of many are named.
const NAMED: usize = 5;
/// kept's own directory in a store.
const RECORDS: &str = ".kept";

/// One thing that is wrong.
pub(super) struct Finding {
    pub(super) problem: Problem,
    /// Where in a repository, if it is there.
    pub(super) place: Option<(Branch, String)>,
}

impl Finding {
    /// By which it is known again, and sorted.
    pub(super) fn key(&self) -> (Option<Subject>, Option<(Branch, String)>, &'static str) {
        (self.problem.subject.clone(), self.place.clone(), self.problem.reason)
    }
}

/// What a look at everything has shown.
pub(super) struct Look {
    pub(super) found: Vec<Finding>,
    /// Worth a word, and nothing wrong.
    pub(super) notes: Vec<String>,
    pub(super) requests: usize,
    /// Something could not be looked at.
    pub(super) trouble: bool,
    pub(super) once: Once,
}

/// Finds out what an apply of this input, with all else pruned, would change.
pub(super) fn look(session: &mut Session, input: &mut Input) -> Look {
    let present: BTreeSet<RequestKey> =
        input.requests.iter().map(|asked| &asked.request.key).chain(&input.rejected).cloned().collect();
    let mut notes = left_over(session, &present);
    let going = if input.incomplete {
        notes.push("orphans are not looked for: a part of the input could not be read or attributed".into());
        std::collections::BTreeMap::new()
    } else {
        absent(session, |key| present.contains(key))
    };
    let orphans: Vec<Owner> = going.values().flat_map(|owners| owners.keys()).cloned().collect();
    let wanted = Wanted::walk(session, input, |key| going.contains_key(key));
    let mut jobs = prune_jobs(session, &going);
    jobs.extend(jobs_for(wanted));
    let homes = Homes::of(session, &jobs);
    let places = first_places(&jobs);
    let submitted = submit(session, &mut jobs, Mode::Preview);
    let view = View { session, jobs: &jobs, orphans: &orphans, homes: &homes, submitted: &submitted };

    let mut once = session.once();
    let mut trouble = input.incomplete;
    let mut found: Vec<Finding> =
        input.problems.iter().map(|problem| Finding { problem: problem.clone(), place: None }).collect();
    for (at, (job, done)) in jobs.iter().zip(&submitted.done).enumerate() {
        for error in &done.errors {
            let problem = Problem::failed(job.subject.clone(), job.origin.as_ref(), error);
            match error {
                store::Error::Conflict(_) | store::Error::Blocked(_) => found.push(Finding { problem, place: None }),
                _ => {
                    trouble = true;
                    if !once.takes(&problem) {
                        console::problem(&problem);
                    }
                }
            }
        }
        found.extend(view.of_whole(at, done, places.get(at).and_then(Option::as_ref)));
    }
    let in_files = view.of_files();
    // A record goes along with its files; alone it is worth a word.
    let told: BTreeSet<Option<Subject>> =
        found.iter().chain(&in_files).map(|finding| finding.problem.subject.clone()).collect();
    found.extend(in_files);
    found.extend(view.of_records().into_iter().filter(|finding| !told.contains(&finding.problem.subject)));
    found.sort_by_cached_key(Finding::key);
    Look { found, notes, requests: present.len(), trouble, once }
}

/// Where each job has its first place.
fn first_places(jobs: &[Job]) -> Vec<Option<(Branch, String)>> {
    let first = |job: &Job| {
        let (branch, change) = job.desired.changes.iter().next()?;
        let (root, places) = change.roots.iter().next()?;
        let path = match &places.first()?.footprint {
            store::Footprint::Exclusive { dir, .. } => dir,
            store::Footprint::Shared { files } => files.keys().next()?,
            store::Footprint::Fragment { file, .. } => file,
        };
        Some((branch.clone(), root.join(path).to_string()))
    };
    jobs.iter().map(first).collect()
}

/// What Kratix left of requests that are not there any more. That of the others is taken over by an apply.
fn left_over(session: &Session, present: &BTreeSet<RequestKey>) -> Vec<String> {
    let surveys = session.branches.values().flatten().flat_map(|opened| opened.surveys.values());
    let left: BTreeSet<&RequestKey> =
        surveys.flat_map(|survey| survey.left_over.requests.keys()).filter(|key| !present.contains(*key)).collect();
    if left.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = left.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match left.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    vec![format!("left by Kratix, of requests that are not there: {}{more}", names.join(", "))]
}

/// What was tried, and what came of it.
struct View<'a> {
    session: &'a Session,
    jobs: &'a [Job],
    /// Whose files the first jobs remove.
    orphans: &'a [Owner],
    homes: &'a Homes,
    submitted: &'a Submitted,
}

impl View<'_> {
    /// What is said of a request as a whole.
    fn of_whole(&self, at: usize, done: &Done, wanted: Option<&(Branch, String)>) -> Option<Finding> {
        let subject = Some(self.jobs[at].subject.clone());
        if let Some(owner) = self.orphans.get(at) {
            let (place, writer) = (self.recorded_at(owner), &owner.writer);
            let words = format!("is an orphan: the writer {writer} has recorded it, and there is no such request");
            return Some(self.finding("Orphan", subject, place, words));
        }
        let words = "is not in the repository, or nobody has recorded it yet";
        self.is_new(at, done).then(|| self.finding("Unwritten", subject, wanted.cloned(), words.to_owned()))
    }

    /// Whether nothing of a request is recorded.
    fn is_new(&self, at: usize, done: &Done) -> bool {
        at >= self.orphans.len() && done.created && !self.jobs[at].known
    }

    fn recorded_at(&self, owner: &Owner) -> Option<(Branch, String)> {
        self.session.branches.iter().find_map(|(branch, opened)| {
            let surveys = &opened.as_ref().ok()?.surveys;
            surveys.iter().find_map(|(root, survey)| {
                let place = survey.records.iter().find(|record| record.owner == *owner)?.places.first()?;
                let part = || place.fragment.as_ref().map(|part| &part.file);
                let path = place.dir.as_ref().or_else(|| place.files.iter().next()).or_else(part)?;
                Some((branch.clone(), root.join(path).to_string()))
            })
        })
    }

    /// The files that would change, but for those of requests of which all has been said.
    fn of_files(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for (branch, path, how) in self.touched(false) {
            let mut owners = self.homes.of_path(branch, path);
            // Many have a part in an aggregated file, and few a part that changes.
            owners.retain(|&at| self.submitted.done[at].files > 0);
            let drifted = |at: &usize| self.submitted.done[*at].drift.iter().any(|file| file.as_str() == path);
            let drifted = owners.iter().any(drifted);
            let said =
                |at: &usize| (*at < self.orphans.len() && !drifted) || self.is_new(*at, &self.submitted.done[*at]);
            if !owners.is_empty() && owners.iter().all(said) {
                continue;
            }
            let subject = match owners.as_slice() {
                [at] => Some(self.jobs[*at].subject.clone()),
                _ => None,
            };
            let (reason, words) = match (how, drifted) {
                (How::Added, _) => ("Missing", "is missing"),
                (How::Changed, true) => ("Changed", "somebody else has changed it"),
                (How::Changed, false) => ("Changed", "is not what would be written"),
                (How::Removed, true) => ("Unrecorded", "nobody has recorded it, in a directory of the request's own"),
                (How::Removed, false) => ("Stale", "is not asked for any more"),
            };
            found.push(self.finding(reason, subject, Some((branch.clone(), path.to_owned())), words.to_owned()));
        }
        found
    }

    /// The records that would change.
    fn of_records(&self) -> Vec<Finding> {
        let record = |(branch, path, _): (&Branch, &str, How)| {
            let subject = self.homes.of_record(branch, path).map(|at| self.jobs[at].subject.clone());
            let words = "what is recorded of it is not what would be".to_owned();
            self.finding("Record", subject, Some((branch.clone(), path.to_owned())), words)
        };
        self.touched(true).map(record).collect()
    }

    fn touched(&self, records: bool) -> impl Iterator<Item = (&Branch, &str, How)> {
        let all = self.submitted.files.iter();
        let all = all.flat_map(|(branch, files)| files.iter().map(move |(path, how)| (branch, path.as_str(), *how)));
        all.filter(move |(_, path, _)| path.split('/').any(|part| part == RECORDS) == records)
    }

    fn finding(
        &self,
        reason: &'static str,
        subject: Option<Subject>,
        place: Option<(Branch, String)>,
        mut message: String,
    ) -> Finding {
        if let Some((branch, _)) = place.as_ref().filter(|_| self.session.branches.len() > 1) {
            message = format!("{message} (in {branch})");
        }
        let file = place.as_ref().map(|(_, path)| path.as_str().into());
        let note = Note { file, position: None, field: String::new(), message };
        Finding { problem: Problem { subject, reason, notes: vec![note] }, place }
    }
}
