//! What was fetched from a remote, and what was made here since: packs, one after the other, in one file.
//!
//! The file has no name: nobody can damage it, and nothing is left behind however the process ends. In
//! memory is only where each object begins.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use git2::{ObjectType, Oid};
use sha1::{Digest, Sha1};

use super::entry::{Kind, Reader, apply, strange};
use super::local::io_error;
use super::objects::{Object, Objects};
use super::pack::Pack;
use super::parse;
use crate::store::{Access, Error};

/// Bytes added since the last tidying before the next one, beside three times what was left by that.
const ROOM: u64 = 64 << 20;
/// Bytes of objects that are remembered while deltas are resolved, for the deltas to them.
const REMEMBERED: usize = 16 << 20;
/// Bytes of objects that are packed at once when tidying.
const BATCH: usize = 4 << 20;
/// The longest row of deltas that is followed; Git itself makes none of more than 4095.
const MAX_DEPTH: usize = 4095;

/// The objects of a remote that are at hand. It goes with the engine.
pub(crate) struct Cache {
    place: PathBuf,
    /// Absent while there is nothing in it.
    file: Option<File>,
    end: u64,
    begins: HashMap<Oid, u64>,
    /// Where the file is to end for the next tidying.
    full: u64,
}

/// Objects that others are deltas to, by where they begin.
#[derive(Default)]
struct Bases {
    found: HashMap<u64, (ObjectType, Arc<Vec<u8>>)>,
    size: usize,
}

impl Bases {
    fn insert(&mut self, at: u64, kind: ObjectType, bytes: &Arc<Vec<u8>>) {
        if self.size > REMEMBERED {
            *self = Self::default();
        }
        if self.found.insert(at, (kind, bytes.clone())).is_none() {
            self.size += bytes.len();
        }
    }
}

impl Cache {
    /// An empty one.
    pub(crate) fn new(access: &Access) -> Self {
        let place = access.cache.clone().unwrap_or_else(std::env::temp_dir);
        Self { place, file: None, end: 0, begins: HashMap::new(), full: ROOM }
    }

    fn file(&mut self) -> Result<&File, Error> {
        let file = match self.file.take() {
            Some(file) => file,
            None => fs::create_dir_all(&self.place)
                .and_then(|()| tempfile::tempfile_in(&self.place))
                .map_err(|e| io_error("make a file in", &self.place, &e))?,
        };
        Ok(self.file.insert(file))
    }

    /// Takes in a pack that a server sends.
    pub(crate) fn add(&mut self, mut pack: impl Read) -> Result<(), Error> {
        let begin = self.end;
        let place = self.place.clone();
        let file = self.file()?;
        let mut buffer = vec![0; 64 << 10];
        let mut end = begin;
        loop {
            let count = match pack.read(&mut buffer) {
                Ok(0) => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                count => count.map_err(|e| Error::Unreachable(format!("what the server sends ended early: {e}")))?,
            };
            file.write_all_at(&buffer[..count], end).map_err(|e| io_error("write to a file in", &place, &e))?;
            end += count as u64;
        }
        let found = scan(file, begin, end).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::Unreachable("what the server sends ended early, or is damaged".to_owned())
            }
            _ => Error::Git(format!("cannot read the pack that the server sent: {e}")),
        })?;
        self.begins.extend(found);
        if begin == 0 {
            self.full = ROOM + 4 * end;
        }
        self.end = end;
        Ok(())
    }

    /// Takes in a pack that was made here.
    pub(crate) fn keep(&mut self, pack: &Pack) -> Result<(), Error> {
        let begin = self.end;
        let written = self.file()?.write_all_at(pack.bytes(), begin);
        written.map_err(|e| io_error("write to a file in", &self.place, &e))?;
        self.begins.extend(pack.begins().map(|(id, offset)| (id, begin + u64::from(offset))));
        self.end += pack.bytes().len() as u64;
        Ok(())
    }

    /// Once much has come together, keeps only what `commit` consists of.
    pub(crate) fn tidy(&mut self, commit: Oid) -> Result<(), Error> {
        if self.end < self.full {
            return Ok(());
        }
        let mut fresh = Self { place: self.place.clone(), file: None, end: 0, begins: HashMap::new(), full: self.full };
        let (mut seen, mut next) = (HashSet::from([commit]), vec![commit]);
        let (mut batch, mut size) = (Vec::new(), 0);
        while let Some(id) = next.pop() {
            let object = self.read(id)?;
            let below = match object.kind {
                ObjectType::Commit => vec![parse::tree_of(&object)?],
                ObjectType::Tree => parse::children(&object)?,
                _ => Vec::new(),
            };
            next.extend(below.into_iter().filter(|id| seen.insert(*id)));
            size += object.bytes.len();
            batch.push(object);
            if size > BATCH || next.is_empty() {
                fresh.keep(&Pack::of(&batch)?)?;
                batch.clear();
                size = 0;
            }
        }
        fresh.full = ROOM + 4 * fresh.end;
        *self = fresh;
        Ok(())
    }
}

