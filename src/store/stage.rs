//! A commit in the making: changes applied, one after the other, to a tree and to the records' index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use git2::{ObjectType, Oid};
use rayon::prelude::*;

use super::git::objects::{Objects, Sink};
use super::git::tree::{Dir, Entry, Found, Leaf, Work};
use super::goal::Goal;
use super::index::{Index, join};
use super::kratix::{self, LeftOver, flat::Listed};
use super::records::{DIR, Record, file_name};
use super::{Change, Error};
use crate::values::{Owner, RelPath};

/// The indexes of an engine, by store root.
pub(crate) type Indexes = BTreeMap<RelPath, Index>;

/// What came of one change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    /// Files added, changed or removed.
    pub(crate) files: usize,
    /// Whether there was a record before.
    pub(crate) had: bool,
    /// Whether the tree was edited at all, be it only the record.
    pub(crate) touched: bool,
    /// Whether the owner holds nothing any more.
    pub(crate) removed: bool,
    /// Foreign files that went, below the repository's root.
    pub(crate) drift: BTreeSet<RelPath>,
    /// Aggregated files it has or had a part in, below the repository's root with their store roots.
    pub(crate) aggregated: BTreeSet<(RelPath, RelPath)>,
}

/// How many changes are worked out ahead of their turns.
const AT_ONCE: usize = 500;

/// The tree, the objects and the records while a commit is prepared.
pub(crate) struct Stage<'a> {
    pub(crate) objects: &'a dyn Objects,
    pub(crate) work: Work,
    pub(crate) sink: Sink,
    pub(crate) indexes: &'a mut Indexes,
    /// Roots whose records cannot be used, and why.
    broken: HashMap<RelPath, Error>,
    /// What the indexes held, to be put back.
    journal: Journal,
    /// Records that say what they are to say, with another seal.
    stale: Vec<(RelPath, Record)>,
    /// What Kratix's state files list, by the directory that was asked for.
    pub(crate) kratix: HashMap<(RelPath, String), Listed>,
}

/// The answers, in the order of the changes.
pub(crate) type Effects = Vec<Result<Effect, Error>>;

impl<'a> Stage<'a> {
    /// Begins on a base tree. Indexes that were read from other records follow.
    pub(crate) fn new(objects: &'a dyn Objects, base: Option<Oid>, indexes: &'a mut Indexes) -> Result<Self, Error> {
        let mut stage = Self {
            objects,
            work: Work::new(base),
            sink: Sink::default(),
            indexes,
            broken: HashMap::new(),
            journal: Vec::new(),
            stale: Vec::new(),
            kratix: HashMap::new(),
        };
        let roots: Vec<RelPath> = stage.indexes.keys().cloned().collect();
        for root in roots {
            let tree = stage.kept_tree(&root)?;
            let Some(mut index) = stage.indexes.remove(&root) else { continue };
            // One that cannot follow is read anew when it is needed, which tells why.
            if index.tree == tree || index.follow(objects, tree, &root).is_ok() {
                stage.indexes.insert(root, index);
            }
        }
        Ok(stage)
    }

    fn kept_tree(&mut self, root: &RelPath) -> Result<Option<Oid>, Error> {
        self.work.id(self.objects, &join(root, DIR))
    }

    /// Makes sure that the records of a root are at hand.
    pub(crate) fn load(&mut self, root: &RelPath) -> Result<(), Error> {
        if self.indexes.contains_key(root) {
            return Ok(());
        }
        if let Some(error) = self.broken.get(root) {
            return Err(error.clone());
        }
        match Index::load(self.objects, &mut self.work, root) {
            Ok(index) => {
                self.indexes.insert(root.clone(), index);
                Ok(())
            }
            Err(error) => {
                self.broken.insert(root.clone(), error.clone());
                Err(error)
            }
        }
    }

    /// What Kratix left below a root that was loaded.
    pub(crate) fn left_over(&mut self, root: &RelPath) -> Result<LeftOver, Error> {
        let index = self.indexes.entry(root.clone()).or_default();
        kratix::left_over(self.objects, &mut self.work, root, index)
    }

    /// The records of a root that was loaded.
    pub(crate) fn index(&mut self, root: &RelPath) -> &mut Index {
        self.indexes.entry(root.clone()).or_default()
    }

