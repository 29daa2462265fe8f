//! How far a request has come: what was submitted, what the remotes have answered, what is next.
//! Pure bookkeeping; the hub feeds it outcomes and submits what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::error::{Explain, Retry};
use crate::placement::Branch;
use crate::store::{self, Change, Footprint, Outcome, Place, Receipt};
use crate::street::Desired;
use crate::values::{Map, RelPath, Set};

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// How long what a remote has refused is not asked again of it.
const REFUSED_WAIT: Duration = Duration::from_mins(10);

/// Where a request stands.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Submitted; these branches have not answered.
    Writing(BTreeSet<Branch>),
    /// All new places are confirmed; these branches still hold old ones.
    Leaving(BTreeSet<Branch>),
    /// The remotes hold it, as of then.
    Done(Instant),
    /// Some branch refused; worth another try from then on.
    Failed(Instant),
}

/// One request's way through the writers.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Tells submissions apart: answers to an older one are ignored.
    pub(super) ticket: u64,
    /// What the submission is made of: equal fingerprints want the same.
    pub(super) fingerprint: String,
    /// What was submitted, until that is over: whoever asks again brings it along.
    pub(super) desired: Desired,
    /// Where it stands.
    pub(super) stage: Stage,
    /// What was confirmed so far.
    pub(super) receipts: Vec<(Branch, Receipt)>,
    /// What was refused.
    pub(super) errors: BTreeMap<Branch, store::Error>,
    attempts: u32,
    /// When it was first asked for.
    since: Instant,
    /// Others have changed something of it at the remote since.
    doubted: bool,
    /// Whether its status says that it is ready, once it says anything.
    pub(super) is_ready: Option<bool>,
}

impl Progress {
    /// A new submission; `before` is what it replaces.
    pub(super) fn new(ticket: u64, fingerprint: String, desired: Desired, before: Option<&Self>) -> Self {
        let same = before.filter(|b| b.fingerprint == fingerprint);
        let mut progress = Self {
            ticket,
            fingerprint,
            stage: Stage::Writing(desired.changes.keys().cloned().collect()),
            desired,
            // What was confirmed stays confirmed while the same is asked for again.
            receipts: same.map(|b| b.receipts.clone()).unwrap_or_default(),
            errors: BTreeMap::new(),
            attempts: same.filter(|b| !b.errors.is_empty()).map_or(0, |b| b.attempts),
            since: same.filter(|b| !b.errors.is_empty()).map_or_else(Instant::now, |b| b.since),
            doubted: false,
            is_ready: before.and_then(|b| b.is_ready),
        };
        progress.settle();
        progress
    }

    /// What to submit at the stage reached. The files go with it: there would be two of each while ten thousand
    /// requests are on their way.
    pub(super) fn submissions(&mut self) -> Vec<(Branch, Change)> {
        match &self.stage {
            Stage::Writing(waiting) => {
                let changes = self.desired.changes.iter_mut().filter(|(branch, _)| waiting.contains(*branch));
                let submission = |change: &mut Change| {
                    let outline = outline(&change.roots);
                    let roots = std::mem::replace(&mut change.roots, outline);
                    Change { roots, ..change.clone() }
                };
                changes.map(|(branch, change)| (branch.clone(), submission(change))).collect()
            }
            Stage::Leaving(waiting) => {
                // What is left elsewhere may turn out to be the very repository that was just written to. The
                // removal of a request spares nothing: there is nothing of it that must stay.
                let confirmed = self.confirmed();
                let submission = |change: &Change| Change { unless_head: confirmed.clone(), ..change.clone() };
                let changes = self.desired.leave.iter().filter(|(branch, _)| waiting.contains(*branch));
                changes.map(|(branch, change)| (branch.clone(), submission(change))).collect()
            }
            Stage::Done(_) | Stage::Failed(_) => Vec::new(),
        }
    }

