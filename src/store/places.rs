//! One change at one store root: the places its owner had give way to those it wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use git2::{ObjectType, Oid};

use super::conflicts;
use super::git::tree::{self, Difference, Dir, Entry, Found, differences};
use super::goal::Goal;
use super::index::join;
use super::kratix;
use super::records::{DIR, Record, RecordedPlace};
use super::stage::{Effect, Stage, is_removal};
use super::{Change, Error, Footprint, Place};
use crate::values::{Map, RelPath, Set};

/// What the owner's records say it has at a root, its own and those it takes over.
pub(super) struct Had {
    records: Vec<Arc<Record>>,
}

impl Had {
    fn places(&self) -> impl Iterator<Item = &RecordedPlace> {
        self.records.iter().flat_map(|record| &record.places)
    }

    fn dir(&self, dir: &RelPath) -> Option<&RecordedPlace> {
        self.places().find(|place| place.dir.as_ref() == Some(dir))
    }

    pub(super) fn file(&self, file: &RelPath) -> bool {
        self.places().any(|place| place.files.contains(file))
    }

    fn fragment(&self, file: &RelPath) -> Vec<&[String]> {
        let parts = self.places().filter_map(|place| place.fragment.as_ref());
        parts.filter(|part| part.file == *file).map(|part| part.documents.as_slice()).collect()
    }
}

