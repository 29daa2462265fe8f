//! Objects: read from somewhere; new ones collected in memory, and sent as one pack.

use std::collections::{HashMap, hash_map};

use git2::{ObjectType, Oid, Repository};

use super::failed;
use super::pack::Pack;
use super::tree::hash;
use crate::store::Error;

/// One object, as it is.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) id: Oid,
    pub(crate) kind: ObjectType,
    pub(crate) bytes: Vec<u8>,
}

/// Where objects are read.
pub(crate) trait Objects {
    /// Reads one; that it is not there is an error.
    fn read(&self, id: Oid) -> Result<Object, Error>;
}

impl Objects for Repository {
    fn read(&self, id: Oid) -> Result<Object, Error> {
        let read = || {
            let odb = self.odb()?;
            let object = odb.read(id)?;
            Ok(Object { id, kind: object.kind(), bytes: object.data().to_vec() })
        };
        read().map_err(|e: git2::Error| failed(&format!("read the object {id}"), &e))
    }
}

/// The new objects of one commit. libgit2's object database is not used for them: it looks the disk over
/// again for every object that it does not find there.
#[derive(Default)]
pub(crate) struct Sink {
    at: HashMap<Oid, usize>,
    objects: Vec<Object>,
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
        if let hash_map::Entry::Vacant(free) = self.at.entry(id) {
            free.insert(self.objects.len());
            self.objects.push(Object { id, kind, bytes: bytes.to_vec() });
        }
    }

    /// Everything added, as one pack.
    pub(crate) fn pack(&self) -> Result<Pack, Error> {
        Pack::of(&self.objects)
    }

    /// One of those that were added.
    pub(crate) fn get(&self, id: Oid) -> Option<&Object> {
        self.at.get(&id).map(|at| &self.objects[*at])
    }

    /// All that were added, in their order.
    pub(crate) fn all(&self) -> &[Object] {
        &self.objects
    }
}
