//! Git, as far as the writer needs it: trees and packs of our own making, and ways to a remote.

pub(crate) mod cache;
pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod local;
pub(crate) mod objects;
pub(crate) mod pack;
pub(crate) mod protocol;
pub(crate) mod tree;

use std::path::PathBuf;
use std::sync::Once;

use git2::{Oid, Repository};
use objects::Sink;

use super::{Access, Error};

/// How a push ended.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// The remote confirmed it.
    Done,
    /// The branch was not where we thought: nothing happened. The remote's words.
    Moved(String),
    /// The connection ended before the answer came: it may have happened or not.
    Unknown {
        /// What was seen of it.
        error: Error,
        /// Whether the server took too long, rather than went away.
        stalled: bool,
    },
}

/// A repository of one's own, or one that is there anyway.
pub(crate) enum Beside<'a> {
    /// Made for this.
    Own(Repository),
    /// The transport's.
    Lent(&'a Repository),
}

impl std::ops::Deref for Beside<'_> {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        match self {
            Self::Own(repo) => repo,
            Self::Lent(repo) => repo,
        }
    }
}

/// A way to one branch of one repository. What is not there yet, such as ssh, needs only this.
pub(crate) trait Transport: Send {
    /// Where objects of the remote can be read once fetched.
    fn repo(&self) -> &Repository;
    /// The commit at the remote's branch now.
    fn head(&mut self) -> Result<Option<Oid>, Error>;
    /// Whether `head` is so cheap that each commit begins with it.
    fn is_near(&self) -> bool;
    /// Makes `commit` and its whole tree readable; `have` is readable already.
    fn fetch(&mut self, commit: Oid, have: Option<Oid>) -> Result<(), Error>;
    /// Moves the branch from `old` to `new`, or does nothing. Once done, `new` is readable.
    fn push(&mut self, old: Option<Oid>, new: Oid, objects: &Sink) -> Result<Pushed, Error>;
    /// Where new objects can be read beside those of the remote, without a trace of them there.
    fn beside(&self, objects: &Sink) -> Result<Beside<'_>, Error>;
    /// Takes new credentials for the same URL and branch.
    fn set_access(&mut self, access: &Access) -> Result<(), Error>;
    /// Checks that the branch can be written, without writing.
    fn probe(&mut self) -> Result<Option<Oid>, Error>;
}

/// Finds the transport for a URL.
pub(crate) fn open(access: &Access) -> Result<Box<dyn Transport>, Error> {
    // Trees are read once, into values of our own: libgit2 need not remember up to 256 MiB of them as well.
    static FORGETFUL: Once = Once::new();
    FORGETFUL.call_once(|| git2::opts::enable_caching(false));
    if !git2::Reference::is_valid_name(&format!("refs/heads/{}", access.branch)) {
        return Err(Error::NotFound(format!("{:?} cannot be the name of a branch", access.branch)));
    }
    let url = access.url.as_str();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        None => Ok(Box::new(local::Local::open(PathBuf::from(url), &access.branch, access.create)?)),
        Some("file") => {
            let path = url::Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
            let path = path.ok_or_else(|| Error::NotFound(format!("{url} is not a file:// URL of this machine")))?;
            Ok(Box::new(local::Local::open(path, &access.branch, access.create)?))
        }
        Some("http" | "https") => Ok(Box::new(http::Http::open(access)?)),
        Some(other) => Err(Error::NotFound(format!(
            "repositories are reached by a path, file://, http:// or https://, not by {other}://"
        ))),
    }
}

/// A failure of libgit2 that has no better name.
pub(crate) fn failed(doing: &str, error: &git2::Error) -> Error {
    let what = format!("cannot {doing}: {}", error.message());
    // libgit2 has no code of its own for a permission that is missing.
    if error.message().contains("ermission denied") || error.message().contains("Read-only file system") {
        return Error::Unauthorized(format!("{what}; check the permissions of the user that kept runs as"));
    }
    Error::Git(what)
}
