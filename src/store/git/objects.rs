//! New objects: collected in memory, sent as one pack.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use git2::{Buf, Indexer, ObjectType, Odb, Oid, Repository};

use super::failed;
use crate::store::Error;

/// The new objects of one commit. They live in an object database of their own, without a disk
/// behind it: libgit2 looks the disk over again for every object it does not find.
pub(crate) struct Sink {
    repo: Repository,
    seen: HashSet<Oid>,
    /// In the order commit, trees, blobs, as packs like them.
    kinds: [Vec<Oid>; 3],
}

impl Sink {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Error> {
        let make = || {
            let odb = Odb::new()?;
            odb.add_new_mempack_backend(1)?;
            Repository::from_odb(odb)
        };
        let repo = make().map_err(|e| failed("make room for new objects", &e))?;
        Ok(Self { repo, seen: HashSet::new(), kinds: Default::default() })
    }

    /// Adds an object, raw as it is: no filter or attribute touches it.
    pub(crate) fn add(&mut self, kind: ObjectType, bytes: &[u8]) -> Result<Oid, Error> {
        let write = || self.repo.odb()?.write(kind, bytes);
        let id = write().map_err(|e| failed("store an object", &e))?;
        if self.seen.insert(id) {
            let kind = match kind {
                ObjectType::Commit => 0,
                ObjectType::Tree => 1,
                _ => 2,
            };
            self.kinds[kind].push(id);
        }
        Ok(id)
    }

    /// Everything added, as one pack.
    pub(crate) fn pack(&self) -> Result<Buf, Error> {
        let build = || {
            let mut builder = self.repo.packbuilder()?;
            builder.set_threads(0);
            for id in self.kinds.iter().flatten() {
                builder.insert_object(*id, None)?;
            }
            let mut pack = Buf::new();
            builder.write_buf(&mut pack)?;
            Ok(pack)
        };
        build().map_err(|e: git2::Error| failed("build a pack", &e))
    }

    /// A repository in which these objects can be read, and those in a directory of objects beside them.
    pub(crate) fn beside(&self, objects: Option<&Path>) -> Result<&Repository, Error> {
        if let Some(objects) = objects {
            let text = objects.to_str().ok_or_else(|| Error::Git("the repository's path is not UTF-8".to_owned()))?;
            let add = || self.repo.odb()?.add_disk_alternate(text);
            add().map_err(|e| failed("read the repository's objects", &e))?;
        }
        Ok(&self.repo)
    }

    /// Puts everything into another repository, and answers how many bytes that were.
    pub(crate) fn copy_to(&self, other: &Repository) -> Result<usize, Error> {
        let copy = || {
            let (from, to) = (self.repo.odb()?, other.odb()?);
            let mut bytes = 0;
            for id in self.kinds.iter().flatten() {
                let object = from.read(*id)?;
                to.write(object.kind(), object.data())?;
                bytes += object.len();
            }
            Ok(bytes)
        };
        copy().map_err(|e: git2::Error| failed("keep new objects", &e))
    }
}

/// Puts a pack into a repository on the disk, safely there before a reference can name it.
pub(crate) fn install(repo: &Repository, pack: impl Read) -> Result<(), Error> {
    let dir = repo.commondir().join("objects").join("pack");
    let io = |e: std::io::Error| super::local::io_error("write to", &dir, &e);
    std::fs::create_dir_all(&dir).map_err(io)?;
    let name = index(repo, &dir, pack)?;
    sync(&dir, &name).map_err(io)?;
    let refresh = || repo.odb()?.refresh();
    refresh().map_err(|e| failed("read the new pack", &e))
}

/// Writes a pack and its index to a directory, and answers its name. It may be a thin one whose bases are in `repo`.
pub(crate) fn index(repo: &Repository, dir: &Path, mut pack: impl Read) -> Result<String, Error> {
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

fn sync(dir: &Path, name: &str) -> std::io::Result<()> {
    for extension in ["pack", "idx"] {
        File::open(dir.join(format!("pack-{name}.{extension}")))?.sync_all()?;
    }
    File::open(dir)?.sync_all()
}
