//! A repository on this machine, written in place.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use git2::{ErrorCode, Odb, Oid, Repository, RepositoryInitOptions};

use super::objects::{Objects, Sink};
use super::{Pushed, Transport, failed};
use crate::store::{Access, Error, Fence};

/// How long a branch that somebody has locked is waited for.
const LOCKED: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);
/// How old a lock is that nobody holds any more.
const ABANDONED: Duration = Duration::from_mins(1);

/// A repository in the file system.
pub(crate) struct Local {
    path: PathBuf,
    reference: String,
    create: bool,
    repo: Repository,
    /// Whether `repo` is the one at `path`; until the first push of a new one it is a stand-in.
    exists: bool,
}

impl Local {
    /// Opens the repository at `path`. A missing one is made by the first push, if `create` says so.
    pub(crate) fn open(path: PathBuf, branch: &str, create: bool) -> Result<Self, Error> {
        let reference = format!("refs/heads/{branch}");
        let (repo, exists) = match existing(&path)? {
            Some(repo) => (repo, true),
            None if create => {
                let empty = || Repository::from_odb(Odb::new()?);
                (empty().map_err(|e| failed("make an empty repository", &e))?, false)
            }
            None => {
                return Err(Error::NotFound(format!(
                    "there is no Git repository at {}; make one with `git init --bare {}`",
                    path.display(),
                    path.display()
                )));
            }
        };
        let local = Self { path, reference, create, repo, exists };
        local.refuse_checked_out()?;
        Ok(local)
    }

    /// As `git push` does: to move a branch under somebody's work tree would make that look edited.
    fn refuse_checked_out(&self) -> Result<(), Error> {
        if !self.exists || self.repo.is_bare() {
            return Ok(());
        }
        let head = self.repo.find_reference("HEAD").ok();
        let target = head.as_ref().and_then(|head| head.symbolic_target().ok().flatten());
        if target == Some(self.reference.as_str()) {
            return Err(Error::Rejected(format!(
                "{} has a work tree in which {} is checked out; give a bare repository, or another branch",
                self.path.display(),
                self.branch()
            )));
        }
        Ok(())
    }

    fn branch(&self) -> &str {
        self.reference.trim_start_matches("refs/heads/")
    }

    fn make(&mut self) -> Result<(), Error> {
        if self.exists {
            return Ok(());
        }
        self.repo = match existing(&self.path)? {
            // Somebody was faster.
            Some(repo) => repo,
            None if self.create => self.init()?,
            None => return Err(Error::NotFound(format!("there is no Git repository at {}", self.path.display()))),
        };
        self.exists = true;
        self.refuse_checked_out()
    }

    /// Makes the repository beside its place and moves it there: nobody ever finds half of one.
    fn init(&self) -> Result<Repository, Error> {
        let io = |e: std::io::Error| io_error("make a repository at", &self.path, &e);
        let above = self.path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(above).map_err(io)?;
        let beside = tempfile::Builder::new().prefix(".kept-new-").tempdir_in(above).map_err(io)?;
        // One level down, for a temporary directory is its maker's alone.
        let new = beside.path().join("new");
        let mut options = RepositoryInitOptions::new();
        options.bare(true).initial_head(self.branch());
        Repository::init_opts(&new, &options).map_err(|e| self.error("make a repository at", &e))?;
        match std::fs::rename(&new, &self.path) {
            // Somebody was faster.
            Err(e) if matches!(e.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
            moved => moved.map_err(io)?,
        }
        Repository::open(&self.path).map_err(|e| self.error("open", &e))
    }

    /// Does something to the branch, once nobody else does. A lock is held for as long as it takes to write
    /// a line: an old one was left by a process that ended meanwhile, and nobody else will take it away.
    fn when_unlocked(&self, work: impl Fn(&Repository, &str) -> Result<(), git2::Error>) -> Result<(), git2::Error> {
        let lock = self.repo.commondir().join(format!("{}.lock", self.reference));
        let begun = Instant::now();
        loop {
            match work(&self.repo, &self.reference) {
                Err(e) if e.code() == ErrorCode::Locked && begun.elapsed() < LOCKED => {
                    let modified = fs::metadata(&lock).and_then(|lock| lock.modified());
                    let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
                    if age > ABANDONED {
                        tracing::warn!(lock = %lock.display(), "taken away: whoever made it is gone");
                        let _ = fs::remove_file(&lock);
                    } else {
                        thread::sleep(POLL);
                    }
                }
                result => return result,
            }
        }
    }

    fn error(&self, doing: &str, error: &git2::Error) -> Error {
        failed(&format!("{doing} {}", self.path.display()), error)
    }
}

/// The repository at `path`; none if nothing is there or an empty directory.
fn existing(path: &Path) -> Result<Option<Repository>, Error> {
    match std::fs::read_dir(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(Error::NotFound(format!("{} is a file, not a Git repository", path.display())));
        }
        Err(e) => return Err(io_error("read", path, &e)),
        Ok(mut entries) => {
            if entries.next().is_none() {
                return Ok(None);
            }
        }
    }
    Repository::open(path).map(Some).map_err(|e| match e.code() {
        ErrorCode::NotFound => Error::NotFound(format!(
            "{} is not a Git repository; give a bare repository, or a path where nothing is yet",
            path.display()
        )),
        ErrorCode::Owner => Error::Unauthorized(format!(
            "{} belongs to another user; `git config --global --add safe.directory {}` says that it is to be trusted",
            path.display(),
            path.display()
        )),
        _ => failed(&format!("open {}", path.display()), &e),
    })
}

