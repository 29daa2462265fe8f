//! Brings changes to their repositories, in the order that loses nothing: new places first, then the
//! old ones go.

use std::collections::BTreeMap;

use serde::Serialize;

use super::console;
use super::input::Asked;
use super::jobs::plan_again;
use super::problem::{Origin, Subject};
use super::progress::Progress;
use super::session::{Session, Standing};
use crate::placement::{Branch, workload_files};
use crate::store::{self, Change, Chore, Footprint, How, Outcome, Receipt};
use crate::street::Desired;
use crate::values::RelPath;

/// What is to become of one owner.
pub(super) struct Job {
    pub(super) subject: Subject,
    pub(super) origin: Option<Origin>,
    /// It goes; otherwise it is written.
    pub(super) removal: bool,
    /// Something is recorded of it already.
    pub(super) known: bool,
    /// All of it is there.
    pub(super) standing: Option<Standing>,
    pub(super) desired: Desired,
    /// The request behind it, to plan it anew.
    pub(super) asked: Option<Asked>,
}

/// A place that a repository confirmed.
#[derive(Serialize)]
pub(super) struct Confirmed {
    destination: String,
    repository: String,
    branch: String,
    /// Below the repository's root.
    path: RelPath,
    commit: String,
}

/// What became of it.
#[derive(Default)]
pub(super) struct Done {
    pub(super) files: usize,
    pub(super) created: bool,
    pub(super) commits: Vec<String>,
    pub(super) places: Vec<Confirmed>,
    pub(super) errors: Vec<store::Error>,
    pub(super) drift: Vec<RelPath>,
}

impl Done {
    fn is_conflict(&self) -> bool {
        !self.errors.is_empty() && self.errors.iter().all(|error| matches!(error, store::Error::Conflict(_)))
    }
}

/// Whether it is done or only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Commit,
    Preview,
}

/// What came of it all.
pub(super) struct Submitted {
    /// One for each job.
    pub(super) done: Vec<Done>,
    /// In [`Mode::Preview`]: what would change, by branch.
    pub(super) diffs: BTreeMap<Branch, String>,
    /// The files of that, and kept's records.
    pub(super) files: BTreeMap<Branch, BTreeMap<String, How>>,
}

/// Does what the jobs ask for, or finds out what that would be.
pub(super) fn submit(session: &mut Session, jobs: &mut [Job], mode: Mode) -> Submitted {
    let done = jobs.iter().map(|_| Done::default()).collect();
    let mut all = Submitted { done, diffs: BTreeMap::new(), files: BTreeMap::new() };
    submit_some(session, jobs, &(0..jobs.len()).collect::<Vec<_>>(), mode, &mut all);
    // What a plan chose, such as an address, may have been given away since the records were read.
    let lost: Vec<usize> = (0..jobs.len()).filter(|&at| all.done[at].is_conflict()).collect();
    if !lost.is_empty() {
        let again = plan_again(session, jobs, &lost);
        for &at in &again {
            all.done[at] = Done::default();
        }
        submit_some(session, jobs, &again, mode, &mut all);
    }
    all
}

fn submit_some(session: &mut Session, jobs: &mut [Job], which: &[usize], mode: Mode, all: &mut Submitted) {
    let mut first: Batches = BTreeMap::new();
    for &i in which {
        if let Some(standing) = &jobs[i].standing {
            first.entry(standing.site.branch.clone()).or_default().stands = true;
            all.done[i] = found(session, standing);
        }
        for (branch, change) in std::mem::take(&mut jobs[i].desired.changes) {
            first.entry(branch).or_default().changes.push((i, *change));
        }
    }
    for (branch, i, change) in run(session, first, mode, all) {
        // A job that has lost is planned anew, and compared with what it was.
        jobs[i].desired.changes.insert(branch, Box::new(change));
    }
    let mut second: Batches = BTreeMap::new();
    for (i, job) in which.iter().map(|&at| (at, &jobs[at])).filter(|(_, job)| !job.desired.leave.is_empty()) {
        if !all.done[i].errors.is_empty() {
            continue;
        }
        for (branch, change) in &job.desired.leave {
            let mut change = Change::clone(change);
            if mode == Mode::Commit {
                change.unless_head.extend(all.done[i].commits.iter().cloned());
            }
            second.entry(branch.clone()).or_default().changes.push((i, change));
        }
    }
    run(session, second, mode, all);
}

type Batches = BTreeMap<Branch, Batch>;

/// What goes to a branch.
#[derive(Default)]
struct Batch {
    changes: Vec<(usize, Change)>,
    /// Something stands there already, and its destination is to be looked after.
    stands: bool,
}

