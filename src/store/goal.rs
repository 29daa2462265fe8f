//! What a change wants at one store root, worked out without a look at any tree: on all cores, before the
//! changes take their turns.

use git2::ObjectType;

use super::git::tree::{self, Dir, Leaf};
use super::records::{Fragment, Record, RecordedPlace};
use super::{Change, Error, Footprint, Place};
use crate::values::Set;

/// What is to be at a store root once a change is done.
pub(crate) struct Goal {
    /// The owner's record; none if nothing is wanted there.
    pub(crate) record: Option<Record>,
    /// The directories that it has to itself, sealed; one for each place of that kind, in their order.
    pub(crate) dirs: Vec<Dir>,
}

impl Goal {
    /// The goals of a change, one for each of its roots.
    pub(crate) fn all(change: &Change) -> Result<Vec<Self>, Error> {
        change.roots.values().map(|places| Self::of(change, places)).collect()
    }

    fn of(change: &Change, places: &[Place]) -> Result<Self, Error> {
        let mut dirs = Vec::new();
        let mut recorded = Vec::with_capacity(places.len());
        for place in places {
            let mut entry = RecordedPlace {
                destination: place.destination.clone(),
                directories: place.directories.clone(),
                objects: place.objects.clone(),
                dir: None,
                tree: None,
                files: Set::new(),
                fragment: None,
            };
            match &place.footprint {
                Footprint::Exclusive { dir, files, .. } => {
                    let leaf = |bytes: &Vec<u8>| tree::hash(ObjectType::Blob, bytes).map(Leaf::file);
                    let leaves = files.iter().map(|(path, bytes)| Ok((path.as_str(), leaf(bytes)?)));
                    let mut new = Dir::of(leaves.collect::<Result<Vec<_>, Error>>()?.into_iter());
                    entry.tree = new.seal(None)?.map(|id| id.to_string());
                    entry.dir = Some(dir.clone());
                    dirs.push(new);
                }
                Footprint::Shared { files } => entry.files = files.keys().cloned().collect(),
                Footprint::Fragment { file, documents } => {
                    entry.fragment = Some(Fragment { file: file.clone(), documents: documents.clone() });
                }
            }
            recorded.push(entry);
        }
        let mut record = (!places.is_empty()).then(|| Record {
            owner: change.owner.clone(),
            uid: change.uid.clone(),
            claims: change.claims.clone(),
            places: recorded,
            seal: None,
        });
        if let (Some(record), Some(fingerprint)) = (&mut record, &change.fingerprint) {
            record.seal = Some(record.seal_for(fingerprint)?);
        }
        Ok(Self { record, dirs })
    }
}
