//! The synchronous heart of the store: one per remote and branch. It holds a base commit, applies changes
//! to it in memory, and publishes the result by compare-and-swap.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Change, Chore, Error, Outcome, Record};
use crate::values::RelPath;

/// How to reach a repository. Credentials live here and nowhere else; `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// A path, a `file://` URL, or an `http(s)://` URL without credentials.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// User and password, if any.
    pub basic: Option<(String, String)>,
    /// A PEM bundle that replaces the system's certificate authorities.
    pub ca_bundle: Option<Vec<u8>>,
    /// Only by an explicit field: do not verify the server's certificate.
    pub insecure_skip_tls_verify: bool,
    /// Commit author.
    pub author: (String, String),
    /// Bound on each network operation.
    pub timeout: Duration,
    /// Whether a missing local repository is made.
    pub create: bool,
    /// Where the disposable cache of a remote repository is made; a temporary directory if absent.
    pub cache: Option<PathBuf>,
}

/// What a remote branch held when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The commit; absent while the branch does not exist.
    pub commit: Option<String>,
}

/// What a commit would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// As [`Engine::commit`] would answer.
    pub outcomes: Vec<Outcome>,
    /// A unified diff of the files, kept's own records left out.
    pub diff: String,
    /// Whether a commit would be made at all.
    pub changed: bool,
}

/// One remote and branch.
pub struct Engine {
    _access: Access,
}

impl Engine {
    /// Opens the repository; makes no connection to a remote one yet.
    pub fn open(_access: Access) -> Result<Self, Error> {
        todo!()
    }

    /// New credentials, for a rotated Secret.
    pub fn set_access(&mut self, _access: Access) {}

    /// Looks at the remote now, fetches if it moved, and says where it stands.
    pub fn refresh(&mut self) -> Result<Head, Error> {
        todo!()
    }

    /// All records under a store root at the base (of all writers).
    pub fn records(&mut self, _root: &RelPath) -> Result<Vec<Arc<Record>>, Error> {
        todo!()
    }

    /// Makes the remote hold what the changes ask for, in at most one commit, and answers each of them.
    /// An error that concerns one change alone is that change's outcome; `Err` concerns all.
    pub fn commit(&mut self, _changes: &[Change], _chores: &[Chore]) -> Result<Vec<Outcome>, Error> {
        todo!()
    }

    /// What [`Engine::commit`] would do; writes nothing to the remote.
    pub fn preview(&mut self, _changes: &[Change], _chores: &[Chore]) -> Result<Preview, Error> {
        todo!()
    }

    /// Checks that the branch can be written with these credentials without writing: the server
    /// advertises receive-pack, or the local repository is writable.
    pub fn probe(&mut self) -> Result<Head, Error> {
        todo!()
    }
}

#[allow(dead_code)]
type Files = BTreeMap<RelPath, Vec<u8>>;
