//! What was fetched from a remote, and what was made here since.
//!
//! libgit2 reads packs by mapping files into memory: whoever cuts such a file short kills the process. So
//! the files have names for no longer than it takes to index and open them, which is a matter of
//! milliseconds: after that nobody can damage them, and nothing is left behind however the process ends.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::PathBuf;

use git2::{Buf, Oid, Repository};

use super::objects::{self, Sink};
use super::{failed, local};
use crate::store::{Access, Error};

/// Bytes made here since the last fetch before everything is packed anew. They lie in memory as they are.
const MAX_MADE: usize = 8 << 20;
/// Fetched packs before everything is packed anew: each one makes every look-up slower.
const MAX_PACKS: usize = 50;

/// The objects of a remote that are at hand. It goes with the engine.
pub(crate) struct Cache {
    repo: Repository,
    place: PathBuf,
    made: usize,
    /// Where packs were fetched to, long removed. While these are open, no other directory gets their
    /// inode, by which libgit2 tells directories apart.
    packs: Vec<File>,
}

impl Cache {
    /// An empty one.
    pub(crate) fn new(access: &Access) -> Result<Self, Error> {
        let place = access.cache.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Self { repo: objects::in_memory()?, place, made: 0, packs: Vec::new() })
    }

    /// Where the objects can be read.
    pub(crate) fn repo(&self) -> &Repository {
        &self.repo
    }

    /// Takes in what was fetched, of which `commit` is part.
    pub(crate) fn add(&mut self, mut pack: impl Read, commit: Oid) -> Result<(), Error> {
        let io = |e: std::io::Error| local::io_error("keep what was fetched in", &self.place, &e);
        fs::create_dir_all(&self.place).map_err(io)?;
        // It may take long to come: until it is here, it has no name at all.
        let mut fetched = tempfile::tempfile_in(&self.place).map_err(io)?;
        let copied = std::io::copy(&mut pack, &mut fetched);
        copied.map_err(|e| Error::Unreachable(format!("what the server sends ended early: {e}")))?;
        fetched.rewind().map_err(io)?;
        let dir = tempfile::Builder::new().prefix("kept-").tempdir_in(&self.place).map_err(io)?;
        let packs = dir.path().join("pack");
        fs::create_dir(&packs).map_err(io)?;
        objects::unpack(&self.repo, &packs, fetched)?;
        objects::add_directory(&self.repo, dir.path())?;
        // The files are opened by the first look into them.
        let read = || self.repo.odb()?.read(commit).map(drop);
        read().map_err(|e| failed("read what was fetched", &e))?;
        self.packs.push(File::open(dir.path()).map_err(io)?);
        dir.close().map_err(io)
    }

    /// Takes in what was made here.
    pub(crate) fn keep(&mut self, objects: &Sink) -> Result<(), Error> {
        self.made += objects.copy_to(&self.repo)?;
        Ok(())
    }

    /// Once much has come together, begins anew with what is at `commit` alone.
    pub(crate) fn tidy(&mut self, access: &Access, commit: Oid) -> Result<(), Error> {
        if self.made < MAX_MADE && self.packs.len() < MAX_PACKS {
            return Ok(());
        }
        let pack = || {
            let mut builder = self.repo.packbuilder()?;
            builder.insert_commit(commit)?;
            let mut pack = Buf::new();
            builder.write_buf(&mut pack)?;
            Ok(pack)
        };
        let pack = pack().map_err(|e: git2::Error| failed("tidy the cache", &e))?;
        let mut fresh = Self::new(access)?;
        fresh.add(&*pack, commit)?;
        *self = fresh;
        Ok(())
    }
}