impl Stage<'_> {
    /// Applies a change at one root whose records are loaded.
    pub(crate) fn apply_root(
        &mut self,
        change: &Change,
        root: &RelPath,
        places: &[Place],
        goal: Goal,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let index = self.index(root);
        let own = index.get(&change.owner).cloned();
        let adopted =
            std::iter::once(&change.owner.key).chain(&change.supersedes).flat_map(|key| index.of_request(key));
        let adopted =
            adopted.filter(|record| record.owner != change.owner && conflicts::is_ours(change, &record.owner));
        let records: Vec<Arc<Record>> = own.iter().cloned().chain(adopted.cloned()).collect();
        if is_late(change, &records) {
            effect.had = true;
            return Ok(());
        }
        if !places.is_empty() {
            self.refuse_enclosed(root)?;
        }
        effect.had |= !records.is_empty();
        let had = Had { records };
        if self.is_there(root, places, &had, &goal)? {
            self.settle(root, own.as_deref(), &change.owner, goal.record)?;
            return Ok(());
        }
        if !places.is_empty() {
            conflicts::check(self.index(root), change, root, places)?;
        }
        self.place_all(change, root, places, &had, goal.dirs, effect)?;
        for old in had.records.iter().filter(|old| old.owner != change.owner) {
            self.record(root, &old.owner, None)?;
            effect.touched = true;
        }
        effect.touched |= self.settle(root, own.as_deref(), &change.owner, goal.record)?;
        Ok(())
    }

    /// Whether all is as it is to be, by the ids of whole directories: most requests, most of the time. Who has
    /// it all recorded is in nobody's way.
    fn is_there(&mut self, root: &RelPath, places: &[Place], had: &Had, goal: &Goal) -> Result<bool, Error> {
        let [recorded] = had.records.as_slice() else { return Ok(false) };
        if !goal.record.as_ref().is_some_and(|wanted| wanted.says_the_same(recorded)) {
            return Ok(false);
        }
        let mut dirs = goal.dirs.iter();
        for place in places {
            let (Footprint::Exclusive { dir, clears, .. }, Some(goal)) = (&place.footprint, dirs.next()) else {
                return Ok(false);
            };
            let now = self.dir(&join(root, dir.as_str()))?.and_then(|now| now.id());
            if now.is_none() || now != goal.id() || !clears.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A store's path inside a directory that an owner under a path above it has to itself would go
    /// with that owner's next commit.
    fn refuse_enclosed(&mut self, root: &RelPath) -> Result<(), Error> {
        let parts: Vec<&str> = root.components().collect();
        for depth in 0..parts.len() {
            let (above, below) = (parts[..depth].join("/").parse::<RelPath>(), parts[depth..].join("/").parse());
            let (Ok(above), Ok(below)) = (above, below) else { continue };
            // What cannot be read there is the business of whoever writes there.
            if self.load(&above).is_err() {
                continue;
            }
            if let Some(holder) = self.index(&above).dir_around(&below) {
                return Err(Error::Conflict(format!(
                    "the store's path {root} lies in the directory of {}; give the store another path",
                    holder.owner
                )));
            }
        }
        Ok(())
    }

    fn place_all(
        &mut self,
        change: &Change,
        root: &RelPath,
        places: &[Place],
        had: &Had,
        dirs: Vec<Dir>,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        self.give_way(root, places, had, effect)?;
        let mut dirs = dirs.into_iter();
        for place in places {
            match &place.footprint {
                Footprint::Exclusive { dir, files, clears } => {
                    self.clear(root, clears, had, effect)?;
                    let new = dirs.next().unwrap_or_default();
                    self.exclusive(root, dir, (files, new), had, effect)?;
                }
                Footprint::Shared { files } => {
                    self.clear_flat(change, root, place, had, effect)?;
                    for (file, bytes) in files {
                        self.shared(change, root, (file, bytes), had, effect)?;
                    }
                }
                Footprint::Fragment { file, documents } => {
                    self.fragment(root, file, documents, had, effect)?;
                    self.clear_rest(change, root, file, documents, effect)?;
                }
            }
        }
        Ok(())
    }

    /// Removes what was recorded and is no longer wanted, before anything new is put down: a file may
    /// become a directory, or the other way round.
    fn give_way(&mut self, root: &RelPath, places: &[Place], had: &Had, effect: &mut Effect) -> Result<(), Error> {
        let (mut dirs, mut files, mut fragments) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for place in places {
            match &place.footprint {
                Footprint::Exclusive { dir, .. } => drop(dirs.insert(dir)),
                Footprint::Shared { files: wanted } => files.extend(wanted.keys()),
                Footprint::Fragment { file, .. } => drop(fragments.insert(file)),
            }
        }
        for old in had.places() {
            if let Some(dir) = old.dir.as_ref().filter(|dir| !dirs.contains(dir)) {
                self.remove_dir(root, dir, old.tree.as_deref(), effect)?;
            }
            for file in old.files.iter().filter(|file| !files.contains(file)) {
                effect.files += usize::from(self.write_file(&join(root, file.as_str()), None)?);
            }
            if let Some(part) = old.fragment.as_ref().filter(|part| !fragments.contains(&part.file)) {
                effect.files += 1;
                effect.aggregated.insert((root.clone(), part.file.clone()));
            }
        }
        Ok(())
    }

    /// Removes an owner's directory with all that is in it.
    pub(crate) fn remove_dir(
        &mut self,
        root: &RelPath,
        dir: &RelPath,
        recorded: Option<&str>,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let path = join(root, dir.as_str());
        if self.work.find(self.objects, &path)? != Found::Dir {
            return Ok(());
        }
        let objects = self.objects;
        let gone = differences(objects, self.dir(&path)?, None)?;
        refuse_records(&path, &gone)?;
        effect.files += gone.len();
        self.drift(&path, recorded, &gone.iter().map(|gone| gone.path.as_str()).collect(), effect)?;
        self.work.set(self.objects, &path, None)
    }

    /// Removes directories of Kratix's making that no other owner has a part in.
    fn clear(&mut self, root: &RelPath, dirs: &Set<RelPath>, had: &Had, effect: &mut Effect) -> Result<(), Error> {
        for dir in dirs {
            let objects = self.objects;
            let index = self.index(root);
            let mut holders = index.dir_around(dir).into_iter().chain(index.below(dir));
            let ours = holders.all(|holder| had.records.contains(holder));
            if ours
                && let Some(left) = self.dir(&join(root, dir.as_str()))?
                && kratix::is_kratixs(objects, left)?
            {
                let before = effect.files;
                self.remove_dir(root, dir, None, effect)?;
                effect.touched |= effect.files > before;
            }
        }
        Ok(())
    }

    /// Makes a directory hold these files, which are sealed as `new`, and nothing else.
    fn exclusive(
        &mut self,
        root: &RelPath,
        dir: &RelPath,
        (files, mut new): (&Map<RelPath, Vec<u8>>, Dir),
        had: &Had,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let path = join(root, dir.as_str());
        match self.work.find(self.objects, &path)? {
            Found::Absent | Found::Dir => {}
            Found::Leaf(leaf) => return Err(in_the_way(&path, leaf.oddity().unwrap_or("a file"), &path)),
            Found::Blocked(at, what) => return Err(in_the_way(&at, what, &path)),
        }
        let id = new.id();
        let objects = self.objects;
        let mut old = self.dir(&path)?;
        if old.as_ref().is_some_and(|old| id.is_some() && old.id() == id) {
            return Ok(());
        }
        let changes = differences(objects, old.take(), Some(&mut new))?;
        refuse_records(&path, &changes)?;
        for change in &changes {
            if let Some(leaf) = change.new
                && let Some(bytes) = files.get(change.path.as_str())
            {
                self.sink.insert(leaf.id, ObjectType::Blob, bytes);
            }
        }
        if had.dir(dir).is_none() {
            // Nobody recorded it. What is not of Kratix's making is somebody's, who is to hear of it.
            let lost = changes.iter().filter(|change| change.old.is_some());
            let others = lost.filter(|change| !kratix::is_in_pipeline(&change.path));
            effect.drift.extend(others.filter_map(|change| format!("{path}/{}", change.path).parse().ok()));
        }
        if let Some(place) = had.dir(dir) {
            let lost = changes.iter().filter(|change| change.old.is_some()).map(|change| change.path.as_str());
            self.drift(&path, place.tree.as_deref(), &lost.collect(), effect)?;
        }
        effect.files += changes.len();
        effect.touched |= !changes.is_empty();
        self.work.set(objects, &path, id.map(|_| Entry::Dir(new)))
    }

    /// If a directory is not as it was left, notes which of the files that go were not as they were left.
    fn drift(
        &mut self,
        path: &str,
        recorded: Option<&str>,
        lost: &BTreeSet<&str>,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let Some(recorded) = recorded.and_then(|id| Oid::from_str(id).ok()) else { return Ok(()) };
        let objects = self.objects;
        let known = objects.read(recorded).is_ok();
        let Some(now) = self.dir(path)? else { return Ok(()) };
        if now.id() == Some(recorded) {
            return Ok(());
        }
        let mut drifted: BTreeSet<String> = lost.iter().map(ToString::to_string).collect();
        // The tree that was left is not always at hand: caches of remote repositories are shallow.
        if known {
            let edits = differences(objects, Some(&mut Dir::stored(recorded)), Some(now))?;
            let edited: BTreeSet<String> =
                edits.into_iter().filter(|edit| edit.new.is_some()).map(|edit| edit.path).collect();
            drifted.retain(|path| edited.contains(path));
        }
        // A name that is no path of ours cannot be told as one; that it goes is told by the others or by the diff.
        effect.drift.extend(drifted.iter().filter_map(|file| format!("{path}/{file}").parse().ok()));
        Ok(())
    }

    /// Puts one file among other people's.
    fn shared(
        &mut self,
        change: &Change,
        root: &RelPath,
        (file, bytes): (&RelPath, &[u8]),
        had: &Had,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let path = join(root, file.as_str());
        let found = self.work.find(self.objects, &path)?;
        if let Found::Leaf(leaf) = found
            && leaf.oddity().is_none()
            && leaf.id != tree::hash(ObjectType::Blob, bytes)?
            && !had.file(file)
            && !self.is_listed(change, root, file, bytes)?
        {
            return Err(foreign(&path));
        }
        refuse_odd(&path, found)?;
        if self.write_file(&path, Some(bytes))? {
            effect.files += 1;
            effect.touched = true;
        }
        Ok(())
    }

    /// Notes a part of an aggregated file; the file is composed when all changes are known.
    fn fragment(
        &mut self,
        root: &RelPath,
        file: &RelPath,
        documents: &[String],
        had: &Had,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let path = join(root, file.as_str());
        let found = self.work.find(self.objects, &path)?;
        let is_file = matches!(found, Found::Leaf(_));
        refuse_odd(&path, found)?;
        if is_file && self.index(root).aggregated_at(file).is_none() && !self.adopt_rest(root, file, &path)? {
            return Err(foreign(&path));
        }
        if had.fragment(file) != [documents] {
            effect.files += 1;
            effect.touched = true;
        }
        effect.aggregated.insert((root.clone(), file.clone()));
        Ok(())
    }
}

/// A removal for an earlier incarnation of a request that has been made again since.
fn is_late(change: &Change, records: &[Arc<Record>]) -> bool {
    let other = |record: &Arc<Record>| {
        record.owner.key == change.owner.key && !record.uid.is_empty() && record.uid != change.uid
    };
    is_removal(change) && !change.uid.is_empty() && records.iter().any(other)
}

/// Records in an owner's directory are those of a store whose path lies there.
fn refuse_records(path: &str, changes: &[Difference]) -> Result<(), Error> {
    let kept = |change: &&Difference| change.path.split('/').any(|part| part == DIR);
    match changes.iter().find(kept) {
        None => Ok(()),
        Some(record) => Err(Error::Blocked(format!(
            "{path}/{} belongs to a store whose path lies in {path}; remove that store's requests first, or rename this one",
            record.path
        ))),
    }
}

fn refuse_odd(path: &str, found: Found) -> Result<(), Error> {
    match found {
        Found::Dir => {
            Err(Error::Blocked(format!("{path} is a directory in the repository, where a file is to go; move it away")))
        }
        Found::Blocked(at, what) => Err(in_the_way(&at, what, path)),
        Found::Leaf(leaf) => match leaf.oddity() {
            Some(what) => Err(Error::Blocked(format!(
                "{path} is {what} in the repository, where a file is to go; remove it there"
            ))),
            None => Ok(()),
        },
        Found::Absent => Ok(()),
    }
}

fn in_the_way(at: &str, what: &str, path: &str) -> Error {
    Error::Blocked(format!(
        "{at} is {what} in the repository, but a directory is needed there for {path}; remove it there"
    ))
}

fn foreign(path: &str) -> Error {
    Error::Conflict(format!(
        "{path} is in the repository and nobody recorded it: it is left alone; remove it there, or rename this request"
    ))
}