    /// Applies all changes, each wholly or not at all.
    pub(crate) fn apply_all(&mut self, changes: &[Change]) -> Result<Effects, Error> {
        let mut turns: Vec<usize> = (0..changes.len()).collect();
        turns.sort_by_cached_key(|&at| {
            let change = &changes[at];
            let owner = &change.owner;
            (!is_removal(change), change.created.is_none(), change.created, owner.key.clone(), owner.writer.clone())
        });
        let mut effects: Vec<Option<Result<Effect, Error>>> = vec![None; changes.len()];
        // Whoever lost to somebody that made room later in the batch is tried again.
        loop {
            let mut freed = false;
            let mut losers = Vec::new();
            for turns in turns.chunks(AT_ONCE) {
                let goals: Vec<_> = turns.par_iter().map(|&at| Goal::all(&changes[at])).collect();
                for (&at, goals) in turns.iter().zip(goals) {
                    let effect = self.attempt(|stage| stage.apply_roots(&changes[at], goals?))?;
                    match &effect {
                        // Who had something may have left it.
                        Ok(effect) => freed |= effect.had && effect.touched,
                        Err(Error::Conflict(_) | Error::Blocked(_)) => losers.push(at),
                        Err(_) => {}
                    }
                    effects[at] = Some(effect);
                }
            }
            if losers.is_empty() || !freed {
                break;
            }
            turns = losers;
        }
        Ok(effects.into_iter().flatten().collect())
    }