impl Objects for Cache {
    fn read(&self, id: Oid) -> Result<Object, Error> {
        let found = self.file.as_ref().zip(self.begins.get(&id));
        let (file, begin) = found.ok_or_else(|| Error::Git(format!("the object {id} is not at hand")))?;
        let known = |base: Oid| self.begins.get(&base).copied();
        match resolve(file, *begin, &known, &mut Bases::default()) {
            Ok(Some((kind, bytes))) => Ok(Object { id, kind, bytes: Arc::unwrap_or_clone(bytes) }),
            Ok(None) => Err(Error::Git(format!("what the object {id} is made from is not at hand"))),
            Err(e) => Err(Error::Git(format!("cannot read the object {id}: {e}"))),
        }
    }
}

/// Finds where each object of a pack begins.
fn scan(file: &File, begin: u64, end: u64) -> io::Result<HashMap<Oid, u64>> {
    check(file, begin, end)?;
    let mut reader = Reader::new(file, begin);
    let count = reader.count()?;
    let mut begins = HashMap::new();
    let mut deltas = Vec::new();
    for _ in 0..count {
        let at = reader.position();
        let entry = reader.entry()?;
        if let Kind::Whole(kind) = entry.kind {
            let mut hash = Hash::new(kind, entry.size);
            reader.inflate(entry, &mut hash)?;
            begins.insert(hash.id()?, at);
        } else {
            reader.inflate(entry, &mut io::sink())?;
            deltas.push(at);
        }
    }
    if reader.position() + 20 != end {
        return Err(strange("something follows its last object"));
    }
    // A delta may come before what it is to.
    let mut bases = Bases::default();
    while !deltas.is_empty() {
        let before = deltas.len();
        let mut left = Vec::new();
        for at in deltas {
            match resolve(file, at, &|id| begins.get(&id).copied(), &mut bases)? {
                Some((kind, bytes)) => {
                    let mut hash = Hash::new(kind, bytes.len() as u64);
                    hash.0.update(&*bytes);
                    begins.insert(hash.id()?, at);
                }
                None => left.push(at),
            }
        }
        if left.len() == before {
            return Err(strange("it has deltas to objects that it does not have"));
        }
        deltas = left;
    }
    Ok(begins)
}

/// Whether a pack is as its sender made it: its last 20 bytes are the hash of all before.
fn check(file: &File, begin: u64, end: u64) -> io::Result<()> {
    let mut trailer = [0; 20];
    let whole = end.checked_sub(20).filter(|whole| *whole >= begin).ok_or(io::ErrorKind::UnexpectedEof)?;
    file.read_exact_at(&mut trailer, whole)?;
    let mut hash = Hash(Sha1::new());
    Reader::new(file, begin).copy(whole - begin, &mut hash)?;
    // What is missing at the end shows here first.
    if hash.0.finalize()[..] == trailer { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The object that begins at a position; none if that is a delta to something that is not `known`.
fn resolve(
    file: &File,
    at: u64,
    known: &dyn Fn(Oid) -> Option<u64>,
    bases: &mut Bases,
) -> io::Result<Option<(ObjectType, Arc<Vec<u8>>)>> {
    let mut deltas = Vec::new();
    let mut next = at;
    let (kind, mut bytes) = loop {
        if let Some(base) = bases.found.get(&next) {
            break base.clone();
        }
        let mut reader = Reader::new(file, next);
        let entry = reader.entry()?;
        let mut bytes = Vec::new();
        reader.inflate(entry, &mut bytes)?;
        let base = match entry.kind {
            Kind::Whole(kind) => break (kind, Arc::new(bytes)),
            Kind::DeltaAt(base) => Some(base),
            Kind::DeltaTo(base) => known(base),
        };
        deltas.push((next, bytes));
        let Some(base) = base else { return Ok(None) };
        if deltas.len() > MAX_DEPTH {
            return Err(strange("it has deltas in a circle"));
        }
        next = base;
    };
    while let Some((at, delta)) = deltas.pop() {
        bases.insert(next, kind, &bytes);
        bytes = Arc::new(apply(&bytes, &delta)?);
        next = at;
    }
    Ok(Some((kind, bytes)))
}

/// The id of an object, as its bytes come.
struct Hash(Sha1);

impl Hash {
    fn new(kind: ObjectType, size: u64) -> Self {
        Self(Sha1::new_with_prefix(format!("{} {size}\0", kind.str())))
    }

    fn id(self) -> io::Result<Oid> {
        Oid::from_bytes(&self.0.finalize()).map_err(|e| strange(e.message()))
    }
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
