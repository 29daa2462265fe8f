//! Who holds what a change wants. Decided on the records alone, before anything is edited.

use std::collections::BTreeSet;

use super::index::Index;
use super::records::{DIR, Record};
use super::{Change, Error, Footprint, Place, kratix};
use crate::values::{Owner, RelPath};

/// Whether a record is the change's own, or one that it takes over.
pub(crate) fn is_ours(change: &Change, owner: &Owner) -> bool {
    (owner.key == change.owner.key || change.supersedes.contains(&owner.key))
        && (owner.writer == change.owner.writer || change.adopt.contains(&owner.writer))
}

/// Refuses a change that needs what somebody else holds, and names the holder.
pub(crate) fn check(index: &Index, change: &Change, root: &RelPath, places: &[Place]) -> Result<(), Error> {
    same_request(index, change)?;
    for claim in &change.claims {
        if let Some(holder) = index.claim(&change.owner.writer, claim).filter(|r| !is_ours(change, &r.owner)) {
            return Err(Error::Conflict(format!(
                "{claim} belongs to {}; choose another, or remove it there first",
                holder.owner
            )));
        }
    }
    let mut own = OwnPaths::default();
    for place in places {
        for object in &place.objects {
            if let Some(holder) = index.object(&place.destination, object).filter(|r| !is_ours(change, &r.owner)) {
                return Err(Error::Conflict(format!(
                    "the object {object} at destination {} is already written by {}; remove it from one of the two",
                    place.destination, holder.owner
                )));
            }
        }
        match &place.footprint {
            Footprint::Exclusive { dir, .. } => {
                allowed(root, dir)?;
                own.dir(root, dir)?;
                exclusive(index, change, root, dir)?;
            }
            Footprint::Shared { files } => {
                for file in files.keys() {
                    allowed(root, file)?;
                    own.file(root, file)?;
                    shared(index, change, root, file)?;
                    refuse(change, root, file, index.aggregated_at(file))?;
                }
            }
            Footprint::Fragment { file, .. } => {
                allowed(root, file)?;
                own.file(root, file)?;
                shared(index, change, root, file)?;
            }
        }
    }
    Ok(())
}

fn same_request(index: &Index, change: &Change) -> Result<(), Error> {
    let Some(other) = index.of_request(&change.owner.key).find(|record| !is_ours(change, &record.owner)) else {
        return Ok(());
    };
    Err(Error::Conflict(format!(
        "{} is already written by the writer {:?}; `--adopt {}` (or the operator's setting) takes over what it left",
        change.owner.key, other.owner.writer, other.owner.writer
    )))
}

/// What placement never asks for, and what would destroy the records if it did.
fn allowed(root: &RelPath, path: &RelPath) -> Result<(), Error> {
    if path.is_root() {
        return Err(Error::Blocked(
            "a request cannot own a store's whole path; give the destination a path".to_owned(),
        ));
    }
    if path.components().any(|part| part.eq_ignore_ascii_case(DIR)) {
        return Err(Error::Blocked(format!("{} is kept's own", root.join(path))));
    }
    if path.components().any(|part| part.eq_ignore_ascii_case(kratix::DIR)) {
        return Err(Error::Blocked(format!("{} is Kratix's own", root.join(path))));
    }
    Ok(())
}

fn exclusive(index: &Index, change: &Change, root: &RelPath, dir: &RelPath) -> Result<(), Error> {
    refuse(change, root, dir, index.dir_around(dir))?;
    refuse(change, root, dir, index.file(dir))?;
    for holder in index.below(dir) {
        refuse(change, root, dir, Some(holder))?;
    }
    Ok(())
}

fn shared(index: &Index, change: &Change, root: &RelPath, file: &RelPath) -> Result<(), Error> {
    refuse(change, root, file, index.file(file))?;
    refuse(change, root, file, index.dir_around(file))
}

fn refuse(
    change: &Change,
    root: &RelPath,
    path: &RelPath,
    holder: Option<&std::sync::Arc<Record>>,
) -> Result<(), Error> {
    match holder.filter(|record| !is_ours(change, &record.owner)) {
        None => Ok(()),
        Some(holder) => Err(Error::Conflict(format!(
            "{} belongs to {}; rename this request, send it elsewhere, or remove the other first",
            root.join(path),
            holder.owner
        ))),
    }
}

/// The places of one change must not meet each other either.
#[derive(Default)]
struct OwnPaths {
    dirs: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl OwnPaths {
    fn dir(&mut self, root: &RelPath, dir: &RelPath) -> Result<(), Error> {
        let folded = dir.folded();
        let below = format!("{folded}/");
        let meets = self.inside(&folded)
            || self.dirs.iter().chain(&self.files).any(|path| *path == folded || path.starts_with(&below));
        self.dirs.insert(folded);
        if meets { Err(twice(root, dir)) } else { Ok(()) }
    }

    fn file(&mut self, root: &RelPath, file: &RelPath) -> Result<(), Error> {
        let folded = file.folded();
        let meets = self.inside(&folded) || !self.files.insert(folded);
        if meets { Err(twice(root, file)) } else { Ok(()) }
    }

    fn inside(&self, path: &str) -> bool {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.any(|end| self.dirs.contains(&path[..end]))
    }
}

fn twice(root: &RelPath, path: &RelPath) -> Error {
    Error::Blocked(format!(
        "{} is needed twice by this request; give its destinations paths that do not overlap",
        root.join(path)
    ))
}
