//! The synchronous heart of the store: one per remote and branch. It holds a base commit, applies changes
//! to it in memory, and publishes the result by compare-and-swap.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::build::{Base, preview};
use super::disturbed::Disturbed;
use super::fence::Fence;
use super::git::{self, Transport};
use super::heads::Heads;
use super::inventory::Inventory;
use super::kratix::LeftOver;
use super::preview::Touched;
use super::split::Refused;
use super::stage::{Indexes, Stage};
use super::{Access, Change, Chore, Error, Outcome, Record};
use crate::values::{Owner, RelPath, Span};

/// How often a commit is built anew because the branch moved meanwhile.
pub(super) const ATTEMPTS: u32 = 10;

/// Steps of which is told. A remote that declines some of a thousand requests is asked hundreds of times.
const SPANS: usize = 100;

/// What a remote branch held when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The commit; absent while the branch does not exist.
    pub commit: Option<String>,
}

/// What lies under a store root.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// All records, of all writers.
    pub records: Vec<Arc<Record>>,
    /// Those of them with a seal whose directories are as they were written: if a request has the fingerprint that
    /// one is sealed for, nothing is to be done for it.
    pub standing: Vec<Arc<Record>>,
    /// What Kratix left.
    pub left_over: LeftOver,
    /// The commit that holds all this; none while the branch does not exist.
    pub commit: Option<String>,
}

/// What a commit would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// As [`Engine::commit`] would answer.
    pub outcomes: Vec<Outcome>,
    /// A unified diff of the files; of kept's own records only where nothing else changes.
    pub diff: String,
    /// The files of that diff, and those of kept's own records in any case.
    pub files: Vec<Touched>,
    /// Whether a commit would be made at all.
    pub changed: bool,
}

/// The answers to changes and chores that went together.
#[derive(Clone, Debug)]
pub struct Published {
    /// To the changes, in their order.
    pub outcomes: Vec<Outcome>,
    /// To the chores, in their order.
    pub chores: Vec<Outcome>,
}

/// One remote and branch.
pub struct Engine {
    pub(super) access: Access,
    /// Absent after new credentials, until the next use.
    pub(super) transport: Option<Box<dyn Transport>>,
    pub(super) base: Option<Base>,
    pub(super) indexes: Indexes,
    pub(super) heads: Heads,
    pub(super) fence: Fence,
    pub(super) refused: Refused,
    pub(super) disturbed: Disturbed,
    /// What was done since that was asked last.
    pub(super) spans: Vec<Span>,
}

impl Engine {
    /// Opens the repository; makes no connection to a remote one yet.
    pub fn open(access: Access) -> Result<Self, Error> {
        let transport = Some(git::open(&access)?);
        Ok(Self {
            access,
            transport,
            base: None,
            indexes: Indexes::new(),
            heads: Heads::default(),
            fence: Fence::default(),
            refused: Refused::default(),
            disturbed: Disturbed::default(),
            spans: Vec::new(),
        })
    }

    /// Has the engine share what it makes with others, see [`Change::unless_head`].
    #[must_use]
    pub fn sharing(self, heads: Heads) -> Self {
        Self { heads, ..self }
    }

    /// Has the engine push only while this is open.
    #[must_use]
    pub fn fenced(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    pub(super) fn name(&self) -> String {
        format!("{}@{}", self.access.url, self.access.branch)
    }

    /// New credentials, for a rotated Secret.
    pub fn set_access(&mut self, access: Access) {
        let same = self.access.url == access.url && self.access.branch == access.branch;
        if !same || self.transport.as_mut().is_some_and(|transport| transport.set_access(&access).is_err()) {
            self.forget();
        }
        self.access = access;
    }

    /// How the repository is reached.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Looks at the remote now, fetches if it moved, and says where it stands.
    pub fn refresh(&mut self) -> Result<Head, Error> {
        let base = self.look()?;
        Ok(Head { commit: base.commit.map(|id| id.to_string()) })
    }

    /// All records under a store root at the base (of all writers).
    pub fn records(&mut self, root: &RelPath) -> Result<Vec<Arc<Record>>, Error> {
        self.survey(root).map(|survey| survey.records)
    }

    /// What lies under a store root at the base.
    pub fn survey(&mut self, root: &RelPath) -> Result<Survey, Error> {
        self.resilient(|engine| engine.survey_once(root))
    }

    fn survey_once(&mut self, root: &RelPath) -> Result<Survey, Error> {
        let base = self.base()?;
        let transport = connect(&self.access, &mut self.transport)?;
        let mut stage = Stage::new(transport.objects(), base.tree, &mut self.indexes)?;
        stage.load(root)?;
        let left_over = stage.left_over(root)?;
        let records: Vec<_> = stage.index(root).all().cloned().collect();
        let mut standing = Vec::new();
        for record in records.iter().filter(|record| record.seal.is_some()) {
            if stage.stands(root, record)? {
                standing.push(Arc::clone(record));
            }
        }
        Ok(Survey { records, standing, left_over, commit: base.commit.map(|id| id.to_string()) })
    }

    /// What each owner has under a store root at the base, and the commits that made it so as far as they are
    /// at hand.
    pub fn inventory(&mut self, root: &RelPath) -> Result<Inventory, Error> {
        self.resilient(|engine| {
            let base = engine.base()?;
            let transport = connect(&engine.access, &mut engine.transport)?;
            let mut stage = Stage::new(transport.objects(), base.tree, &mut engine.indexes)?;
            stage.load(root)?;
            Inventory::take(&mut stage, root, base.commit)
        })
    }

    /// Makes the remote hold what the changes ask for, in at most one commit, and answers each of them.
    /// If the remote refuses that commit, what it refuses is found and the rest is committed without it.
    /// An error that concerns one change alone is that change's outcome; `Err` concerns all.
    ///
    /// A chore that fails alone is only logged, unless there are no changes: see [`Engine::publish`].
    pub fn commit(&mut self, changes: &[Change], chores: &[Chore]) -> Result<Vec<Outcome>, Error> {
        let published = self.publish(changes, chores)?;
        for error in published.chores.into_iter().filter_map(Result::err) {
            if changes.is_empty() {
                return Err(error);
            }
            tracing::warn!(%error, "a destination could not be looked after");
        }
        Ok(published.outcomes)
    }

    /// The owners whose files or records others have changed since this was asked last, as far as that was
    /// noticed: a look at the remote notices it, and so does a push that finds the branch elsewhere.
    pub fn take_disturbed(&mut self) -> BTreeSet<Owner> {
        self.disturbed.take(&self.indexes)
    }

    /// What was done, and when, since this was asked last: the first hundred steps.
    pub fn take_spans(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.spans)
    }

