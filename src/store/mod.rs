//! Commits desired files to state repositories. The writer knows owners, records and Git; it knows
//! nothing of promises.
//!
//! [`Engine`] is the synchronous heart: one per remote and branch. The command line uses it directly, the
//! operator through [`writer`], which gives each engine a thread and a mailbox.

mod access;
pub mod engine;
mod fence;
mod heads;
pub mod records;
pub mod writer;

mod attempt;
mod build;
mod chores;
mod conflicts;
mod credentials;
mod disturbed;
mod git;
mod goal;
mod index;
mod inventory;
mod kratix;
mod message;
mod places;
mod preview;
mod split;
mod stage;
mod takeover;

use std::collections::BTreeSet;

use crate::error::{Explain, Retry};
use crate::manifest::Claim;
use crate::values::{Map, Owner, RelPath, RequestKey, Set, Timestamp};

pub use access::Access;
pub use credentials::{AuthMethod, Credentials, GithubApp, SigningKey, SshLogin};
pub use engine::{Engine, Head, Preview, Published, Survey};
pub use fence::Fence;
pub(crate) use git::proxy::of_process as proxy_for;
pub use heads::Heads;
pub use inventory::{Held, Inventory, Written};
pub use kratix::{LeftOver, is_kratixs_rest};
pub use preview::{How, Touched};
pub use records::Record;

/// A hash of all that decides a [`Change`].
pub type Fingerprint = [u8; 16];

/// What one owner wants a branch to hold: complete for each store root named; a root with no places
/// means that the owner's files there go.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whose files.
    pub owner: Owner,
    /// The request's kind, for the commit message.
    pub kind: String,
    /// The request's UID; empty where there is none (command line). A removal whose UID is not
    /// empty and differs from the recorded, non-empty one is ignored: it is late.
    pub uid: String,
    /// The request's generation, for the trailer; 0 where there is none.
    pub generation: i64,
    /// Hash of the input (hex), for the trailer; empty for removals.
    pub input: String,
    /// Hash of all that decided this, where the record can stand for it: see [`Survey::standing`].
    pub fingerprint: Option<Fingerprint>,
    /// Of two new owners that want the same, the older has it; absent counts as youngest, ties are decided by the key.
    pub created: Option<Timestamp>,
    /// Identities claimed among this writer's requests.
    pub claims: Set<Claim>,
    /// Requests whose work is part of this one: what is recorded for them under the same roots is taken over.
    pub supersedes: Set<RequestKey>,
    /// Writers whose records of the same request are taken over.
    pub adopt: Vec<String>,
    /// If the branch's head is one of these commits, nothing is changed: for a removal from a place
    /// that turns out to be, under another URL, the very repository just written to. The same if there
    /// are any and the head was made by another of the engines that share [`Heads`]: that one may have
    /// gone on meanwhile.
    pub unless_head: BTreeSet<String>,
    /// By store root (the state store's `path`): the places wanted there.
    pub roots: Map<RelPath, Vec<Place>>,
}

impl Change {
    /// Of an owner that wants nothing anywhere yet.
    pub fn of(owner: Owner, kind: &str) -> Self {
        Self {
            owner,
            kind: kind.to_owned(),
            uid: String::new(),
            generation: 0,
            input: String::new(),
            fingerprint: None,
            created: None,
            claims: Set::new(),
            supersedes: Set::new(),
            adopt: Vec::new(),
            unless_head: BTreeSet::new(),
            roots: Map::new(),
        }
    }
}

/// Files for one destination.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Place {
    /// The destination's name.
    pub destination: String,
    /// The output directories routed there, so that they stay there; `""` is everything not routed by name.
    pub directories: Set<String>,
    /// What to write; paths are relative to the store's root and include the destination's path.
    pub footprint: Footprint,
    /// `group/kind/namespace/name` of every Kubernetes object in it.
    pub objects: Set<String>,
}

/// How files lie at a destination.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Footprint {
    /// The owner has the directory to itself: whatever else lies there goes.
    Exclusive {
        /// The directory, below the store's root.
        dir: RelPath,
        /// Files below `dir`.
        files: Map<RelPath, Vec<u8>>,
        /// Directories that go although nobody recorded them, if Kratix made them and nobody else has a part in
        /// them: those of the requests that this one supersedes.
        clears: Set<RelPath>,
    },
    /// Files among other people's: only these paths are touched.
    Shared {
        /// Files below the store's root.
        files: Map<RelPath, Vec<u8>>,
    },
    /// Documents in a file made of many owners' documents, sorted by owner.
    Fragment {
        /// The aggregated file, below the store's root.
        file: RelPath,
        /// The YAML documents, without separators, in order.
        documents: Vec<String>,
    },
}

/// What a store's own housekeeping asks for, beside the owners' changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Chore {
    /// These files must exist; written if absent, never overwritten, owned by nobody: the canaries.
    Ensure {
        /// Below the repository's root.
        files: Map<RelPath, Vec<u8>>,
    },
    /// A destination goes: all places that `writer` recorded for it under `root` are dropped.
    Retire {
        /// The store's root.
        root: RelPath,
        /// The destination's name.
        destination: String,
        /// Whose records.
        writer: String,
        /// Whether the files stay (they are nobody's from then on) or go.
        keep_files: bool,
        /// Files (below the repository's root) that go too if they still hold exactly these bytes: the canaries.
        canaries: Map<RelPath, Vec<u8>>,
    },
}

/// What the remote holds of an owner, confirmed by the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The commit that made the change, or the head at which the files were found as wanted (empty
    /// only when there is nothing to hold: a removal from an empty branch).
    pub commit: String,
    /// Files added, changed or removed by this commit for this owner; 0: unchanged.
    pub files_changed: usize,
    /// Whether the owner had no record before.
    pub created: bool,
    /// Files inside the owner's own directory that nobody had recorded and that were removed or
    /// overwritten: drift, worth an event.
    pub drift: Vec<RelPath>,
    /// When the remote confirmed it.
    pub at: Timestamp,
}

/// Why the store does not hold what an owner wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Someone else holds a path or an identity that the request needs.
    #[error("{0}")]
    Conflict(String),
    /// The request cannot be written as it is: something in the tree is in the way.
    #[error("{0}")]
    Blocked(String),
    /// The remote cannot be reached, or timed out.
    #[error("{0}")]
    Unreachable(String),
    /// The remote refuses the credentials, or the store's Secret is missing or lacks a key.
    #[error("{0}")]
    Unauthorized(String),
    /// There is no repository, or something else that is not one.
    #[error("{0}")]
    NotFound(String),
    /// The remote refused the push: a protected branch, a hook; its own words.
    #[error("{0}")]
    Rejected(String),
    /// The branch kept moving while we tried.
    #[error("{0}")]
    Contended(String),
    /// The repository or its records are damaged, or Git failed in a way that has no better name.
    #[error("{0}")]
    Git(String),
}

impl Explain for Error {
    fn reason(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "Conflict",
            Self::Blocked(_) => "Blocked",
            Self::Unreachable(_) => "StoreUnreachable",
            Self::Unauthorized(_) => "StoreUnauthorized",
            Self::NotFound(_) => "StoreNotFound",
            Self::Rejected(_) => "PushRejected",
            Self::Contended(_) => "StoreContended",
            Self::Git(_) => "StoreFailed",
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Contended(_) | Self::Unreachable(_) => Retry::Soon,
            Self::Rejected(_) => Retry::Late,
            _ => Retry::Recheck,
        }
    }
}

/// The answer to a [`Change`].
pub type Outcome = Result<Receipt, Error>;
