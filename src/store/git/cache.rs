//! What was fetched from a remote, and what was pushed there since.

use std::io::Read;

use git2::{Oid, Repository, RepositoryInitOptions};

use super::{failed, objects};
use crate::store::{Access, Error};

/// Packs in the cache before it is written anew: each one makes every look-up slower.
const MAX_PACKS: usize = 100;

/// Where the objects of the remote are kept meanwhile. It goes with the engine, and may go at any time.
pub(crate) struct Cache {
    pub(crate) repo: Repository,
    packs: usize,
    _dir: tempfile::TempDir,
}

impl Cache {
    pub(crate) fn new(access: &Access) -> Result<Self, Error> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("kept-cache-");
        let dir = access.cache.clone().unwrap_or_else(std::env::temp_dir);
        let io = |e: std::io::Error| Error::Git(format!("cannot make a cache in {}: {e}", dir.display()));
        std::fs::create_dir_all(&dir).map_err(io)?;
        let place = builder.tempdir_in(&dir).map_err(io)?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let repo = Repository::init_opts(place.path(), &options).map_err(|e| failed("make a cache", &e))?;
        Ok(Self { repo, packs: 0, _dir: place })
    }

    pub(crate) fn add(&mut self, pack: impl Read) -> Result<(), Error> {
        self.packs += 1;
        objects::install(&self.repo, pack, false)
    }

    /// Once there are many packs, begins a new cache with one: what is at `commit`.
    pub(crate) fn tidy(&mut self, access: &Access, commit: Oid) -> Result<(), Error> {
        if self.packs < MAX_PACKS {
            return Ok(());
        }
        let pack = || {
            let mut builder = self.repo.packbuilder()?;
            builder.insert_commit(commit)?;
            let mut pack = git2::Buf::new();
            builder.write_buf(&mut pack)?;
            Ok(pack)
        };
        let pack = pack().map_err(|e: git2::Error| failed("tidy the cache", &e))?;
        let mut fresh = Self::new(access)?;
        fresh.add(&*pack)?;
        *self = fresh;
        Ok(())
    }
}
