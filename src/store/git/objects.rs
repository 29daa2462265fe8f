//! New objects: collected in memory, sent as one pack.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;

use git2::{Indexer, ObjectType, Odb, Oid, Repository};

use super::failed;
use super::pack::Pack;
use super::tree::hash;
use crate::store::Error;

/// The new objects of one commit. libgit2's object database is not used for them: it looks the disk over
/// again for every object that it does not find there.
#[derive(Default)]
pub(crate) struct Sink {
    seen: HashSet<Oid>,
    objects: Vec<Object>,
}

/// One object, as it is.
pub(crate) struct Object {
    pub(crate) id: Oid,
    pub(crate) kind: ObjectType,
    pub(crate) bytes: Vec<u8>,
}

impl Sink {
    /// Adds an object, raw as it is: no filter or attribute touches it.
    pub(crate) fn add(&mut self, kind: ObjectType, bytes: &[u8]) -> Result<Oid, Error> {
        let id = hash(kind, bytes)?;
        self.insert(id, kind, bytes);
        Ok(id)
    }

    /// Adds an object whose id is known already.
    pub(crate) fn insert(&mut self, id: Oid, kind: ObjectType, bytes: &[u8]) {
        if self.seen.insert(id) {
            self.objects.push(Object { id, kind, bytes: bytes.to_vec() });
        }
    }

    /// Everything added, as one pack.
    pub(crate) fn pack(&self) -> Result<Pack, Error> {
        Pack::of(&self.objects)
    }

    /// A repository in which these objects can be read, and those in a directory of objects beside them.
    pub(crate) fn beside(&self, objects: Option<&Path>) -> Result<Repository, Error> {
        let repo = in_memory()?;
        if let Some(objects) = objects {
            add_directory(&repo, objects)?;
        }
        self.copy_to(&repo)?;
        Ok(repo)
    }

    /// Puts everything into another repository, and answers how many bytes that were.
    pub(crate) fn copy_to(&self, other: &Repository) -> Result<usize, Error> {
        let copy = || {
            let odb = other.odb()?;
            for object in &self.objects {
                odb.write(object.kind, &object.bytes)?;
            }
            Ok(self.objects.iter().map(|object| object.bytes.len()).sum())
        };
        copy().map_err(|e: git2::Error| failed("keep new objects", &e))
    }
}

/// A repository without a place on the disk: what is written to it stays in memory.
pub(crate) fn in_memory() -> Result<Repository, Error> {
    let make = || {
        let odb = Odb::new()?;
        odb.add_new_mempack_backend(1000)?;
        Repository::from_odb(odb)
    };
    make().map_err(|e| failed("make room for objects", &e))
}

/// Lets a repository read the objects in a directory, too.
pub(crate) fn add_directory(repo: &Repository, objects: &Path) -> Result<(), Error> {
    let text = objects.to_str().ok_or_else(|| Error::Git(format!("{} is not UTF-8", objects.display())))?;
    let add = || repo.odb()?.add_disk_alternate(text);
    add().map_err(|e| failed(&format!("read objects in {text}"), &e))
}

/// Writes a pack and its index to a directory, and answers its name. It may be a thin one whose bases are in `repo`.
pub(crate) fn unpack(repo: &Repository, dir: &Path, mut pack: impl Read) -> Result<String, Error> {
    let odb = repo.odb().map_err(|e| failed("open the objects", &e))?;
    let mut indexer = Indexer::new(Some(&odb), dir, 0o444, false).map_err(|e| failed("write a pack", &e))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = pack.read(&mut buffer).map_err(|e| Error::Unreachable(format!("a pack ended early: {e}")))?;
        if count == 0 {
            break;
        }
        indexer.write_all(&buffer[..count]).map_err(|e| Error::Git(format!("cannot take in a pack: {e}")))?;
    }
    indexer.commit().map_err(|e| failed("write a pack", &e))
}
