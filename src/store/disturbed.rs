//! Whose files others have changed, found at the cost of what differs between two trees.

use std::collections::BTreeSet;

use git2::Oid;

use super::git::objects::Objects;
use super::git::tree::{Difference, Dir, differences};
use super::index::Index;
use super::records::{DIR, Record};
use super::stage::Indexes;
use crate::values::{Owner, RelPath};

/// The owners with a file, a directory or a record that differs between two trees, as `indexes`, which
/// belong to the old one, know them. All of them if the old tree cannot be read any more.
pub(crate) fn disturbed(
    objects: &dyn Objects,
    indexes: &Indexes,
    old: Option<Oid>,
    new: Option<Oid>,
) -> BTreeSet<Owner> {
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