/// Answers the changes that came to nothing.
fn run(session: &mut Session, batches: Batches, mode: Mode, all: &mut Submitted) -> Vec<(Branch, usize, Change)> {
    let mut failed = Vec::new();
    for (branch, Batch { changes: mut batch, stands }) in batches {
        // What goes first makes room: an identity that is given up can be taken in the same commit.
        batch.sort_by_key(|(_, change)| change.roots.values().any(|places| !places.is_empty()));
        let (numbers, changes): (Vec<usize>, Vec<Change>) = batch.into_iter().unzip();
        let outcomes = attempt(session, &branch, (&changes, stands), mode, all);
        let repository = session.landscape.store_for(&branch).map(|s| s.url.clone()).unwrap_or_default();
        for ((i, change), outcome) in numbers.into_iter().zip(changes).zip(outcomes) {
            match outcome {
                Ok(mut receipt) => {
                    if mode == Mode::Preview {
                        // Nothing is committed, so there is no commit to name.
                        receipt.commit.clear();
                    }
                    note(&mut all.done[i], (&repository, &branch.name), &change, receipt);
                }
                Err(error) => {
                    all.done[i].errors.push(error);
                    failed.push((branch.clone(), i, change));
                }
            }
        }
    }
    failed
}

fn attempt(
    session: &mut Session,
    branch: &Branch,
    (changes, stands): (&[Change], bool),
    mode: Mode,
    all: &mut Submitted,
) -> Vec<Outcome> {
    let is_written = stands || changes.iter().any(|c| c.roots.values().any(|places| !places.is_empty()));
    let chores = if is_written { chores(session, branch) } else { Vec::new() };
    if changes.is_empty() && chores.is_empty() {
        return Vec::new();
    }
    let all_fail = |error: &store::Error| vec![Err(error.clone()); changes.len()];
    let opened = match session.branches.get_mut(branch) {
        Some(Ok(opened)) => opened,
        Some(Err(error)) => return all_fail(error),
        None => return all_fail(&store::Error::NotFound(format!("no store of this run names {branch}"))),
    };
    let _progress = Progress::start(format!("{} changes to {branch}", changes.len()));
    let outcomes = match mode {
        Mode::Commit => opened.engine.commit(changes, &chores),
        Mode::Preview => opened.engine.preview(changes, &chores).map(|preview| {
            if preview.changed {
                all.diffs.entry(branch.clone()).or_default().push_str(&preview.diff);
                let files = preview.files.into_iter().map(|file| (file.path, file.how));
                all.files.entry(branch.clone()).or_default().extend(files);
            }
            preview.outcomes
        }),
    };
    outcomes.unwrap_or_else(|error| {
        if changes.is_empty() {
            console::warning(&format!("a destination in {branch} could not be looked after: {error}"));
        }
        all_fail(&error)
    })
}

/// What is said of a request that needs nothing.
fn found(session: &Session, Standing { site, record, commit }: &Standing) -> Done {
    let repository = session.landscape.store_for(&site.branch).map(|s| s.url.clone()).unwrap_or_default();
    let places = record.places.iter().map(|place| Confirmed {
        destination: place.destination.clone(),
        repository: repository.clone(),
        branch: site.branch.name.clone(),
        path: site.root.join(place.dir.as_ref().unwrap_or(&RelPath::root())),
        commit: commit.to_string(),
    });
    Done { places: places.collect(), commits: vec![commit.to_string()], ..Done::default() }
}

/// A destination that is written to gets the files that keep its folders from being empty.
fn chores(session: &Session, branch: &Branch) -> Vec<Chore> {
    let landscape = &session.landscape;
    let here = landscape.destinations.values().filter_map(|destination| {
        let site = landscape.site(destination).filter(|site| site.branch == *branch)?;
        Some(Chore::Ensure { files: workload_files(destination, &site.root) })
    });
    here.collect()
}

fn note(done: &mut Done, (repository, branch): (&str, &str), change: &Change, receipt: Receipt) {
    done.files += receipt.files_changed;
    done.created |= receipt.created;
    done.drift.extend(receipt.drift);
    for (root, places) in &change.roots {
        done.places.extend(places.iter().map(|place| {
            let path = match &place.footprint {
                Footprint::Exclusive { dir, .. } => dir.clone(),
                Footprint::Shared { files } => common_directory(files.keys()),
                Footprint::Fragment { file, .. } => file.clone(),
            };
            Confirmed {
                repository: repository.to_owned(),
                branch: branch.to_owned(),
                destination: place.destination.clone(),
                path: root.join(&path),
                commit: receipt.commit.clone(),
            }
        }));
    }
    if !receipt.commit.is_empty() && !done.commits.contains(&receipt.commit) {
        done.commits.push(receipt.commit);
    }
}

/// The directory that all of these files lie in.
fn common_directory<'a>(files: impl Iterator<Item = &'a RelPath>) -> RelPath {
    let mut common: Option<Vec<&str>> = None;
    for file in files {
        let mut parts: Vec<&str> = file.components().collect();
        parts.pop();
        common = Some(match common {
            None => parts,
            Some(known) => known.into_iter().zip(parts).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
        });
    }
    common.unwrap_or_default().join("/").parse().unwrap_or_default()
}
