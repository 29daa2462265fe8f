//! A push, and whether it concerns what is read.

use std::collections::HashSet;

use super::address::Address;
use crate::placement::Branch;
use crate::promises;
use crate::values::RequestKey;

/// A commit that has moved a branch.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Push {
    repository: Address,
    branch: String,
    commit: String,
    scope: Scope,
}

/// Whose folders a commit has changed.
#[derive(Clone, Debug)]
enum Scope {
    /// Those of these requests, as [`folder`] has them; maybe files beside all such folders.
    Requests(HashSet<String>),
    /// Anybody's.
    All,
}

/// One thing that is read: a source of an Application, or a generator of an ApplicationSet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    /// Absent where only a template says which it is: it may be any.
    pub(super) repository: Option<Address>,
    /// Absent: it may be any branch.
    pub(super) branch: Option<Box<str>>,
    /// Below the repository's root, without `.` and empty parts.
    pub(super) path: Box<str>,
}

/// Below `resources/` where a destination nests by metadata.
fn folder(key: &RequestKey) -> String {
    format!("{}/{}/{}", key.namespace, key.promise, key.name)
}

impl Push {
    /// One that has changed files of these requests, or of none: others' folders are as they were.
    pub(in crate::controller) fn of<'a>(
        branch: &Branch,
        commit: &str,
        requests: impl IntoIterator<Item = &'a RequestKey>,
    ) -> Self {
        Self::new(branch, commit, Scope::Requests(requests.into_iter().map(folder).collect()))
    }

    /// One that may have changed anything.
    pub(in crate::controller) fn of_all(branch: &Branch, commit: &str) -> Self {
        Self::new(branch, commit, Scope::All)
    }

    fn new(branch: &Branch, commit: &str, scope: Scope) -> Self {
        let repository = Address::new(&branch.remote.to_string());
        Self { repository, branch: branch.name.clone(), commit: commit.to_owned(), scope }
    }

    /// The commit.
    pub(super) fn commit(&self) -> &str {
        &self.commit
    }

    /// Takes in another account of the same push, or hands it back.
    pub(super) fn merge(&mut self, other: Self) -> Option<Self> {
        if other.commit != self.commit || other.repository != self.repository || other.branch != self.branch {
            return Some(other);
        }
        match (&mut self.scope, other.scope) {
            (Scope::Requests(these), Scope::Requests(those)) => these.extend(those),
            _ => self.scope = Scope::All,
        }
        None
    }

    /// Whether what is read may be different now.
    pub(super) fn concerns(&self, read: &Read) -> bool {
        read.repository.as_ref().is_none_or(|repository| *repository == self.repository)
            && read.branch.as_ref().is_none_or(|branch| **branch == *self.branch)
            && self.reaches(&read.path)
    }

    /// Whether something at a path may have changed. The folder of a request holds nothing of others: ten thousand
    /// Applications with one each are not all told of every push.
    fn reaches(&self, path: &str) -> bool {
        let Scope::Requests(changed) = &self.scope else { return true };
        let mut folders = folders_in(path).peekable();
        folders.peek().is_none() || folders.any(|folder| changed.contains(folder))
    }
}

/// Where something is read: a repository, absent where only a template says which, and a branch, absent where it may be
/// any.
pub(in crate::controller) type Source = (Option<Address>, Option<Box<str>>);

/// Whether that is this branch.
pub(in crate::controller) fn is_of((repository, branch): &Source, url: &str, name: &str) -> bool {
    repository.as_ref().is_none_or(|repository| *repository == Address::new(url))
        && branch.as_ref().is_none_or(|branch| **branch == *name)
}

/// The request whose folder a path is, or is below. A destination's own path may have a part that looks like one, so
/// it is the last.
pub(super) fn request_at(path: &str) -> Option<RequestKey> {
    let mut parts = folders_in(path).last()?.split('/').map(str::to_owned);
    Some(RequestKey { namespace: parts.next()?, promise: parts.next()?, name: parts.next()? })
}

/// The parts of a path that are a request's [`folder`]. A destination's own path may have a part that looks so too.
fn folders_in(path: &str) -> impl Iterator<Item = &str> {
    let starts = path.match_indices("resources/").filter(|(at, _)| *at == 0 || path.as_bytes()[at - 1] == b'/');
    starts.filter_map(|(at, resources)| {
        let rest = &path[at + resources.len()..];
        let mut parts = rest.split('/');
        let (namespace, promise, name) = (parts.next()?, parts.next()?, parts.next()?);
        let is_promise = promises::all().iter().any(|known| known.name() == promise);
        is_promise.then(|| &rest[..namespace.len() + promise.len() + name.len() + 2])
    })
}