/// An error of the file system, as one of the store.
pub(crate) fn io_error(doing: &str, path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let what = format!("cannot {doing} {}: {error}", path.display());
    match error.kind() {
        PermissionDenied => Error::Unauthorized(format!("{what}; check the permissions of the user that kept runs as")),
        ReadOnlyFilesystem => Error::Unauthorized(format!("{what}; give a repository that can be written")),
        _ => Error::Git(what),
    }
}

impl Transport for Local {
    fn objects(&self) -> &dyn Objects {
        &self.repo
    }

    fn head(&mut self) -> Result<Option<Oid>, Error> {
        if !self.exists
            && let Some(repo) = existing(&self.path)?
        {
            self.repo = repo;
            self.exists = true;
            self.refuse_checked_out()?;
        }
        match self.repo.refname_to_id(&self.reference) {
            Ok(id) => Ok(Some(id)),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            // A repository without a disk behind it has no references at all.
            Err(_) if !self.exists => Ok(None),
            Err(e) => Err(self.error("read the branch in", &e)),
        }
    }

    fn is_near(&self) -> bool {
        true
    }

    fn fetch(&mut self, _commit: Oid, _have: Option<Oid>) -> Result<(), Error> {
        Ok(())
    }

    fn push(&mut self, old: Option<Oid>, new: Oid, objects: &Sink, fence: &Fence) -> Result<Pushed, Error> {
        self.make()?;
        if self.head()? != old {
            return Ok(Pushed::Moved("the branch moved".to_owned()));
        }
        objects.pack()?.install(&self.repo.commondir().join("objects").join("pack"))?;
        let refresh = || self.repo.odb()?.refresh();
        refresh().map_err(|e| self.error("read the new objects in", &e))?;
        fence.pass()?;
        let result = self.when_unlocked(|repo, name| match old {
            Some(old) => repo.reference_matching(name, new, true, old, "kept").map(drop),
            None => repo.reference(name, new, false, "kept").map(drop),
        });
        match result {
            Ok(()) => Ok(Pushed::Done),
            Err(e) => match e.code() {
                ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound | ErrorCode::Locked => {
                    Ok(Pushed::Moved(e.message().to_owned()))
                }
                _ => Err(self.error("move the branch in", &e)),
            },
        }
    }

    fn set_access(&mut self, access: &Access) -> Result<(), Error> {
        self.create = access.create;
        Ok(())
    }

    fn probe(&mut self) -> Result<Option<Oid>, Error> {
        let head = self.head()?;
        if self.exists {
            for below in ["objects", "refs"] {
                let dir = self.repo.commondir().join(below);
                // It has no name where the system can do without: whoever is killed here leaves nothing.
                tempfile::tempfile_in(&dir).map_err(|e| io_error("write to", &dir, &e))?;
            }
        }
        Ok(head)
    }
}
