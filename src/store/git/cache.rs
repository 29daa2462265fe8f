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

use super::entry::{Entry, Kind, MAX_OBJECT, Reader, apply, strange};
use super::objects::{Object, Objects};
use super::pack::Pack;
use super::parse;
use crate::store::{Access, Error};

/// Bytes added since the last tidying before the next one, beside three times what was left by that.
const ROOM: u64 = 64 << 20;
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

impl Cache {
    /// An empty one.
    pub(crate) fn new(access: &Access) -> Self {
        Self::at(access.cache.clone().unwrap_or_else(std::env::temp_dir))
    }

    fn at(place: PathBuf) -> Self {
        Self { place, file: None, end: 0, begins: HashMap::new(), full: ROOM }
    }

    fn file(&mut self) -> Result<&File, Error> {
        let file = match self.file.take() {
            Some(file) => file,
            None => fs::create_dir_all(&self.place)
                .and_then(|()| tempfile::tempfile_in(&self.place))
                .map_err(|e| self.failed(&e))?,
        };
        Ok(self.file.insert(file))
    }

    /// The server and its credentials have no part in this.
    fn failed(&self, error: &io::Error) -> Error {
        let place = self.place.display();
        Error::Git(format!("cannot keep what is fetched in {place}: {error}; TMPDIR names another directory for it"))
    }

    /// Takes in a pack that a server sends.
    pub(crate) fn add(&mut self, mut pack: impl Read) -> Result<(), Error> {
        let begin = self.end;
        self.file()?;
        let mut buffer = vec![0; 64 << 10];
        let mut end = begin;
        loop {
            let count = match pack.read(&mut buffer) {
                Ok(0) => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                count => count.map_err(|e| Error::Unreachable(format!("what the server sends ended early: {e}")))?,
            };
            self.file()?.write_all_at(&buffer[..count], end).map_err(|e| self.failed(&e))?;
            end += count as u64;
        }
        let found = scan(self.file()?, begin, end).map_err(|e| match e.kind() {
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
        written.map_err(|e| self.failed(&e))?;
        self.begins.extend(pack.begins().map(|(id, offset)| (id, begin + u64::from(offset))));
        self.end += pack.bytes().len() as u64;
        Ok(())
    }

    /// Once much has come together, keeps only what `commit` consists of.
    pub(crate) fn tidy(&mut self, commit: Oid) -> Result<(), Error> {
        if self.end < self.full {
            return Ok(());
        }
        let mut fresh = Self::at(self.place.clone());
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
        let (kind, bytes) =
            resolve(file, *begin, &self.begins).map_err(|e| Error::Git(format!("cannot read the object {id}: {e}")))?;
        Ok(Object { id, kind, bytes })
    }
}

/// Finds where each object of a pack begins. No entry is inflated more than twice.
fn scan(file: &File, begin: u64, end: u64) -> io::Result<HashMap<Oid, u64>> {
    check(file, begin, end)?;
    let mut reader = Reader::new(file, begin);
    let count = reader.count()?;
    let mut wholes = Vec::new();
    let mut deltas = Deltas::default();
    for _ in 0..count {
        let at = reader.position();
        let entry = reader.entry()?;
        let to_the_same = match entry.kind {
            Kind::Whole(kind) => {
                let mut hash = Hash::new(kind, entry.size);
                reader.inflate(entry, &mut hash)?;
                wholes.push((at, hash.id()?));
                continue;
            }
            Kind::DeltaAt(base) => deltas.to_position.entry(base).or_default(),
            Kind::DeltaTo(base) => deltas.to_object.entry(base).or_default(),
        };
        to_the_same.push(at);
        reader.inflate(entry, &mut io::sink())?;
    }
    if reader.position() + 20 != end {
        return Err(strange("something follows its last object"));
    }
    let mut begins: HashMap<Oid, u64> = wholes.iter().map(|(at, id)| (*id, *at)).collect();
    for (at, id) in wholes {
        let found = deltas.take(at, id);
        if !found.is_empty() {
            resolve_all(file, at, found, &mut deltas, &mut begins)?;
        }
    }
    if deltas.is_empty() { Ok(begins) } else { Err(strange("it has deltas to objects that it does not have")) }
}

/// Where the deltas begin, by what they are to.
#[derive(Default)]
struct Deltas {
    to_position: HashMap<u64, Vec<u64>>,
    to_object: HashMap<Oid, Vec<u64>>,
}

impl Deltas {
    /// Those to an object at a position. Each is taken once: in a pack that lies, too, none is its own base.
    fn take(&mut self, at: u64, id: Oid) -> Vec<u64> {
        let mut found = self.to_position.remove(&at).unwrap_or_default();
        found.extend(self.to_object.remove(&id).into_iter().flatten());
        found
    }

    fn is_empty(&self) -> bool {
        self.to_position.is_empty() && self.to_object.is_empty()
    }
}

/// Finds what the deltas to the whole object at `base` make, and the deltas to those.
fn resolve_all(
    file: &File,
    base: u64,
    found: Vec<u64>,
    deltas: &mut Deltas,
    begins: &mut HashMap<Oid, u64>,
) -> io::Result<()> {
    let (entry, bytes) = inflated(file, base)?;
    let Kind::Whole(kind) = entry.kind else { return Err(strange("a whole object is none")) };
    let bytes = Arc::new(bytes);
    let mut next: Vec<(u64, Arc<Vec<u8>>)> = found.into_iter().map(|at| (at, bytes.clone())).collect();
    drop(bytes);
    while let Some((at, base)) = next.pop() {
        let bytes = apply(&base, &inflated(file, at)?.1)?;
        drop(base);
        let mut hash = Hash::new(kind, bytes.len() as u64);
        hash.0.update(&bytes);
        let id = hash.id()?;
        // What is there whole stays so: else a second one could be a delta to what is a delta to the first.
        begins.entry(id).or_insert(at);
        let bytes = Arc::new(bytes);
        next.extend(deltas.take(at, id).into_iter().map(|at| (at, bytes.clone())));
    }
    Ok(())
}

/// What begins at a position, inflated.
fn inflated(file: &File, at: u64) -> io::Result<(Entry, Vec<u8>)> {
    let mut reader = Reader::new(file, at);
    let entry = reader.entry()?;
    if entry.size > MAX_OBJECT {
        return Err(strange("an object is larger than any that kept reads"));
    }
    let mut bytes = Vec::new();
    reader.inflate(entry, &mut bytes)?;
    Ok((entry, bytes))
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

/// The object that begins at a position of packs that were scanned; `begins` says where each does.
fn resolve(file: &File, at: u64, begins: &HashMap<Oid, u64>) -> io::Result<(ObjectType, Vec<u8>)> {
    let mut deltas = Vec::new();
    let mut next = at;
    let (kind, mut bytes) = loop {
        let (entry, bytes) = inflated(file, next)?;
        let base = match entry.kind {
            Kind::Whole(kind) => break (kind, bytes),
            Kind::DeltaAt(base) => Some(base),
            Kind::DeltaTo(base) => begins.get(&base).copied(),
        };
        deltas.push(bytes);
        next = base.ok_or_else(|| strange("it is a delta to something that is not at hand"))?;
        if deltas.len() > MAX_DEPTH {
            return Err(strange("it has deltas in a circle"));
        }
    };
    while let Some(delta) = deltas.pop() {
        bytes = apply(&bytes, &delta)?;
    }
    Ok((kind, bytes))
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