    /// Does something wholly or not at all. The outer error is Git's, and concerns the whole batch.
    pub(crate) fn attempt<T>(
        &mut self,
        what: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Error> {
        let work = self.work.mark();
        let journal = self.journal.len();
        let result = what(self);
        if result.is_err() {
            self.work.roll_back(self.objects, work)?;
            self.roll_back(journal);
        }
        Ok(result)
    }

    fn apply_roots(&mut self, change: &Change, goals: Vec<Goal>) -> Result<Effect, Error> {
        let mut effect = Effect { removed: is_removal(change), ..Effect::default() };
        for ((root, places), goal) in change.roots.iter().zip(goals) {
            self.load(root)?;
            self.apply_root(change, root, places, goal, &mut effect)?;
        }
        Ok(effect)
    }

    /// Files made of many owners' documents are written once for the whole batch.
    pub(crate) fn aggregate(&mut self, effects: &mut [&mut Result<Effect, Error>]) -> Result<(), Error> {
        let mut parts: BTreeMap<(RelPath, RelPath), Vec<usize>> = BTreeMap::new();
        for (at, effect) in effects.iter().enumerate() {
            for file in effect.iter().flat_map(|effect| &effect.aggregated) {
                parts.entry(file.clone()).or_default().push(at);
            }
        }
        for ((root, file), owners) in parts {
            self.write_rest(&root, &file)?;
            let wanted = self.index(&root).compose(&file);
            let path = root.join(&file);
            if !self.write_file(path.as_str(), wanted.as_deref())? {
                continue;
            }
            // Nobody's part changed, and yet the file did: somebody had edited it.
            let drifted = owners.iter().all(|&at| effects[at].as_ref().is_ok_and(|effect| !effect.touched));
            for at in owners {
                if drifted && let Ok(effect) = &mut *effects[at] {
                    effect.touched = true;
                    effect.files += 1;
                    effect.drift.insert(path.clone());
                }
            }
        }
        Ok(())
    }

    /// Makes a regular file hold these bytes, or go; answers whether it had to be touched. What is not
    /// a regular file stays when the file is to go.
    pub(crate) fn write_file(&mut self, path: &str, bytes: Option<&[u8]>) -> Result<bool, Error> {
        let found = self.work.find(self.objects, path)?;
        let Some(bytes) = bytes else {
            let ours = matches!(found, Found::Leaf(leaf) if leaf.oddity().is_none());
            if ours {
                self.work.set(self.objects, path, None)?;
            }
            return Ok(ours);
        };
        let leaf = Leaf::file(super::git::tree::hash(ObjectType::Blob, bytes)?);
        if found == Found::Leaf(leaf) {
            return Ok(false);
        }
        self.sink.insert(leaf.id, ObjectType::Blob, bytes);
        self.work.set(self.objects, path, Some(Entry::Leaf(leaf)))?;
        Ok(true)
    }

    /// Writes or removes an owner's record, in the tree and in the index.
    pub(crate) fn record(&mut self, root: &RelPath, owner: &Owner, record: Option<Record>) -> Result<(), Error> {
        let path = join(root, &file_name(owner));
        let bytes = record.as_ref().map(Record::to_bytes).transpose()?;
        self.write_file(&path, bytes.as_deref())?;
        self.note(root, owner, record);
        Ok(())
    }

    /// Compares an owner's record with what it is to be; it is written if it says something else. If it only bears
    /// another seal, it waits for a commit that is made anyway. Answers whether it was written.
    pub(crate) fn settle(
        &mut self,
        root: &RelPath,
        own: Option<&Record>,
        owner: &Owner,
        goal: Option<Record>,
    ) -> Result<bool, Error> {
        match (own, goal) {
            (None, None) => Ok(false),
            (Some(own), Some(goal)) if own.says_the_same(&goal) => {
                if goal.seal.is_some() && own.seal != goal.seal {
                    self.stale.push((root.clone(), goal));
                }
                Ok(false)
            }
            (_, goal) => self.record(root, owner, goal).map(|()| true),
        }
    }

    /// Writes the seals that have waited.
    pub(crate) fn seal_anew(&mut self) -> Result<(), Error> {
        for (root, record) in std::mem::take(&mut self.stale) {
            let owner = record.owner.clone();
            if self.index(&root).get(&owner).is_some_and(|now| now.says_the_same(&record)) {
                self.record(&root, &owner, Some(record))?;
            }
        }
        Ok(())
    }

    /// Whether a sealed record's directories are as it says. It has them to itself.
    pub(crate) fn stands(&mut self, root: &RelPath, record: &Record) -> Result<bool, Error> {
        for place in &record.places {
            let (Some(dir), Some(tree)) = (&place.dir, &place.tree) else { return Ok(false) };
            let now = self.dir(&join(root, dir.as_str()))?.and_then(|dir| dir.id());
            if now.is_none() || now != Oid::from_str(tree).ok() {
                return Ok(false);
            }
        }
        Ok(record.seal.is_some())
    }

    /// Writes or removes an owner's record in the index alone.
    pub(crate) fn note(&mut self, root: &RelPath, owner: &Owner, record: Option<Record>) {
        let old = self.index(root).set(owner, record.map(Arc::new));
        self.journal.push((root.clone(), owner.clone(), old));
    }

    /// The directory at a path below the repository's root, if there is one.
    pub(crate) fn dir(&mut self, path: &str) -> Result<Option<&mut Dir>, Error> {
        self.work.dir(self.objects, path)
    }

    fn roll_back(&mut self, mark: usize) {
        let journal = self.journal.split_off(mark);
        put_back(self.indexes, journal);
    }

    /// Stores what is new, and answers the tree.
    pub(crate) fn seal(&mut self) -> Result<Option<Oid>, Error> {
        self.work.seal(&mut self.sink)
    }

    /// The new objects, once sealed.
    pub(crate) fn take_objects(&mut self) -> Sink {
        std::mem::take(&mut self.sink)
    }

    /// Lets go of the repository, once sealed.
    pub(crate) fn finish(mut self) -> Result<Ledger, Error> {
        let roots: Vec<RelPath> = self.indexes.keys().cloned().collect();
        let trees = roots.into_iter().map(|root| Ok((self.kept_tree(&root)?, root))).collect::<Result<_, Error>>()?;
        Ok(Ledger { journal: self.journal, trees })
    }
}

type Journal = Vec<(RelPath, Owner, Option<Arc<Record>>)>;

fn put_back(indexes: &mut Indexes, journal: Journal) {
    for (root, owner, record) in journal.into_iter().rev() {
        indexes.entry(root).or_default().set(&owner, record);
    }
}

/// What became of the indexes, until the remote has spoken.
#[must_use]
pub(crate) struct Ledger {
    journal: Journal,
    trees: Vec<(Option<Oid>, RelPath)>,
}

impl Ledger {
    /// The remote holds it: the indexes belong to the new tree.
    pub(crate) fn confirm(self, indexes: &mut Indexes) {
        for (tree, root) in self.trees {
            indexes.entry(root).or_default().tree = tree;
        }
    }

    /// It came to nothing: the indexes are what they were before.
    pub(crate) fn abandon(self, indexes: &mut Indexes) {
        put_back(indexes, self.journal);
    }
}

/// Whether a change only takes away.
pub(crate) fn is_removal(change: &Change) -> bool {
    change.roots.values().all(Vec::is_empty)
}