    /// Takes a branch's answer. True if the stage has changed.
    pub(super) fn answer(&mut self, branch: &Branch, outcome: Outcome) -> bool {
        let leaving = matches!(self.stage, Stage::Leaving(_));
        let (Stage::Writing(waiting) | Stage::Leaving(waiting)) = &mut self.stage else { return false };
        if !waiting.remove(branch) {
            return false;
        }
        match outcome {
            Ok(receipt) if !leaving => {
                self.receipts.retain(|(known, _)| known != branch);
                self.receipts.reserve_exact(1);
                self.receipts.push((branch.clone(), receipt));
            }
            Ok(_) => {}
            Err(error) => {
                self.errors.insert(branch.clone(), error);
            }
        }
        self.settle()
    }

    /// Fails a branch that cannot even be tried.
    pub(super) fn refuse(&mut self, branch: &Branch, error: store::Error) -> bool {
        self.answer(branch, Err(error))
    }

    /// How long it has taken until all remotes had confirmed what was changed.
    pub(super) fn lag(&self) -> Option<Duration> {
        let changed = self.receipts.iter().any(|(_, receipt)| receipt.files_changed > 0);
        matches!(self.stage, Stage::Done(_) if changed).then(|| self.since.elapsed())
    }

    /// Whether the same has not failed before.
    pub(super) fn is_fresh(&self) -> bool {
        self.attempts == 0
    }

    /// Makes a failed submission due at once.
    pub(super) fn hurry(&mut self) {
        if let Stage::Failed(at) = &mut self.stage {
            *at = Instant::now();
        }
    }

    /// The same with what is desired now, for those who have to say what is where.
    pub(super) fn with(&self, desired: Desired) -> Self {
        Self { desired, ..self.clone() }
    }

    /// What the branch has confirmed.
    pub(super) fn receipt(&self, branch: &Branch) -> Option<&Receipt> {
        self.receipts.iter().find(|(known, _)| known == branch).map(|(_, receipt)| receipt)
    }

    /// Others have changed something of it at the remote: what is done is due once more.
    pub(super) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Whether it was done so long ago, or is so much in doubt, that it is to be done once more.
    pub(super) fn is_stale(&self, longest: Duration) -> bool {
        matches!(self.stage, Stage::Done(at) if self.doubted || at.elapsed() >= longest)
    }

    /// The commits that are confirmed, which no removal elsewhere may undo.
    fn confirmed(&self) -> BTreeSet<String> {
        self.receipts.iter().map(|(_, receipt)| receipt.commit.clone()).collect()
    }

    fn settle(&mut self) -> bool {
        let waiting = match &self.stage {
            Stage::Writing(waiting) | Stage::Leaving(waiting) => waiting,
            Stage::Done(_) | Stage::Failed(_) => return false,
        };
        if !waiting.is_empty() {
            return false;
        }
        self.stage = if !self.errors.is_empty() {
            self.attempts += 1;
            Stage::Failed(Instant::now() + self.wait())
        } else if matches!(self.stage, Stage::Writing(_)) && !self.desired.leave.is_empty() {
            Stage::Leaving(self.desired.leave.keys().cloned().collect())
        } else {
            Stage::Done(Instant::now())
        };
        if !matches!(self.stage, Stage::Leaving(_)) {
            self.lighten();
        }
        true
    }

    /// Ten thousand requests' files would be most of the memory. A removal is asked for without them.
    fn lighten(&mut self) {
        let places = self.desired.changes.values().flat_map(|change| change.roots.values());
        if places.into_iter().any(|places| !places.is_empty()) {
            self.desired = Desired::default();
        }
    }

    fn wait(&self) -> Duration {
        let soonest = self.errors.values().map(|error| match error.retry() {
            Retry::Soon => Duration::from_millis(500 << self.attempts.min(8)).min(LONGEST_WAIT),
            Retry::Late => REFUSED_WAIT,
            Retry::Recheck | Retry::OnChange => LONGEST_WAIT,
        });
        soonest.min().unwrap_or(LONGEST_WAIT)
    }
}

