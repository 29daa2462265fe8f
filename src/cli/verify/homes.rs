//! Whose a path of a repository is: by what requests want there, and by what is recorded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::cli::session::Session;
use crate::cli::submit::Job;
use crate::placement::Branch;
use crate::store::records::file_name;
use crate::store::{Footprint, Record};
use crate::values::{RelPath, RequestKey};

/// A record, with the branch and the store's root it lies in.
type Recorded<'a> = (&'a Branch, &'a RelPath, &'a Arc<Record>);

/// The paths of all jobs, by branch.
#[derive(Default)]
pub(super) struct Homes(BTreeMap<Branch, Home>);

/// Paths below the repository's root, and the jobs they belong to.
#[derive(Default)]
struct Home {
    dirs: HashMap<String, usize>,
    files: HashMap<String, Vec<usize>>,
    records: HashMap<String, usize>,
}

impl Homes {
    /// The paths of jobs that are yet to be submitted.
    pub(super) fn of(session: &Session, jobs: &[Job]) -> Self {
        let mut recorded: HashMap<&RequestKey, Vec<Recorded<'_>>> = HashMap::new();
        for (branch, opened) in &session.branches {
            for (root, survey) in opened.iter().flat_map(|opened| &opened.surveys) {
                for record in survey.records.iter().filter(|record| session.is_ours(&record.owner)) {
                    recorded.entry(&record.owner.key).or_default().push((branch, root, record));
                }
            }
        }
        let mut homes = Self::default();
        for (at, job) in jobs.iter().enumerate() {
            for (branch, change) in job.desired.changes.iter().chain(&job.desired.leave) {
                let home = homes.0.entry(branch.clone()).or_default();
                for (root, places) in &change.roots {
                    home.records.insert(below(root, &file_name(&change.owner)), at);
                    for place in places {
                        match &place.footprint {
                            Footprint::Exclusive { dir, .. } => home.dir(root, dir, at),
                            Footprint::Shared { files } => files.keys().for_each(|file| home.file(root, file, at)),
                            Footprint::Fragment { file, .. } => home.file(root, file, at),
                        }
                    }
                }
                // What a request supersedes, it takes over.
                let keys = std::iter::once(&change.owner.key).chain(&change.supersedes);
                for (branch, root, record) in keys.filter_map(|key| recorded.get(key)).flatten() {
                    homes.0.entry((*branch).clone()).or_default().record(root, record, at);
                }
            }
        }
        homes
    }

    /// The jobs that have a part in a path.
    pub(super) fn of_path(&self, branch: &Branch, path: &str) -> Vec<usize> {
        let Some(home) = self.0.get(branch) else { return Vec::new() };
        if let Some(jobs) = home.files.get(path) {
            return jobs.clone();
        }
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        above.find_map(|dir| home.dirs.get(dir)).map(|job| vec![*job]).unwrap_or_default()
    }

    /// The job whose record lies at a path.
    pub(super) fn of_record(&self, branch: &Branch, path: &str) -> Option<usize> {
        self.0.get(branch)?.records.get(path).copied()
    }
}

impl Home {
    fn dir(&mut self, root: &RelPath, dir: &RelPath, at: usize) {
        self.dirs.insert(root.join(dir).to_string(), at);
    }

    fn file(&mut self, root: &RelPath, file: &RelPath, at: usize) {
        let jobs = self.files.entry(root.join(file).to_string()).or_default();
        if jobs.last() != Some(&at) {
            jobs.push(at);
        }
    }

    fn record(&mut self, root: &RelPath, record: &Record, at: usize) {
        self.records.insert(below(root, &file_name(&record.owner)), at);
        for place in &record.places {
            place.dir.iter().for_each(|dir| self.dir(root, dir, at));
            place.files.iter().for_each(|file| self.file(root, file, at));
            place.fragment.iter().for_each(|part| self.file(root, &part.file, at));
        }
    }
}

/// A path below a store's root, below the repository's.
fn below(root: &RelPath, path: &str) -> String {
    if root.as_str().is_empty() { path.to_owned() } else { format!("{}/{path}", root.as_str()) }
}
