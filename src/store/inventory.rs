//! What each owner has in a repository, and since when: only for people to look at.

use std::collections::HashMap;
use std::sync::Arc;

use git2::Oid;

use super::git::objects::Objects;
use super::git::parse;
use super::git::tree::{Found, differences};
use super::index::join;
use super::message::{named, owners};
use super::records::RecordedPlace;
use super::stage::Stage;
use super::{Error, Record};
use crate::values::{RelPath, Timestamp};

/// How far back commits are read to find who made what.
const OLDEST: usize = 10_000;

/// All that is recorded under a store root.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// What each owner has.
    pub held: Vec<Held>,
    /// The branch's head; none while it does not exist.
    pub head: Option<Written>,
}

/// What one owner has.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its record.
    pub record: Arc<Record>,
    /// How many files there are.
    pub files: usize,
    /// Places that are gone, or lack a file, below the store's root.
    pub missing: Vec<RelPath>,
    /// Directories that are not as they were written.
    pub changed: Vec<RelPath>,
    /// The last commit that names it, if that is at hand: of remote repositories only the head is.
    pub written: Option<Written>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its id.
    pub commit: String,
    /// When it was made.
    pub at: Timestamp,
}

impl Inventory {
    /// Takes stock of a root whose records are loaded.
    pub(crate) fn take(stage: &mut Stage<'_>, root: &RelPath, head: Option<Oid>) -> Result<Self, Error> {
        let records: Vec<Arc<Record>> = stage.index(root).all().cloned().collect();
        let mut held = Vec::with_capacity(records.len());
        for record in records {
            let mut one =
                Held { record: Arc::clone(&record), files: 0, missing: Vec::new(), changed: Vec::new(), written: None };
            for place in &record.places {
                count(stage, root, place, &mut one)?;
            }
            held.push(one);
        }
        let head = history(stage.objects, head, &mut held);
        Ok(Self { held, head })
    }
}

/// Counts the files of a place, and notes what is not as it was left.
fn count(stage: &mut Stage<'_>, root: &RelPath, place: &RecordedPlace, held: &mut Held) -> Result<(), Error> {
    let objects = stage.objects;
    if let Some(dir) = &place.dir {
        match stage.dir(&join(root, dir.as_str()))? {
            None => held.missing.push(dir.clone()),
            Some(now) => {
                let id = now.id().map(|id| id.to_string());
                held.files += differences(objects, Some(now), None)?.len();
                if place.tree.is_some() && place.tree != id {
                    held.changed.push(dir.clone());
                }
            }
        }
    }
    for file in place.files.iter().chain(place.fragment.iter().map(|part| &part.file)) {
        match stage.work.find(objects, &join(root, file.as_str()))? {
            Found::Leaf(_) => held.files += 1,
            _ => held.missing.push(file.clone()),
        }
    }
    Ok(())
}

/// Finds the last commit of each owner by what the messages say, back to where commits are not at hand;
/// answers the head.
fn history(objects: &dyn Objects, head: Option<Oid>, held: &mut [Held]) -> Option<Written> {
    let mut sought: HashMap<(String, String), usize> =
        held.iter().enumerate().map(|(at, held)| (named(&held.record.owner), at)).collect();
    let (mut next, mut first) = (head, None);
    for _ in 0..OLDEST {
        let Some(object) = next.and_then(|id| objects.read(id).ok()) else { break };
        let Some((parent, at, message)) = parse::commit(&object) else { break };
        let Ok(at) = Timestamp::from_second(at) else { break };
        let written = Written { commit: object.id.to_string(), at };
        for (writer, request) in owners(message) {
            if let Some(at) = sought.remove(&(writer.to_owned(), request.to_owned())) {
                held[at].written = Some(written.clone());
            }
        }
        first.get_or_insert(written);
        if sought.is_empty() {
            break;
        }
        next = parent;
    }
    first
}