    /// What [`Engine::commit`] would do; writes nothing to the remote.
    pub fn preview(&mut self, changes: &[Change], chores: &[Chore]) -> Result<Preview, Error> {
        self.resilient(|engine| engine.preview_once(changes, chores))
    }

    fn preview_once(&mut self, changes: &[Change], chores: &[Chore]) -> Result<Preview, Error> {
        let base = self.look()?;
        let transport = connect(&self.access, &mut self.transport)?;
        let preview = preview(transport.as_ref(), base, &mut self.indexes, changes, chores);
        if preview.is_err() {
            self.indexes.clear();
        }
        preview
    }

    /// Checks that the branch can be written with these credentials without writing: the server
    /// advertises receive-pack, or the local repository is writable.
    pub fn probe(&mut self) -> Result<Head, Error> {
        let head = connect(&self.access, &mut self.transport)?.probe()?;
        Ok(Head { commit: head.map(|id| id.to_string()) })
    }

    pub(super) fn is_far(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| !transport.is_near())
    }

    /// Runs something again on a new cache if this one turns out to be of no use.
    fn resilient<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match work(self) {
            Err(Error::Git(words)) if self.is_far() => {
                self.begin_anew(&words);
                work(self)
            }
            result => result,
        }
    }

    pub(super) fn begin_anew(&mut self, words: &str) {
        tracing::warn!(error = words, "a cache is of no use any more and made anew");
        self.forget();
    }

    /// Begins anew, with an empty cache.
    pub(super) fn forget(&mut self) {
        self.disturbed.lost(&self.indexes);
        self.transport = None;
        self.base = None;
        self.indexes.clear();
    }

    /// The base to build on: looked up where that is cheap, else as it was last confirmed.
    pub(super) fn base(&mut self) -> Result<Base, Error> {
        let near = connect(&self.access, &mut self.transport)?.is_near();
        match self.base {
            Some(base) if !near => Ok(base),
            _ => self.look(),
        }
    }

    /// Makes the remote's head the base.
    pub(super) fn look(&mut self) -> Result<Base, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.look_once() {
                // It moved between being looked up and being fetched.
                Err(Error::Contended(_)) if attempt < ATTEMPTS => pause(attempt),
                result => return result,
            }
        }
    }

    fn look_once(&mut self) -> Result<Base, Error> {
        let since = SystemTime::now();
        let found = self.find();
        note(&mut self.spans, "fetch", since);
        found
    }

    fn find(&mut self) -> Result<Base, Error> {
        let transport = connect(&self.access, &mut self.transport)?;
        let head = transport.head()?;
        let have = self.base.and_then(|base| base.commit);
        if let Some(base) = self.base.filter(|base| base.commit == head) {
            return Ok(base);
        }
        let mut base = Base { commit: head, tree: None };
        if let Some(commit) = head {
            transport.fetch(commit, have)?;
            base.tree = Some(git::parse::tree_of(&transport.objects().read(commit)?)?);
        }
        if let Some(before) = self.base {
            self.disturbed.moved(transport.objects(), &self.indexes, before.tree, base.tree);
        }
        self.base = Some(base);
        Ok(base)
    }
}

/// Adds what began then, and is over now.
pub(super) fn note(spans: &mut Vec<Span>, name: &'static str, since: SystemTime) {
    if spans.len() < SPANS {
        spans.push(Span::since(name, since));
    }
}

pub(super) fn connect<'a>(
    access: &Access,
    transport: &'a mut Option<Box<dyn Transport>>,
) -> Result<&'a mut Box<dyn Transport>, Error> {
    match transport {
        Some(transport) => Ok(transport),
        None => Ok(transport.insert(git::open(access)?)),
    }
}

/// Waits before another attempt, each time longer and never as long as the others who try.
pub(super) fn pause(attempt: u32) {
    if attempt > 0 {
        let limit = 10_u64.saturating_mul(1 << attempt.min(6));
        let random = std::hash::RandomState::new().build_hasher().finish();
        std::thread::sleep(Duration::from_millis(random % limit));
    }
}
