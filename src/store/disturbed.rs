//! Whose files others have changed, found at the cost of what differs between two trees.

use std::collections::BTreeSet;

use git2::Oid;

use super::git::objects::Objects;
use super::git::tree::{Difference, Dir, differences};
use super::index::Index;
use super::records::{DIR, Record};
use super::stage::Indexes;
use crate::values::{Owner, RelPath};

/// Whose files others have changed, gathered until somebody asks.
#[derive(Default)]
pub(crate) struct Disturbed {
    owners: BTreeSet<Owner>,
    /// Store roots whose records were at hand once.
    roots: BTreeSet<RelPath>,
    /// Those of them whose records were not at hand when the branch moved: whom that concerned, nobody knows.
    blind: BTreeSet<RelPath>,
}

impl Disturbed {
    /// The branch moved from one tree to another; `indexes` belong to the old one.
    pub(crate) fn moved(&mut self, objects: &dyn Objects, indexes: &Indexes, old: Option<Oid>, new: Option<Oid>) {
        self.roots.extend(indexes.keys().cloned());
        self.blind.extend(self.roots.iter().filter(|root| !indexes.contains_key(*root)).cloned());
        self.owners.extend(disturbed(objects, indexes, old, new));
    }

    /// What the branch held is about to be forgotten, so that no move from there will be seen.
    pub(crate) fn lost(&mut self, indexes: &Indexes) {
        self.roots.extend(indexes.keys().cloned());
        self.blind.clone_from(&self.roots);
    }

    /// What these owners want is what the branch holds, whatever others did before.
    pub(crate) fn settled<'a>(&mut self, owners: impl Iterator<Item = &'a Owner>) {
        for owner in owners {
            self.owners.remove(owner);
        }
    }

    /// The owners, told once; where nobody knows, all of them, as soon as the records say who that is.
    pub(crate) fn take(&mut self, indexes: &Indexes) -> BTreeSet<Owner> {
        for (root, index) in indexes {
            if self.blind.remove(root) {
                self.owners.extend(index.all().map(|record| record.owner.clone()));
            }
        }
        std::mem::take(&mut self.owners)
    }
}

/// The owners with a file, a directory or a record that differs between two trees, as `indexes`, which
/// belong to the old one, know them. All of them if the old tree cannot be read any more.
fn disturbed(objects: &dyn Objects, indexes: &Indexes, old: Option<Oid>, new: Option<Oid>) -> BTreeSet<Owner> {
    let (mut before, mut after) = (old.map(Dir::stored), new.map(Dir::stored));
    let Ok(found) = differences(objects, before.as_mut(), after.as_mut()) else {
        return indexes.values().flat_map(Index::all).map(|record| record.owner.clone()).collect();
    };
    let of = |(root, index): (&RelPath, &Index), difference: &Difference| {
        let below = difference.path.strip_prefix(root.as_str())?;
        let below = if root.is_root() { below } else { below.strip_prefix('/')? };
        if below.split('/').next() == Some(DIR) {
            return recorded(objects, difference);
        }
        index.holder(below).map(|record| record.owner.clone())
    };
    let pairs = found.iter().flat_map(|difference| indexes.iter().map(move |index| (index, difference)));
    pairs.filter_map(|(index, difference)| of(index, difference)).collect()
}

/// Whose record a file held before.
fn recorded(objects: &dyn Objects, difference: &Difference) -> Option<Owner> {
    let record = objects.read(difference.old?.id).ok()?;
    Some(Record::from_bytes(&record.bytes, &difference.path).ok()?.owner)
}