/// Where the files of a change go, without the files.
fn outline(roots: &Map<RelPath, Vec<Place>>) -> Map<RelPath, Vec<Place>> {
    let place = |place: &Place| {
        let footprint = match &place.footprint {
            Footprint::Exclusive { dir, .. } => {
                Footprint::Exclusive { dir: dir.clone(), files: Map::new(), clears: Set::new() }
            }
            Footprint::Shared { .. } => Footprint::Shared { files: Map::new() },
            Footprint::Fragment { file, .. } => Footprint::Fragment { file: file.clone(), documents: Vec::new() },
        };
        let (destination, directories) = (place.destination.clone(), place.directories.clone());
        Place { destination, directories, footprint, objects: Set::new() }
    };
    roots.iter().map(|(root, places)| (root.clone(), places.iter().map(place).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::Remote;
    use crate::values::{Owner, RequestKey, Timestamp};

    fn branch(name: &str) -> Branch {
        Branch { remote: Remote::new("https://git.example/state"), name: name.into() }
    }

    fn change() -> Change {
        let key = RequestKey { namespace: "default".into(), promise: "team".into(), name: "x".into() };
        Change::of(Owner { writer: "w".into(), key }, "Team")
    }

    fn progress(changes: &[&str], leave: &[&str]) -> Progress {
        let map = |names: &[&str]| names.iter().map(|n| (branch(n), Box::new(change()))).collect();
        let desired = Desired { changes: map(changes), leave: map(leave), ..Desired::default() };
        Progress::new(1, "f".into(), desired, None)
    }

    fn ok() -> Outcome {
        Ok(Receipt {
            commit: "c1".into(),
            files_changed: 1,
            created: true,
            drift: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn the_old_place_is_left_only_after_every_new_one_is_confirmed() {
        let mut p = progress(&["a", "b"], &["old"]);
        assert!(!p.answer(&branch("a"), ok()));
        assert_eq!(p.submissions().len(), 1, "only b is still out");
        assert!(p.answer(&branch("b"), ok()));
        let left = p.submissions();
        assert_eq!(left.iter().map(|(b, _)| b).collect::<Vec<_>>(), [&branch("old")]);
        assert_eq!(left[0].1.unless_head, BTreeSet::from(["c1".into()]), "not if that is where it was just written");
        assert!(p.answer(&branch("old"), ok()));
        assert!(matches!(p.stage, Stage::Done(_)));
    }

    #[test]
    fn one_branch_failing_keeps_the_receipt_of_the_other_and_leaves_nothing() {
        let mut p = progress(&["a", "b"], &["old"]);
        p.answer(&branch("a"), Err(store::Error::Rejected("hook".into())));
        p.answer(&branch("b"), ok());
        assert!(matches!(p.stage, Stage::Failed(_)));
        assert!(p.receipt(&branch("b")).is_some());
        assert!(p.submissions().is_empty());
    }

    #[test]
    fn another_try_keeps_what_was_confirmed_and_spares_no_head() {
        let mut first = progress(&["a", "b"], &[]);
        first.answer(&branch("a"), ok());
        first.answer(&branch("b"), Err(store::Error::Unreachable("down".into())));
        let mut again = Progress::new(2, "f".into(), first.desired.clone(), Some(&first));
        assert!(again.receipt(&branch("a")).is_some());
        assert!(again.submissions().iter().all(|(_, change)| change.unless_head.is_empty()));
        let other = Progress::new(3, "g".into(), first.desired.clone(), Some(&first));
        assert!(other.receipts.is_empty(), "another wish is confirmed by nothing yet");
    }

    #[test]
    fn nothing_to_do_is_done() {
        assert!(matches!(progress(&[], &[]).stage, Stage::Done(_)));
    }
}
